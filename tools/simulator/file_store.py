"""The files of one simulator, in memory."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal

from tools.simulator.errors import not_found

Purpose = Literal["fine-tune", "batch", "ocr"]
SampleType = Literal["pretrain", "instruct", "batch_request", "batch_result", "batch_error"]
Source = Literal["upload", "repository", "mistral"]
Visibility = Literal["workspace", "user"]

FILE_BYTES_MAX = 512 * 1024 * 1024
JSONL_TYPE = "application/jsonl"
SIGNATURE_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file; times are Unix seconds."""

    id: str
    created_at: int
    filename: str
    purpose: Purpose
    sample_type: SampleType
    content: bytes
    mimetype: str = JSONL_TYPE
    source: Source = "upload"
    visibility: Visibility = "workspace"
    expires_at: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the file as it is described on the wire."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "sample_type": self.sample_type,
            "num_lines": self._num_lines,
            "mimetype": self.mimetype,
            "source": self.source,
            "signature": self._signature,
            "expires_at": self.expires_at,
            "visibility": self.visibility,
        }

    def lines(self) -> list[bytes]:
        """Return the lines that are not blank."""
        return [line for line in self.content.split(b"\n") if line.strip()]

    # Both take a second for a file of the largest size.
    @cached_property
    def _num_lines(self) -> int | None:
        return len(self.lines()) if self.mimetype == JSONL_TYPE else None

    @cached_property
    def _signature(self) -> str:
        return blake2b(self.content, digest_size=SIGNATURE_BYTES).hexdigest()


class FileStore:
    """Finds files by id; one that has expired is gone."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def add(self, file: StoredFile) -> None:
        """Keep a file."""
        self._files[file.id] = file

    def get(self, file_id: str, *, at: float) -> StoredFile:
        """Return the file, or raise the 404."""
        self._drop_expired(at)
        if file_id not in self._files:
            raise not_found("File", file_id)
        return self._files[file_id]

    def delete(self, file_id: str, *, at: float) -> None:
        """Forget the file, or raise the 404."""
        self.get(file_id, at=at)
        del self._files[file_id]

    def newest_first(self, *, at: float) -> list[StoredFile]:
        """Return all files."""
        self._drop_expired(at)
        return list(reversed(self._files.values()))

    def _drop_expired(self, at: float) -> None:
        for file in list(self._files.values()):
            if file.expires_at is not None and file.expires_at <= at:
                del self._files[file.id]
