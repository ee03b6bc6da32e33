"""The bill of materials lists what was built, and there is none of what was not locked."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.build.sbom import WrongBuildError, as_json, bill_of
from tools.locks import Pin

PROJECT = {"name": "mistral-relay", "version": "1.2.3", "license": "Apache-2.0"}
HTTPX = Pin("httpx", "0.28.1", ("a" * 64, "b" * 64))
SIX = Pin("six", "1.17.0", ("c" * 64,))


def built(folder: Path, *packages: tuple[str, str, str]) -> Path:
    """Make a build with these packages (name, version, a line of metadata) in its layer."""
    for part, file in (("ApiFunction", "handler.py"), ("DependenciesLayer", "python/code.py")):
        (path := folder / part / file).parent.mkdir(parents=True)
        path.write_text("pass\n")
    for name, version, line in packages:
        info = folder / "DependenciesLayer" / "python" / f"{name}-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{line}\n"
        (info / "METADATA").write_text(text)
    return folder


@pytest.fixture
def build(tmp_path: Path) -> Path:
    httpx, six = ("httpx", "0.28.1", "License-Expression: BSD-3-Clause"), ("six", "1.17.0", "")
    return built(tmp_path, httpx, six)


def read(build: Path, *pins: Pin) -> dict[str, Any]:
    bill: dict[str, Any] = json.loads(as_json(bill_of(build, list(pins), PROJECT)))
    return bill


def test_it_lists_every_part_and_package_that_ships_and_nothing_else(build: Path) -> None:
    bill = read(build, HTTPX, SIX)

    listed = [(each["name"], each["version"]) for each in bill["components"]]
    ours = [("ApiFunction", "1.2.3"), ("DependenciesLayer", "1.2.3")]
    assert sorted(listed) == sorted([*ours, ("httpx", "0.28.1"), ("six", "1.17.0")])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == "1.2.3"


def test_a_package_has_its_address_the_hashes_of_the_lock_and_its_licence(build: Path) -> None:
    components = {each["name"]: each for each in read(build, HTTPX, SIX)["components"]}

    httpx = components["httpx"]
    (archives,) = httpx["externalReferences"]
    assert httpx["purl"] == "pkg:pypi/httpx@0.28.1"
    assert {each["content"] for each in archives["hashes"]} == set(HTTPX.hashes)
    assert httpx["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert "licenses" not in components["six"]  # not known is not made up


@pytest.mark.parametrize(
    "pins",
    [[HTTPX], [HTTPX, Pin("six", "1.16.0", ()), SIX], [HTTPX, Pin("six", "1.16.0", ())]],
    ids=["a package more", "a package less", "another version"],
)
def test_there_is_no_bill_of_what_was_not_locked(build: Path, pins: list[Pin]) -> None:
    with pytest.raises(WrongBuildError, match="six"):
        bill_of(build, pins, PROJECT)


def test_the_same_build_has_the_same_bill_and_another_file_has_another(build: Path) -> None:
    first, again = read(build, HTTPX, SIX), read(build, HTTPX, SIX)
    (build / "ApiFunction" / "more.py").write_text("pass\n")

    changed = read(build, HTTPX, SIX)

    assert first == again
    assert changed["serialNumber"] != first["serialNumber"]


def test_a_bill_that_the_schema_does_not_take_is_not_written(build: Path) -> None:
    bom = bill_of(build, [HTTPX, SIX], PROJECT)
    bom.version = 0

    with pytest.raises(ValueError, match=r"CycloneDX 1\.6"):
        as_json(bom)
