"""The paths under /v1/files."""

import mimetypes
from hashlib import blake2b
from pathlib import PurePath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.simulator.call import Answer, Call, json_answer
from tools.simulator.errors import PAYLOAD_TOO_LARGE, RefusalError, not_found, unusable_field
from tools.simulator.file_store import (
    FILE_BYTES_MAX,
    JSONL_TYPE,
    FileStore,
    Purpose,
    SampleType,
    Source,
    StoredFile,
    Visibility,
)
from tools.simulator.forms import Upload, read_form
from tools.simulator.parsing import Query, parse_query, unprocessable

BINARY_TYPE = "application/octet-stream"
SECONDS_PER_HOUR = 3600
FORM_BYTES_MAX = 1024 * 1024  # what a form may add to the file in it
PAGE_SIZE_MAX = 1_000
SIGNED_PATH = "/_simulator/files/{file_id}"

_SAMPLE_TYPES: dict[Purpose, SampleType] = {
    "batch": "batch_request",
    "fine-tune": "instruct",
    "ocr": "pretrain",  # no type fits a document; the field is required all the same
}


class UploadFields(BaseModel):
    """What comes beside the file. The unit of ``expiry`` is not documented; hours are ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Purpose = "fine-tune"
    visibility: Visibility = "workspace"
    expiry: Annotated[int, Field(ge=1)] | None = None


class FilesQuery(Query):
    """The filters of the list; what is left out lets all pass."""

    page: Annotated[int, Field(ge=0)] = 0
    page_size: Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)] = 100
    include_total: bool = True
    sample_type: tuple[SampleType, ...] = ()
    source: tuple[Source, ...] = ()
    search: str | None = None
    purpose: Purpose | None = None
    mimetypes: tuple[str, ...] = ()

    def admits(self, file: StoredFile) -> bool:
        """Say whether the file passes every filter."""
        return (
            (not self.sample_type or file.sample_type in self.sample_type)
            and (not self.source or file.source in self.source)
            and (self.search is None or self.search.lower() in file.filename.lower())
            and (self.purpose is None or file.purpose == self.purpose)
            and (not self.mimetypes or file.mimetype in self.mimetypes)
        )


class UrlQuery(Query):
    """How many hours a signed address holds."""

    expiry: Annotated[int, Field(ge=1, le=168)] = 24


class Files:
    """The endpoints, around the files they share with batches."""

    def __init__(self, store: FileStore, *, file_bytes_max: int = FILE_BYTES_MAX) -> None:
        self._store = store
        self._file_bytes_max = file_bytes_max

    @property
    def body_bytes_max(self) -> int:
        """The most that an upload may weigh with its form."""
        return self._file_bytes_max + FORM_BYTES_MAX

    def upload(self, call: Call) -> Answer:
        """POST /v1/files."""
        form = read_form(call.content_type, call.body)
        try:
            fields = UploadFields.model_validate(form.without_nulls())
        except ValidationError as error:
            raise unprocessable(error, "body") from error
        if "file" not in form.files:
            raise unusable_field(["body", "file"], "missing", "Field required")
        upload = form.files["file"]
        if len(upload.content) > self._file_bytes_max:
            raise RefusalError(PAYLOAD_TOO_LARGE, {"detail": "File too large"})
        file = _stored(call, fields, upload)
        self._store.add(file)
        return json_answer(file.as_json())

    def show_all(self, call: Call) -> Answer:
        """GET /v1/files."""
        query = parse_query(FilesQuery, call.query)
        found = [f for f in self._store.newest_first(at=call.at_unix_seconds) if query.admits(f)]
        start = query.page * query.page_size
        page = [file.as_json() for file in found[start : start + query.page_size]]
        total = len(found) if query.include_total else None
        return json_answer({"data": page, "object": "list", "total": total})

    def retrieve(self, call: Call) -> Answer:
        """GET /v1/files/{file_id}."""
        return json_answer({**self._asked_for(call).as_json(), "deleted": False})

    def download(self, call: Call) -> Answer:
        """GET /v1/files/{file_id}/content."""
        return Answer(200, (self._asked_for(call).content,), BINARY_TYPE)

    def sign(self, call: Call) -> Answer:
        """GET /v1/files/{file_id}/url: an address that opens without a key."""
        hours = parse_query(UrlQuery, call.query).expiry
        file = self._asked_for(call)
        until = int(call.at_unix_seconds) + hours * SECONDS_PER_HOUR
        path = SIGNED_PATH.format(file_id=file.id)
        signed = f"{path}?until={until}&signature={_signature(file.id, str(until))}"
        return json_answer({"url": call.address + signed})

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/files/{file_id}."""
        file_id = call.path_params["file_id"]
        self._store.delete(file_id, at=call.at_unix_seconds)
        return json_answer({"id": file_id, "object": "file", "deleted": True})

    def open_signed(self, file_id: str, *, until: str, signature: str, at: float) -> bytes:
        """Return the content behind a signed address, or raise the 404 for one that is none."""
        if signature != _signature(file_id, until) or float(until) <= at:
            raise not_found("File", file_id)
        return self._store.get(file_id, at=at).content

    def _asked_for(self, call: Call) -> StoredFile:
        return self._store.get(call.path_params["file_id"], at=call.at_unix_seconds)


def _stored(call: Call, fields: UploadFields, upload: Upload) -> StoredFile:
    created_at = int(call.at_unix_seconds)
    expires_at = None if fields.expiry is None else created_at + fields.expiry * SECONDS_PER_HOUR
    return StoredFile(
        id=call.new_uuid("file"),
        created_at=created_at,
        filename=upload.filename,
        purpose=fields.purpose,
        sample_type=_SAMPLE_TYPES[fields.purpose],
        content=upload.content,
        mimetype=_mimetype(upload),
        visibility=fields.visibility,
        expires_at=expires_at,
    )


def _mimetype(upload: Upload) -> str:
    if upload.content_type not in (BINARY_TYPE, "text/plain"):
        return upload.content_type
    if PurePath(upload.filename).suffix == ".jsonl":
        return JSONL_TYPE
    return mimetypes.guess_type(upload.filename)[0] or BINARY_TYPE


def _signature(file_id: str, until: str) -> str:
    """Keep a signed address from being made up by accident; nothing here is a secret."""
    return blake2b(f"{file_id}/{until}".encode(), digest_size=16).hexdigest()
