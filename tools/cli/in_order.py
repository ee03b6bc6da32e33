"""Many acts at once, and what came of them in the order in which they were asked for."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Queue, SimpleQueue
from threading import Thread

AHEAD = 8  # acts that may be done before the oldest is, for each one at work


class _Task[Item, Outcome]:
    """An item, and in the end one thing: what came of it, or what was raised."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self._ended: SimpleQueue[tuple[Outcome] | BaseException] = SimpleQueue()

    def run(self, act: Callable[[Item], Outcome]) -> None:
        try:
            self._ended.put((act(self.item),))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._ended.put(error)

    def outcome(self) -> Outcome:
        ended = self._ended.get()
        if isinstance(ended, BaseException):
            raise ended
        return ended[0]


def in_order[Item, Outcome](
    items: Iterable[Item], act: Callable[[Item], Outcome], *, concurrency: int
) -> Iterator[Outcome]:
    """Yield what comes of each item, and raise what an act raised when its turn has come.

    The threads are daemons, so that Ctrl-C need not wait for answers that are being held.
    """
    tasks: Queue[_Task[Item, Outcome] | None] = Queue()
    for _ in range(concurrency):
        Thread(target=_work, args=(tasks, act), daemon=True).start()
    begun: deque[_Task[Item, Outcome]] = deque()
    try:
        for item in items:
            begun.append(_Task(item))
            tasks.put(begun[-1])
            if len(begun) >= concurrency * AHEAD:
                yield begun.popleft().outcome()
        while begun:
            yield begun.popleft().outcome()
    finally:
        _leave_undone(tasks)
        for _ in range(concurrency):
            tasks.put(None)


def _work[Item, Outcome](
    tasks: Queue[_Task[Item, Outcome] | None], act: Callable[[Item], Outcome]
) -> None:
    while (task := tasks.get()) is not None:  # ends with the None that each thread is given
        task.run(act)


def _leave_undone[Task](tasks: Queue[Task]) -> None:
    """Take away what was not begun."""
    try:
        while True:  # ends with the last one
            tasks.get_nowait()
    except Empty:
        return
