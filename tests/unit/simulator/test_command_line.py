"""The command line."""

import pytest

from tools.simulator.__main__ import main
from tools.simulator.serving import listen


@pytest.mark.parametrize(
    "arguments",
    [[], ["--port", "70000"], ["--port", "x"], ["--port", "0", "--host", "0.0.0.0"]],  # noqa: S104 - refused
)
def test_only_a_port_of_this_machine_is_served(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_port_zero_is_any_free_one() -> None:
    with listen("127.0.0.1", 0) as first, listen("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]
