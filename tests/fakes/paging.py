from collections.abc import Mapping


def page_of[Row](rows: Mapping[str, Row], before: str | None, limit: int) -> list[Row]:
    """Return rows whose ids come before one, or all, the greatest id first."""
    names = sorted((name for name in rows if before is None or name < before), reverse=True)
    return [rows[name] for name in names[:limit]]
