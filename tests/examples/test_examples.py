"""What can be said of the examples without a browser: each is listed, explained, pinned, and as small as it says."""

import json
import re

import pytest

from tests import audit
from tests.server import ROOT

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
WITH_NODE = [path for path in EXAMPLES if (path / "package.json").exists()]


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_listed_and_explained(folder):
    """In the table, and in a README with the commands that start it."""
    assert f"[{folder.name}]({folder.name})" in (ROOT / "examples/README.md").read_text("utf-8")
    assert "```sh" in (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize("folder", WITH_NODE, ids=lambda folder: folder.name)
def test_what_an_example_needs_is_pinned(folder):
    """To one version each, and the lock names no place to get it from."""
    package = json.loads((folder / "package.json").read_text("utf-8"))
    pins = {**package.get("dependencies", {}), **package.get("devDependencies", {})}

    assert [pin for pin in pins.values() if not re.fullmatch(r"\d+\.\d+\.\d+(-[a-z]+\.\d+)?", pin)] == []
    assert '"resolved"' not in (folder / "package-lock.json").read_text("utf-8")


def test_the_script_needs_what_the_service_is_locked_to():
    """By version and hash: what is updated here is updated there."""
    folder = ROOT / "examples/python-script"
    lock = audit.read_lock((folder / "requirements.txt").read_text("utf-8"))
    service = audit.read_lock((ROOT / "requirements.txt").read_text("utf-8"))

    assert list(audit.unlike_its_pins(lock, audit.read_pins((folder / "requirements.in").read_text("utf-8")))) == []
    assert list(audit.apart(lock, service)) == []


def test_the_plain_page_has_thirty_lines():
    """As its README and its place in the table say."""
    assert len((ROOT / "examples/plain-html/index.html").read_text("utf-8").splitlines()) <= 30
