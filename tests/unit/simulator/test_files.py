"""Files: uploaded, listed, read by key and by signed address, expired and deleted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulator.driving import BEGINNING, HandTurnedClock, Wire
from tools.simulator.forms import read_form
from tools.simulator.simulator import Simulator

FILES = "/v1/files"
HOUR = 3600


def names(wire: Wire, query: str) -> list[str]:
    answer = wire.get(f"{FILES}?{query}")
    assert answer.status_code == 200, answer.text
    return [file["filename"] for file in answer.json()["data"]]


def test_a_file_is_described_as_it_was_uploaded(wire: Wire) -> None:
    file = wire.upload(b"{}\n{}\n\n").json()

    assert file == {
        "id": file["id"],
        "object": "file",
        "bytes": 7,
        "created_at": BEGINNING,
        "filename": "in.jsonl",
        "purpose": "batch",
        "sample_type": "batch_request",
        "num_lines": 2,
        "mimetype": "application/jsonl",
        "source": "upload",
        "signature": file["signature"],
        "expires_at": None,
        "visibility": "workspace",
    }
    assert wire.get(f"{FILES}/{file['id']}").json() == {**file, "deleted": False}


@pytest.mark.parametrize("content", [b"", b"\r\n--x\r\n\x00\xff", b"a\n" * 1000])
def test_the_content_comes_back_byte_for_byte(wire: Wire, content: bytes) -> None:
    file_id = wire.upload(content).json()["id"]

    answer = wire.get(f"{FILES}/{file_id}/content")

    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"


def test_ids_follow_from_the_seed_and_the_order_of_calls(clock: HandTurnedClock) -> None:
    def ids(seed: int) -> list[str]:
        with Wire(Simulator(clock=clock)) as wire:
            wire.behave(seed=seed)
            return [wire.upload(b"x").json()["id"] for _ in range(2)]

    assert ids(1) == ids(1)
    assert len({*ids(1), *ids(2)}) == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["page.pdf", "tune.jsonl", "two.jsonl", "one.jsonl"]),
        ("purpose=batch", ["two.jsonl", "one.jsonl"]),
        ("search=ONE", ["one.jsonl"]),
        ("sample_type=instruct&sample_type=batch_result", ["tune.jsonl"]),
        ("source=mistral", []),
        ("mimetypes=application/pdf", ["page.pdf"]),
        ("page=1&page_size=3", ["one.jsonl"]),
    ],
)
def test_the_list_is_filtered_and_paged_with_the_newest_first(
    wire: Wire, query: str, expected: list[str]
) -> None:
    for name, purpose in (("one", "batch"), ("two", "batch"), ("tune", "fine-tune")):
        wire.upload(b"{}", f"{name}.jsonl", purpose=purpose)
    wire.upload(b"%PDF", "page.pdf", purpose="ocr")

    assert names(wire, query) == expected


def test_the_total_counts_all_pages_or_is_left_out(wire: Wire) -> None:
    wire.upload(b"{}")
    wire.upload(b"{}")

    assert wire.get(f"{FILES}?page_size=1").json()["total"] == 2
    assert wire.get(f"{FILES}?page_size=1&include_total=false").json()["total"] is None


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_deleted_file_is_gone(wire: Wire, method: str) -> None:
    path = f"{FILES}/{wire.upload(b'{}').json()['id']}"

    deleted = wire.ask("DELETE", path)

    assert deleted.json()["deleted"] is True
    assert wire.ask(method, path).status_code == 404
    assert names(wire, "") == []


def test_a_file_expires(wire: Wire, clock: HandTurnedClock) -> None:
    file = wire.upload(b"{}", expiry=24).json()

    clock.turn(24 * HOUR)

    assert file["expires_at"] == BEGINNING + 24 * HOUR
    assert wire.get(f"{FILES}/{file['id']}/content").status_code == 404


def test_a_signed_address_opens_without_a_key_for_so_many_hours(
    wire: Wire, clock: HandTurnedClock
) -> None:
    file_id = wire.upload(b"bees").json()["id"]
    url = wire.get(f"{FILES}/{file_id}/url?expiry=2").json()["url"]
    no_key = {"authorization": ""}

    assert url.startswith("http://simulator.invalid/")
    assert wire.ask("GET", url, headers=no_key).content == b"bees"
    assert wire.ask("GET", url[:-1] + "x", headers=no_key).status_code == 404
    clock.turn(2 * HOUR)
    assert wire.ask("GET", url, headers=no_key).status_code == 404


def test_a_file_above_the_limit_is_413(simulator: Simulator) -> None:
    with Wire(simulator, file_bytes_max=100) as wire:
        assert wire.upload(bytes(100)).status_code == 200
        assert wire.upload(bytes(101)).status_code == 413


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"purpose": "lunch"}, "purpose"),
        ({"visibility": "public"}, "visibility"),
        ({"expiry": "soon"}, "expiry"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_malformed_field_is_422_and_named(wire: Wire, fields: dict[str, Any], place: str) -> None:
    answer = wire.upload(b"{}", **fields)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", place]


def test_an_upload_that_is_no_form_or_has_no_file_is_422(wire: Wire) -> None:
    boundary = {"content-type": "multipart/form-data; boundary=x"}

    no_form = wire.post(FILES, {"purpose": "batch"})
    broken = wire.ask("POST", FILES, content=b"--x\r\n", headers=boundary)
    no_file = wire.ask("POST", FILES, content=b"--x--\r\n", headers=boundary)

    assert [each.status_code for each in (no_form, broken, no_file)] == [422, 422, 422]
    assert no_file.json()["detail"][0]["loc"] == ["body", "file"]


@pytest.mark.parametrize("query", ["page=-1", "page_size=0", "purpose=lunch", "sample_type=x"])
def test_a_malformed_query_is_422_and_named(wire: Wire, query: str) -> None:
    answer = wire.get(f"{FILES}?{query}")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["query", query.partition("=")[0]]


@settings(deadline=None)
@given(content=st.binary(max_size=300), name=st.text(st.characters(categories=["L"]), min_size=1))
def test_whatever_goes_into_a_form_comes_out_of_it(content: bytes, name: str) -> None:
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--edge--\r\n"

    form = read_form("multipart/form-data; boundary=edge", body)

    assert form.files["file"].content == content
    assert form.files["file"].filename == name
