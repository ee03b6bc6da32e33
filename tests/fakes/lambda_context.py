from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class FakeLambdaContext:
    """An invocation that has so much time left."""

    left: timedelta = timedelta(seconds=29)

    def get_remaining_time_in_millis(self) -> int:
        return self.left // timedelta(milliseconds=1)
