"""docs/SECURITY.md: what it names is there, no item is left out, and what is called met is shown by a test."""

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from config import AUTH_SECRETS, Settings
from proxy.headers import ON_EVERY_RESPONSE

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/SECURITY.md"
TEXT = PAGE.read_text("utf-8")
CODE = "\n".join(path.read_text("utf-8") for path in [*ROOT.glob("*.py"), *ROOT.glob("proxy/**/*.py")])
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT)))

# The items of OWASP ASVS 5.0 that a service which keeps a token in a cookie meets or misses.
ASVS = """
    1.3.6 1.5.3
    3.3.1 3.3.2 3.3.3 3.3.4 3.3.5 3.4.1 3.4.2 3.4.3 3.4.4 3.4.5 3.4.6 3.5.1 3.5.2 3.5.3 3.5.8 3.7.2
    4.1.1 4.1.2 4.1.3 4.1.4 4.2.1 4.2.2 4.2.5 4.4.2
    6.3.1
    7.1.1 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.3 7.4.4 7.4.5 7.6.1
    9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3
    10.1.1 10.1.2 10.2.1 10.5.1 10.5.2 10.5.3 10.5.4 10.5.5
    11.3.3 11.5.1 12.3.2
    13.1.2 13.1.3 13.2.4 13.2.5 13.2.6 13.3.1 13.3.2 13.3.3 13.3.4 13.4.2 13.4.4 13.4.5 13.4.6
    14.2.1 14.2.2 14.3.1 14.3.2 14.3.3
    15.3.2 15.3.4 15.4.1
    16.2.1 16.2.2 16.2.3 16.2.4 16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.5.1 16.5.2 16.5.3 16.5.4
""".split()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, less its own head."""
    below = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|") for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines[2:]]


BCP_ROWS = rows("OAuth 2.0 for Browser-Based Applications, §6.1")
ASVS_ROWS = rows("OWASP ASVS 5.0")


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", TESTS)
def test_a_test_that_is_named_exists(name):
    """By the name of its function; a proof that nobody can find is none."""
    path, function = name.split("::")

    assert function.startswith("test_")
    assert function in functions_of(ROOT / path)


def numbers(cell: str) -> list[str]:
    """The items that a row is about: "10.1.2, 10.2.1 …", "10.5.1–5 …"."""
    found = []
    for chapter, first, last in re.findall(r"(\d+\.\d+)\.(\d+)(?:–(\d+))?", cell):
        found += [f"{chapter}.{number}" for number in range(int(first), int(last or first) + 1)]
    return found


def test_every_item_has_one_row():
    """Met, or declined with its reason: none is passed over in silence."""
    listed = [number for row in ASVS_ROWS for number in numbers(row[0])]

    assert sorted(listed) == sorted(ASVS)


@pytest.mark.parametrize("row", [*BCP_ROWS, *ASVS_ROWS], ids=lambda row: row[0])
def test_a_row_is_shown_by_a_test_or_says_why_not(row):
    """`part` needs both: what is met is shown, what is not has its reason."""
    _, status, why, shown_by = row

    assert status in {"met", "part", "declined", "n/a"}
    assert why
    assert status not in {"met", "part"} or re.fullmatch(r"`tests/\S+`(, `tests/\S+`)*", shown_by)


def test_an_attack_is_shown_to_fail_by_a_test():
    """In every row of the first table."""
    assert [row for row in rows("Who attacks") if len(row) != 4 or not row[3].startswith("`tests/")] == []


@pytest.mark.parametrize(("name", "value"), ON_EVERY_RESPONSE)
def test_a_header_of_every_response_is_listed(name, value):
    """As it is sent."""
    assert f"\n| `{name}` | `{value}` |\n" in TEXT


def test_what_is_named_is_there(settings):
    """Files, settings, metrics; the log's events and fields, and codes, are words of the code."""
    names = {setting.name.upper() for setting in fields(Settings)} | set(AUTH_SECRETS)
    metrics = create_app(settings).test_client().get("/metrics").text
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", TEXT))

    assert [path for path in re.findall(r"`([\w/]+\.py)`", TEXT) if not (ROOT / path).exists()] == []
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z0-9]+)+)[=`]", TEXT)) - names == set()
    assert [name for name in set(re.findall(r"`(bff_\w+)", TEXT)) if f"# HELP {name} " not in metrics] == []
    assert [word for word in words if not re.search(rf"\b{word}\b", CODE + metrics)] == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere():
    """To a file of this repository, and to a heading of it."""
    links = [link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT)]
    pages = [((PAGE.parent / path).resolve() if path else PAGE, anchor) for path, _, anchor in links]

    assert [page for page, _ in pages if not page.exists()] == []
    assert [anchor for page, anchor in pages if anchor and anchor not in anchors(page)] == []


def test_the_hook_of_the_page_does_what_it_says(settings):
    """Logout leaves the browser's storage alone, and does all else."""
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    written: dict[str, Any] = {}
    exec(code, written)

    plain = create_app(settings).test_client().post("/api/auth/logout")
    hooked = create_app(settings, written["hooks"]).test_client().post("/api/auth/logout")

    assert ("Clear-Site-Data" in plain.headers, "Clear-Site-Data" in hooked.headers) == (True, False)
    assert plain.headers.getlist("Set-Cookie") == hooked.headers.getlist("Set-Cookie")
