r"""Write down what ships: a bill of materials in CycloneDX 1.6, of what `sam build` made.

Usage: ``sbom.py <build for AWS> <file to write>``. It lists the packages that are really in the
layer and fails where these are not the locked ones. The same build makes the same file, so it
holds no time. A folder's digest is what
``find . -type f | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum`` prints in it.
"""

import hashlib
import sys
import tomllib
import uuid
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from tools.locks import REPOSITORY, SHIPPED, Pin, pins_of

PACKAGES = "DependenciesLayer"
DIGEST = "mistral-relay:folder-sha256"
LAYER = "mistral-relay:in"
_LICENSES = LicenseFactory()


class WrongBuildError(Exception):
    """What was built is not what was locked."""


def bill_of(build: Path, pins: list[Pin], project: dict[str, str]) -> Bom:
    """Return the bill of a build.

    Raises:
        WrongBuildError: the packages in the layer are not those that are locked.
    """
    packages = list(distributions(path=[str(build / PACKAGES / "python")]))
    _compare(packages, pins)
    hashes = {pin.name: pin.hashes for pin in pins}
    whole = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        licenses=[_LICENSES.make_from_string(project["license"])],
        bom_ref=project["name"],
    )
    parts = [
        Component(
            name=folder.name,
            version=project["version"],
            type=ComponentType.LIBRARY
            if folder.name.endswith("Layer")
            else ComponentType.APPLICATION,
            bom_ref=folder.name,
            properties=[Property(name=DIGEST, value=digest_of(folder))],
        )
        for folder in sorted(entry for entry in build.iterdir() if entry.is_dir())
    ]
    shipped = [_component(package, hashes[canonicalize_name(package.name)]) for package in packages]
    bom = Bom(components=[*parts, *shipped])
    bom.metadata.component = whole
    bom.register_dependency(whole, parts)
    for part in parts:
        bom.register_dependency(part, shipped if part.name == PACKAGES else [])
    digests = " ".join(digest_of(build / part.name) for part in parts)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, digests)
    return bom


def _compare(packages: list[Distribution], pins: list[Pin]) -> None:
    built = sorted((canonicalize_name(package.name), package.version) for package in packages)
    locked = sorted((pin.name, pin.version) for pin in pins)
    if built != locked:
        unlike = sorted(set(built) ^ set(locked)) or built
        raise WrongBuildError(f"built and locked differ in {unlike}")


def _component(package: Distribution, hashes: tuple[str, ...]) -> Component:
    name = canonicalize_name(package.name)
    purl = PackageURL("pypi", None, name, package.version)
    archives = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="The archives that the lock allows; one of them is in the layer, pruned.",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
    )
    license_text = package.metadata.get("License-Expression") or package.metadata.get("License")
    return Component(
        name=name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=[_LICENSES.make_from_string(license_text)] if license_text else None,
        external_references=[archives],
        properties=[Property(name=LAYER, value=PACKAGES)],
    )


def digest_of(folder: Path) -> str:
    """Return one SHA-256 for all files in a folder, names and contents."""
    files = (file for file in folder.rglob("*") if file.is_file())
    lines = sorted(
        (f"./{file.relative_to(folder)}", hashlib.sha256(file.read_bytes()).hexdigest())
        for file in files
    )
    text = "".join(f"{digest}  {name}\n" for name, digest in lines)
    return hashlib.sha256(text.encode()).hexdigest()


def as_json(bom: Bom) -> str:
    """Return a bill as JSON that was held to the schema.

    Raises:
        ValueError: the schema does not take it.
    """
    # No time: what is the same shall read the same.
    bom.metadata.timestamp = None  # type: ignore[assignment]  # its setter takes what its type hides
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise ValueError(f"not CycloneDX 1.6: {error}")
    return text + "\n"


def main(build: Path, target: Path) -> int:
    """Write the bill of a build, and return the exit status."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    try:
        bom = bill_of(build, pins_of(SHIPPED.read_text("utf-8")), project)
    except WrongBuildError as error:
        print(f"no bill of materials: {error}")
        return 1
    target.write_text(as_json(bom), "utf-8")
    print(f"{target}: {len(bom.components)} components")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
