import json
from pathlib import Path

import pytest

from tools.template import Template, read_template, translated, with_code_at

FILE = Path(__file__).parents[2] / "template.yaml"


@pytest.fixture(scope="session")
def template() -> Template:
    """Return the template as CloudFormation sees it. Nobody may change it."""
    source = with_code_at(read_template(FILE), lambda logical_id: f"s3://code/{logical_id}")
    # By way of JSON, which is how CloudFormation gets it: SAM leaves dicts of its own kind behind.
    sent: Template = json.loads(json.dumps(translated(source, "eu-west-1")))
    return sent
