"""Take out of the layer what no function loads, descriptions of other AWS services above all.

It lies beside the layer's Makefile, because SAM builds the layer from a copy of this folder.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

SERVICES = frozenset({"dynamodb", "events", "s3", "secretsmanager", "sqs"})
# Of a package's metadata, its name and version (read by importlib.metadata) and its licences.
METADATA_KEPT = frozenset({"METADATA", "licenses"})

# Powertools logs here and does no more. What of it is needed after all, the import of every
# built handler tells (`make build`).
POWERTOOLS_UTILITIES_KEPT = frozenset({"jmespath_utils"})


def prune(packages: Path) -> None:
    """Prune the packages installed into the folder *packages*."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for info in packages.glob("*.dist-info"):
        prune_metadata(info)
    prune_powertools(packages / "aws_lambda_powertools")
    prune_botocore_data(packages / "botocore" / "data")


def prune_metadata(info: Path) -> None:
    """Keep a package's name, version and licences."""
    for entry in info.iterdir():
        if entry.name in METADATA_KEPT or entry.name.startswith(("LICENSE", "NOTICE", "COPYING")):
            continue
        remove(entry)


def prune_powertools(package: Path) -> None:
    """Keep what logging imports: two thirds of the package's files are for other things."""
    shutil.rmtree(package / "event_handler")
    for entry in (package / "utilities").iterdir():
        if entry.is_dir() and entry.name not in POWERTOOLS_UTILITIES_KEPT:
            shutil.rmtree(entry)


def prune_botocore_data(data: Path) -> None:
    """Keep the newest description of each service in use, and the endpoints of no other."""
    for service in data.iterdir():
        if not service.is_dir():
            continue
        if service.name not in SERVICES:
            shutil.rmtree(service)
            continue
        *outdated, newest = sorted(service.iterdir())
        for entry in (*outdated, *newest.glob("examples-*")):
            remove(entry)
    endpoints = data / "endpoints.json"
    pruned = without_other_services(json.loads(endpoints.read_text("utf-8")))
    endpoints.write_text(json.dumps(pruned, separators=(",", ":")), "utf-8")


def without_other_services(endpoints: dict[str, Any]) -> dict[str, Any]:
    """Return botocore's table of endpoints with every partition, and only the services in use.

    Reading the whole table takes longer than reading all the service descriptions that are kept.
    """
    return {
        **endpoints,
        "partitions": [
            {
                **partition,
                "services": {
                    name: service
                    for name, service in partition["services"].items()
                    if name in SERVICES
                },
            }
            for partition in endpoints["partitions"]
        ],
    }


def remove(path: Path) -> None:
    """Remove a file, or a folder with what is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
