"""Which release this is."""

from importlib import metadata


def version() -> str:
    """Return the installed version, or say that there is none."""
    try:
        return metadata.version("mistral-relay")
    except metadata.PackageNotFoundError:
        return "0+uninstalled"
