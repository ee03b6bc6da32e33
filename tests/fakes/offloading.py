from typing import Any


async def offload(function: Any, *arguments: Any, **named: Any) -> Any:
    """Call directly: nothing blocks in a fake."""
    return function(*arguments, **named)
