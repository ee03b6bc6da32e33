"""The pruned layer: AWS is reached exactly as with everything botocore brings."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore
import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import Loader

PRUNE = Path(__file__).parents[3] / "layers/dependencies/prune.py"
BOTOCORE_DATA = Path(botocore.__file__).parent / "data"
REGIONS = [
    "us-east-1",
    "eu-west-1",
    "eu-west-3",
    "ap-southeast-2",
    "cn-north-1",
    "us-gov-west-1",
    "eu-west-99",  # newer than the table
]
OPERATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "dynamodb": ("list_tables", {}),
    "events": ("list_event_buses", {}),
    "s3": ("get_object", {"Bucket": "a-bucket", "Key": "a key"}),
    "secretsmanager": ("list_secrets", {}),
    "sqs": ("list_queues", {}),
}


def load_prune() -> ModuleType:
    """Load the module from where SAM needs it, which no package reaches."""
    spec = importlib.util.spec_from_file_location("prune", PRUNE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prune = load_prune()


@pytest.fixture(scope="module")
def pruned_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Botocore's data, pruned. The services that pruning drops anyway are not even copied."""
    data = tmp_path_factory.mktemp("botocore") / "data"
    data.mkdir()
    for entry in BOTOCORE_DATA.iterdir():
        if entry.is_file():
            shutil.copy(entry, data)
        elif entry.name in {*prune.SERVICES, "sts"}:
            shutil.copytree(entry, data / entry.name)
    prune.prune_botocore_data(data)
    return data


def links(data: Path, service: str, region: str) -> tuple[str, str]:
    """Return where a client goes, and a signed link: it names the region and service signed for."""
    with pytest.MonkeyPatch.context() as patch:
        # In botocore's own place, as in the layer. Data from elsewhere resolves by older rules.
        patch.setattr(Loader, "BUILTIN_DATA_PATH", str(data))
        client: Any = botocore.session.Session().create_client(
            service,
            region_name=region,
            aws_access_key_id="id",
            aws_secret_access_key="secret",
            config=Config(signature_version="s3v4" if service == "s3" else "v4"),
        )
        operation, arguments = OPERATIONS[service]
        link: str = client.generate_presigned_url(operation, Params=arguments)
    until_time = link.partition("X-Amz-Date")[0]  # what follows changes from call to call
    return client.meta.endpoint_url, until_time


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", sorted(prune.SERVICES))
def test_a_client_goes_to_the_same_place_and_signs_for_the_same(
    pruned_data: Path, service: str, region: str
) -> None:
    assert links(pruned_data, service, region) == links(BOTOCORE_DATA, service, region)


def test_every_partition_stays(pruned_data: Path) -> None:
    def partitions(data: Path) -> list[str]:
        table = json.loads((data / "endpoints.json").read_text("utf-8"))
        return [partition["partition"] for partition in table["partitions"]]

    assert partitions(pruned_data) == partitions(BOTOCORE_DATA)


def test_services_that_nothing_uses_go(pruned_data: Path) -> None:
    folders = {entry.name for entry in pruned_data.iterdir() if entry.is_dir()}

    assert folders == prune.SERVICES


def test_a_packages_name_version_and_licence_stay(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.0.dist-info"
    (info / "licenses").mkdir(parents=True)
    for name in ("METADATA", "RECORD", "WHEEL", "LICENSE.txt"):
        (info / name).touch()

    prune.prune_metadata(info)

    assert {entry.name for entry in info.iterdir()} == {"METADATA", "licenses", "LICENSE.txt"}
