"""Multipart forms, read from the whole body at once.

Source: https://datatracker.ietf.org/doc/html/rfc7578. Starlette's own reader would need a package
more, and reads from a request where an endpoint here has the bytes already.
"""

from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from typing import Any

from tools.simulator.errors import unusable_field

PARTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in a form."""

    filename: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Form:
    """The fields by name, which may be repeated; and the files, of a name the last."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def without_nulls(self) -> dict[str, Any]:
        """Return the fields, a repeated one as a list; those of empty text are left out."""
        return {
            name.removesuffix("[]"): values if len(values) > 1 else values[0]
            for name, values in self.fields.items()
            if any(values)
        }


def read_form(content_type: str, body: bytes) -> Form:
    """Return the form, or raise the 422 for a body that is none."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise unusable_field(["body"], "missing", "Field required")
    # The line break in front of a boundary belongs to it, so that the first needs one as well.
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), PARTS_MAX)
    if not parts or not parts[-1].startswith(b"--"):
        raise unusable_field(["body"], "multipart_invalid", "There was an error parsing the body")
    form = Form()
    for part in parts[:-1]:
        _add(form, part)
    return form


def _add(form: Form, part: bytes) -> None:
    head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    headers = HeaderParser().parsestr(head.decode(errors="replace"))
    name = str(headers.get_param("name", "", header="content-disposition"))
    filename = headers.get_filename()
    if filename is None:
        form.fields.setdefault(name, []).append(content.decode(errors="replace"))
    else:
        form.files[name] = Upload(filename, content, headers.get_content_type())
