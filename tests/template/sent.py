"""The template as CloudFormation sees it."""

import json
from functools import cache
from pathlib import Path

from tools.template import Template, read_template, translated, with_code_at

FILE = Path(__file__).parents[2] / "template.yaml"
REGION = "eu-west-1"


@cache
def sent_template() -> Template:
    """Return the template after the SAM transform. Nobody may change it."""
    source = with_code_at(read_template(FILE), lambda logical_id: f"s3://code/{logical_id}")
    # By way of JSON, which is how CloudFormation gets it: SAM leaves dicts of its own kind behind.
    sent: Template = json.loads(json.dumps(translated(source, REGION)))
    return sent
