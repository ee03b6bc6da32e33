import pytest

from tests.template.sent import sent_template
from tools.template import Template


@pytest.fixture(scope="session")
def template() -> Template:
    """Return the template as CloudFormation sees it. Nobody may change it."""
    return sent_template()
