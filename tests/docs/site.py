"""The site that `make docs` has built: every page is in it, and opening one asks no other origin for anything.

Not a part of the suite: it needs the packages of requirements.txt here, and runs behind the build.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs import build

SITE = build.ROOT / "var/site"
BUILT = sorted(SITE.rglob("*.html"))
# What a browser fetches by itself when it opens a page; a link that a person may follow is none.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
BY_ITSELF = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "preconnect", "dns-prefetch"}


class Fetched(HTMLParser):
    """The addresses that a page fetches by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        is_one = tag in FETCHED and (tag != "link" or set((told.get("rel") or "").split()) & BY_ITSELF)
        if is_one and (address := told.get(FETCHED[tag])):
            self.addresses.append(address)


def test_every_page_is_in_the_site():
    """At its place; and some of them are found, or the tests below would say nothing."""
    assert len(BUILT) > 20
    assert [place for place in build.pages().values() if not (SITE / place.with_suffix(".html")).exists()] == []


@pytest.mark.parametrize("path", BUILT, ids=lambda path: str(path.relative_to(SITE)))
def test_a_page_fetches_from_its_own_origin_alone(path):
    """And what it fetches is there."""
    page = Fetched()
    page.feed(path.read_text("utf-8"))
    files = [re.sub(r"[?#].*", "", address) for address in page.addresses if not address.startswith("data:")]

    assert files
    assert [address for address in files if re.match(r"([a-z]+:)?//", address)] == []
    inside = [SITE / file.lstrip("/") if file.startswith("/") else path.parent / file for file in files]
    assert [str(file) for file in inside if not file.exists()] == []


def test_its_styles_fetch_nothing_from_elsewhere():
    """Fonts, most of all."""
    sheets = sorted(SITE.rglob("*.css"))

    assert sheets
    assert [
        str(sheet) for sheet in sheets if re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text("utf-8"))
    ] == []


def test_no_diagram_asks_for_what_draws_it():
    """The theme would fetch it from another origin as soon as an element has this class."""
    assert [str(path) for path in BUILT if re.search(r'class="[^"]*\bmermaid\b', Path(path).read_text("utf-8"))] == []
