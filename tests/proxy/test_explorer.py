"""/docs: where it is, what it may do in a browser, and that what is served is what was published.

What it looks like and does in a browser: tests/openapi/explorer.py.
"""

import gzip
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from config import Settings

ROOT = Path(__file__).parent.parent.parent
VENDORED = ROOT / "proxy/explorer/swagger_ui"
FILES = ["", "/", "/explorer.css", "/explorer.js", "/swagger-ui.css", "/swagger-ui-bundle.js"]


@pytest.fixture
def browser(settings: Settings) -> FlaskClient:
    """One before a service with the explorer; nobody is signed in."""
    return create_app(replace(settings, docs=True)).test_client()


@pytest.mark.parametrize("app_env", ["production", "testing"])
@pytest.mark.parametrize("path", FILES)
def test_it_is_not_there_unless_it_is_asked_for(settings, app_env, path):
    """DOCS is off but in development."""
    response = create_app(replace(settings, app_env=app_env)).test_client().get(f"/docs{path}")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (404, "not_found")


@pytest.mark.parametrize(("docs", "loaded"), [("False", "False"), ("True", "True")])
def test_nothing_of_it_is_loaded_unless_it_is_asked_for(docs, loaded):
    """Production pays nothing for it."""
    made = f"create_app(Settings(api_base_url='http://127.0.0.1:9', docs={docs}))"
    imports = "import sys; from app import create_app; from config import Settings"
    program = f"{imports}; {made}; print('proxy.explorer' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split()[-1] == loaded


@pytest.mark.parametrize("path", FILES)
def test_each_of_its_files_is_served(browser, backend, path):
    """To everybody: nothing in them is anybody's."""
    response = browser.get(f"/docs{path}")

    assert response.status_code == 200
    assert response.mimetype in {"text/html", "text/css", "text/javascript"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert backend.requests == []


@pytest.mark.parametrize("path", FILES)
def test_only_scripts_and_styles_of_ours_run(browser, path):
    """Nothing written into the page, nothing of another origin, and no frame around it."""
    response = browser.get(f"/docs{path}")

    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy.pop("img-src") == "'self' data:"  # the arrows of Swagger UI's style
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert response.headers["X-Frame-Options"] == "DENY"


def test_the_page_names_what_is_there(browser):
    """Every script and style, and none elsewhere."""
    page = browser.get("/docs").text

    named = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(named) == 6
    assert [name for name in named if name != "data:," and browser.get(name).status_code != 200] == []
    assert re.search(r"<script(?! src=)|<style|\son\w+=|\sstyle=", page) is None


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css"])
def test_a_compressed_file_is_unpacked_for_whom_cannot(browser, name):
    """Two representations, with an entity tag each (RFC 9110 §8.8.3.3)."""
    plain = browser.get(f"/docs/{name}", headers={"Accept-Encoding": "br, gzip;q=0"})
    packed = browser.get(f"/docs/{name}", headers={"Accept-Encoding": "br, gzip"})

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 500_000 < len(plain.data) or name.endswith(".css")
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert all("Accept-Encoding" in answer.headers.getlist("Vary") for answer in (plain, packed))


@pytest.mark.parametrize("path", FILES)
def test_what_a_browser_has_is_not_sent_again(browser, path):
    """It asks each time; after an upgrade it has the new one at once."""
    headers = {"Accept-Encoding": "gzip"}
    first = browser.get(f"/docs{path}", headers=headers)

    again = browser.get(f"/docs{path}", headers={**headers, "If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "name", ["__init__.py", "..%2F__init__.py", "../errors.py", "swagger_ui/LICENSE", "page.html%00", "x"]
)
def test_no_other_file_is_served(browser, name):
    """What is, is in a list."""
    response = browser.get(f"/docs/{name}")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (404, "not_found")


def test_what_is_vendored_is_what_was_published():
    """By the hashes in its README; tests/openapi/viewer.py compares them with the package."""
    told = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (VENDORED / "README.md").read_text("utf-8"), re.M))

    found = {
        path.name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        for path in VENDORED.glob("*.gz")
    }

    assert len(told) == 2
    assert found == told


def test_its_licence_goes_with_it():
    """Apache-2.0, §4: the licence and the notice."""
    assert "Apache License" in (VENDORED / "LICENSE").read_text("utf-8")
    assert "SmartBear" in (VENDORED / "NOTICE").read_text("utf-8")
    assert "MIT" in (VENDORED / "swagger-ui-bundle.js.LICENSE.txt").read_text("utf-8")
