"""Clients of the local cloud, for those who set it up and look into it: they may do everything."""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

from tools.local.parts import REGION

ROOT_KEY = "test"  # ministack lets whoever signs with it do everything


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


def client(service: str, endpoint: str) -> Any:
    """Return a client of one service. Nothing of the caller's own AWS configuration is used."""
    return _session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        config=Config(
            connect_timeout=2,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 2},
            proxies={},
        ),
    )
