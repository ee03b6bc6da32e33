from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.cloud import Cloud

# Machines differ in speed, and a failure must come again on the next run.
settings.register_profile("relay", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("relay")


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """An AWS account of one test's own, with the table and the bucket in it."""
    from moto import mock_aws  # noqa: PLC0415 - slow to import, and most tests need none

    with mock_aws():
        cloud = Cloud()
        cloud.create_table()
        cloud.create_bucket()
        yield cloud
