"""The documentation is whole: what there is has its place in it, a page its place in the site, a link its target."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from app import create_app
from config import Settings
from proxy import errors
from scaffold.__main__ import main as scaffold
from tests.docs import build
from tests.test_security_page import anchors

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
REFERENCE = (ROOT / "docs/REFERENCE.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs/OPERATIONS.md").read_text("utf-8")
PAGES = build.pages()
KINDS = ("Tutorial", "How to", "Reference", "Explanation")


def rows(text: str) -> str:
    """The first cells of all tables of a page."""
    return "\n".join(re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE))


def names_in(nav: Any) -> Iterator[str]:
    """The files of a navigation, at any depth."""
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from names_in(part)


def test_every_setting_has_a_row():
    """Under its variable's name; as many as there are fields."""
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", rows(README)))
    settings = {setting.name.upper() for setting in fields(Settings) if setting.metadata}

    assert len(settings) > 30
    assert settings - told == set()
    assert told - settings == {"NEXTAUTH_SECRET", "AUTH_SECRET", "AUTH_SECRET_1", "_3"} & told


def test_every_error_has_a_row():
    """Under its status and with its code; and no row has a code that is none."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BffError)]
    table = README.split("### Errors", 1)[1].split("\n## ", 1)[0]
    told = [
        (status, code)
        for status, codes in re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", table, re.M)
        for code in codes.split(", ")
    ]

    assert len(kinds) == len(told) >= 13
    assert {code.strip(" `") for _, code in told} == {kind.code for kind in kinds}
    assert [
        kind.code for kind in kinds if not any(str(kind.status) in at and kind.code in code for at, code in told)
    ] == []


def test_every_metric_has_a_row(settings):
    """Those that /metrics shows; tests/test_operations_page.py compares their types and labels too."""
    shown = create_app(settings).test_client().get("/metrics").text
    metrics = {name for name in re.findall(r"^# TYPE (bff_\w+) ", shown, re.MULTILINE) if not name.endswith("_created")}

    assert len(metrics) > 10
    assert metrics - set(re.findall(r"`(bff_\w+)`", rows(OPERATIONS))) == set()


def test_every_target_of_make_has_a_row():
    """Those that say what they are for."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert len(targets) > 20
    assert targets - set(re.findall(r"`make ([a-z-]+)`", rows(REFERENCE))) == set()


def test_every_command_of_flasks_has_a_row():
    """And what a page tells to run with Flask is there."""
    everywhere = "\n".join((ROOT / page).read_text("utf-8") for page in PAGES)
    ours = set(scaffold.list_commands(click.Context(scaffold)))

    assert ours - set(re.findall(r"`\.venv/bin/flask ([a-z-]+)", rows(REFERENCE))) == set()
    assert set(re.findall(r"\.venv/bin/flask ([a-z-]+)", everywhere)) <= ours | {"run", "routes", "--app"}


def test_every_page_is_in_the_navigation():
    """Under one of the four kinds; the start page and the decisions aside, which are there by themselves."""
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    kinds = {kind: set(names_in(part)) for section in nav[1:] for kind, part in section.items()}
    places = {str(place) for place in PAGES.values() if place.parent.name != "decisions"}

    assert tuple(kinds) == KINDS
    assert nav[0] == "index.md"
    assert set().union(*kinds.values()) - {"decisions/"} == places - {"index.md"}
    assert sum(map(len, kinds.values())) == len(set().union(*kinds.values()))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    """To a file of the repository, and to a heading of a page; code aside."""
    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link.partition("#") for link in re.findall(r"\]\((?![a-z]+:)([^()\s]+)\)", text)]
    targets = [((ROOT / page.parent / path).resolve() if path else ROOT / page, anchor) for path, _, anchor in links]

    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [anchor for target, anchor in targets if anchor and anchor not in anchors(target)] == []


def test_a_link_out_of_the_site_becomes_a_path():
    """And one to a page its new place; code stays as it is."""
    links = "[alerts](../deploy/prometheus/alerts.yml) [errors](../README.md#errors) [why](decisions/)"
    text = f"{links}\n\n```md\n[x](y.md)\n```\n"

    moved = build.moved(text, Path("docs/SCALING.md"), PAGES)

    assert moved.startswith(
        "alerts (`deploy/prometheus/alerts.yml`) [errors](PROJECT.md#errors) why (`docs/decisions`)"
    )
    assert moved.endswith("```md\n[x](y.md)\n```\n")
    with pytest.raises(LookupError, match=r"docs/SCALING\.md: nope\.md leads nowhere"):
        build.moved("[x](nope.md)", Path("docs/SCALING.md"), PAGES)


@pytest.mark.parametrize("name", ["TUTORIAL.md", "ADOPT.md"])
def test_what_a_lesson_names_is_there(name):
    """A lesson that is wrong costs a newcomer the hour."""
    text = (ROOT / "docs" / name).read_text("utf-8")
    files = set(re.findall(r"`((?:proxy|tests|examples|src)/[\w./-]+)`", text))
    written = {
        "proxy/api/prices.py",
        "tests/proxy/api/test_prices.py",
        "proxy/api/tasks.py",
        "tests/proxy/api/test_tasks.py",
    }
    places = (ROOT, ROOT / "examples/react-vite")

    assert [file for file in files - written if not any((place / file).exists() for place in places)] == []


def test_make_help_shows_every_target():
    """Each in one of its four groups."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    assert sorted(re.findall(r"^  make ([a-z-]+) +\S", told.stdout, re.MULTILINE)) == sorted(targets)
