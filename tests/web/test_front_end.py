"""The sandbox's front end as files: how they are served, and the rules they keep. No browser is needed for it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from sandbox import DEMO_ACCOUNTS, web

ROOT = Path(__file__).parent.parent.parent
FILES = sorted(path for path in web.HERE.rglob("*") if path.suffix in web.TYPES)
OURS = [path for path in FILES if "vendor" not in path.parts]
SCRIPTS = [path for path in OURS if path.suffix == ".js"]


def name(path: Path) -> str:
    return path.relative_to(web.HERE).as_posix()


@pytest.fixture
def visitor(settings):
    """A browser without a session, in front of the service with the page."""
    app = create_app(settings)
    web.init_app(app)
    return app.test_client()


def test_the_page_is_for_everybody(visitor, backend):
    """It holds the sign-in form; the backend is not asked for it, and nobody keeps it."""
    response = visitor.get("/")

    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    assert response.headers["Cache-Control"] == "no-store"
    assert backend.requests == []


def test_the_page_runs_our_scripts_alone(visitor):
    """Nothing inline, nothing of another origin, in no other site's frame."""
    headers = visitor.get("/").headers

    assert headers.getlist("Content-Security-Policy") == [web.POLICY]
    assert "unsafe" not in web.POLICY
    assert web.POLICY.startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["X-Frame-Options"] == "DENY"


def test_production_neither_serves_nor_loads_it():
    """Nor does development with a backend of its own: the page is the sandbox's. A process tells what it loaded."""
    program = """
import sys
from app import create_app
from config import Settings
for env in ("production", "development"):
    browser = create_app(Settings(app_env=env, api_base_url="https://backend.test")).test_client()
    assert [browser.get(path).status_code for path in ("/", "/web/js/main.js")] == [404, 404]
sys.exit(any(name.partition(".")[0] == "sandbox" for name in sys.modules))
"""

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_is_served_as_what_it_is(visitor, path):
    """With `nosniff`, a script of another type would not run."""
    response = visitor.get(f"/web/{name(path)}")

    assert response.data == path.read_bytes()
    assert response.mimetype == web.TYPES[path.suffix]
    assert response.headers["Cache-Control"] == "no-cache"


def test_an_unchanged_file_is_not_sent_again(visitor):
    """The browser asks with what it has (RFC 9110 §13.1.2)."""
    first = visitor.get("/web/js/main.js")

    second = visitor.get("/web/js/main.js", headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status_code, second.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/web/__init__.py",
        "/web/index.html",
        "/web/vendor/README.md",
        "/web/js",
        "/web/",
        "/web/nothing.js",
        "/web/js/../../seed.py",
        "/web/..%2f..%2fapp.js",
        "/web/%2e%2e/schema.sql",
        "/web//js/main.js",
        "/web/js/main.js%00",
        "/index.html",
        "/nothing",
    ],
)
def test_nothing_else_is_served(visitor, path):
    """Python, what is outside the folder, and names that are none: the service's own 404, as JSON."""
    response = visitor.get(path)

    assert (response.status_code, response.json) == (404, {"error": "No encontrado"})


@pytest.mark.parametrize("path", ["/", "/web/js/main.js"])
def test_the_page_only_can_be_read(visitor, path):
    """HEAD is answered as GET is, without the body (RFC 9110 §9.3.2)."""
    assert visitor.head(path).status_code == 200
    assert visitor.post(path, json={}).status_code == 405


