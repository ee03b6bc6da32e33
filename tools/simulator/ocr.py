"""POST /v1/ocr: pages of Markdown for a document that is never fetched."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field

from tools.simulator.call import Answer, Call, json_answer
from tools.simulator.errors import invalid_arguments
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.samples import sample
from tools.simulator.schema import Closed, DocumentChunk, FileChunk, ImageChunk, ResponseFormat
from tools.simulator.writing import compose, dice

PAGES_PER_DOCUMENT_MAX = 5
BYTES_PER_PAGE = 40_000
SHEET = {"dpi": 200, "height": 2200, "width": 1700}
MARGIN = 100

_PAGE_RANGES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


class OcrRequest(Closed):
    """The body."""

    model: str | None
    document: Annotated[DocumentChunk | ImageChunk | FileChunk, Field(discriminator="type")]
    id: str | None = None
    pages: list[int] | str | None = None
    include_image_base64: bool | None = None
    image_limit: int | None = None
    image_min_size: int | None = None
    bbox_annotation_format: ResponseFormat | None = None
    document_annotation_format: ResponseFormat | None = None
    document_annotation_prompt: str | None = None
    table_format: Literal["markdown", "html"] | None = None
    extract_header: bool = False
    extract_footer: bool = False
    include_blocks: bool = False
    confidence_scores_granularity: Literal["page", "word", "block"] | None = None


def read_document(call: Call) -> Answer:
    """Read the pages asked for, of as many as the document's address decides."""
    request = parse(OcrRequest, call.body)
    name = request.model or "mistral-ocr-latest"
    find_model(name, "ocr")
    document = request.document.model_dump_json()
    total = 1
    if not isinstance(request.document, ImageChunk):
        total = dice(document).randint(1, PAGES_PER_DOCUMENT_MAX)
    pages = [_page(document, index, request) for index in _pages_wanted(request.pages, total)]
    return json_answer(
        {
            "pages": pages,
            "model": name,
            "document_annotation": _annotation(document, request.document_annotation_format),
            "usage_info": {
                "pages_processed": len(pages),
                "doc_size_bytes": total * BYTES_PER_PAGE,
            },
        }
    )


def _pages_wanted(pages: list[int] | str | None, total: int) -> list[int]:
    if pages is None:
        return list(range(total))
    if isinstance(pages, str):
        if not _PAGE_RANGES.fullmatch(pages):
            raise invalid_arguments("pages is a list of numbers and ranges, such as 0,2-4")
        ranges = (part.partition("-") for part in pages.split(","))
        spans = [(int(first), int(last or first)) for first, _, last in ranges]
        return [page for page in range(total) if any(a <= page <= b for a, b in spans)]
    return [page for page in range(total) if page in pages]


def _page(document: str, index: int, request: OcrRequest) -> dict[str, Any]:
    text = compose("", dice(document, index))
    page = {
        "index": index,
        "markdown": f"# Page {index + 1}\n\n{text}",
        "images": [],
        "dimensions": SHEET,
    }
    if request.extract_header:
        page["header"] = None
    if request.extract_footer:
        page["footer"] = None
    if request.include_blocks:
        page["blocks"] = [_block(text)]
    return page


def _block(text: str) -> dict[str, Any]:
    return {
        "type": "text",
        "top_left_x": MARGIN,
        "top_left_y": MARGIN,
        "bottom_right_x": SHEET["width"] - MARGIN,
        "bottom_right_y": SHEET["height"] - MARGIN,
        "content": text,
    }


def _annotation(document: str, wanted: ResponseFormat | None) -> str | None:
    if wanted is None or wanted.json_schema is None:
        return None
    return json.dumps(sample(wanted.json_schema.schema_definition, dice(document)))