def test_the_page_itself_holds_no_script_and_no_style():
    """The policy would not let them run."""
    text = (web.HERE / "index.html").read_text("utf-8")

    assert re.findall(r"<script(?! (?:type=\"module\" )?src=\"/web/[\w./-]+\"></script>)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []


def test_everything_that_is_named_is_there():
    """In the page, in scripts and in styles; a name with a typing error is a page that stays white."""
    named = {
        (path.parent / reference).resolve() if reference.startswith(".") else web.HERE / reference.removeprefix("/web/")
        for path in [web.HERE / "index.html", *OURS]
        for reference in re.findall(
            r"(?:href=|src=|src: |from |import\(|url\()\"((?:/web/|\./|\.\./)[^\"]+)\"", path.read_text("utf-8")
        )
    }

    assert len(named) > 30
    assert [path for path in named if not path.is_file()] == []
    assert [name(path) for path in OURS if path not in named] == []


def test_what_the_page_needs_at_once_is_asked_for_at_once():
    """Else a script is asked for when the one that imports it has come, and so on, four deep."""
    needed = {web.HERE / "js/main.js"}
    while more := {found for path in needed for found in imports_of(path)} - needed:
        needed |= more
    text = (web.HERE / "index.html").read_text("utf-8")

    asked = re.findall(r'<(?:script type="module" src|link rel="modulepreload" href)="/web/([^"]+)"', text)

    assert sorted(asked) == sorted(name(path) for path in needed)
    assert not any("uPlot" in path for path in asked)


def imports_of(path: Path) -> set[Path]:
    """The modules without which a script does not begin."""
    return {(path.parent / each).resolve() for each in re.findall(r' from "([^"]+)"', path.read_text("utf-8"))}


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_is_short_and_says_what_it_is_for(path):
    """A view is a file, and a file is read in one go."""
    text = path.read_text("utf-8")

    assert len(text.splitlines()) < 150
    assert text.startswith("// ")
    assert max(map(len, text.splitlines())) <= 160 or path.name == "icons.js"


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_makes_no_markup_and_no_code_from_text(path):
    """What a user or the backend wrote is shown, not run."""
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|Function\("

    assert re.findall(sinks, path.read_text("utf-8")) == []


def test_scripts_ask_the_service_alone_and_in_one_place():
    """Of their own origin, below /api; the one address in them names SVG."""
    texts = {name(path): path.read_text("utf-8") for path in SCRIPTS}

    asking = [path for path, text in texts.items() if re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)]
    assert asking == ["js/api.js"]
    assert texts["js/api.js"].count("send(`/api/${path}`") == 1
    assert set(re.findall(r"https?://[\w./-]+", "".join(texts.values()))) == {"http://www.w3.org/2000/svg"}


def test_scripts_keep_nothing_but_the_theme():
    """No script ever has the session, so none can store it; `document.cookie` is not even looked at."""
    text = "\n".join(path.read_text("utf-8") for path in SCRIPTS)

    assert set(re.findall(r"localStorage\.\w+\(\"(\w+)\"", text)) == {"tema"}
    assert re.findall(r"sessionStorage|indexedDB|document\.cookie|[Tt]oken|Authorization", text) == []


def test_the_accounts_to_try_are_the_sandboxs():
    """They are written in the page, and nothing else would tell when they change."""
    text = (web.HERE / "js/views/sign-in.js").read_text("utf-8")
    known = {(account.email, account.password) for account in DEMO_ACCOUNTS}

    offered = set(re.findall(r'email: "([^"]+)", password: "([^"]+)"', text))

    assert len(offered) == 3
    assert offered <= known


def test_what_is_vendored_is_what_is_pinned():
    """The version in the table is that of the package the files are compared with, and its licence lies beside them."""
    pinned = json.loads((Path(__file__).parent / "package.json").read_text("utf-8"))["dependencies"]["uplot"]
    [row] = re.findall(r"^\| `uplot/` .*$", (web.HERE / "vendor/README.md").read_text("utf-8"), re.MULTILINE)

    assert f"| {pinned} | MIT " in row
    assert f"(v{pinned})" in (web.HERE / "vendor/uplot/uPlot.esm.js").read_text("utf-8")[:400]
    assert "The MIT License" in (web.HERE / "vendor/uplot/LICENSE").read_text("utf-8")
