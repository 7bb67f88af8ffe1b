"""The explorer in a real browser: sign in through it, call, sign out, under a policy that runs only what we serve.

A slower proof than the suite, and not a part of it: `make openapi`. It needs Node.js and Chromium. `explorer.mjs` is
the person in front of the screen; what it saw is judged here. `python -m tests.openapi.explorer` takes the picture of
the documentation anew.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.server import ROOT, Server

HERE = Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PICTURE = ROOT / "docs/img/explorer.png"

Report = dict[str, Any]


def visit(*, is_dark: bool = False, picture: Path | None = None) -> Report:
    """Let `explorer.mjs` visit the explorer of a service with the sandbox."""
    assert CHROMIUM is not None, "Chromium is missing: apt-get install chromium"
    assert (HERE.parent / "browser/node_modules").exists(), "packages are missing: npm ci --prefix tests/browser"
    with Server({"APP_ENV": "development"}) as service:
        url = f"http://127.0.0.1:{service.port}"
        told = {"chromium": CHROMIUM, "url": url, "dark": is_dark, "picture": picture and str(picture)}
        visited = subprocess.run(
            ["node", "explorer.mjs"],
            cwd=HERE,
            env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir()},
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert visited.returncode == 0, visited.stderr
    report: Report = json.loads(visited.stdout)
    return report


@pytest.fixture(scope="module", params=["light", "dark"])
def report(request) -> Report:
    """What one visit saw."""
    return visit(is_dark=request.param == "dark")


def test_a_person_signs_in_through_it_and_sees_their_data(report):
    """By the example of the document, as it stands; the cookie goes along because the origin is the same."""
    assert report["statuses"] == {"auth-login": "200", "vehicles-list_vehicles": "200", "auth-logout": "200"}
    assert all(alias in report["bodies"]["vehicles-list_vehicles"] for alias in ("COROLLA", "PICKUP", "MOTO"))
    assert [text.partition(":")[0] for text in report["session"]] == [
        "Not signed in",
        "Signed in, for 168 hours",
        "Not signed in",
    ]


def test_it_shows_the_whole_document(report):
    """Every operation, in its style, and no field to type a token into."""
    document = yaml.safe_load((ROOT / "proxy/api/openapi.yaml").read_text("utf-8"))

    operations = sum(method != "parameters" for item in document["paths"].values() for method in item)

    assert report["shown"]["operations"] == operations
    assert report["shown"]["buttons"] == 0
    assert report["shown"]["background"] != "rgba(0, 0, 0, 0)"


def test_no_script_of_the_page_finds_the_token(report):
    """Not in cookies, storage, or what Swagger UI keeps of answers."""
    [cookie] = report["cookies"]

    assert (cookie["name"], cookie["httpOnly"]) == ("token", True)
    assert cookie["value"].count(".") == 2
    assert cookie["value"] not in report["script"]
    assert "COROLLA" in report["script"]


def test_the_browser_has_nothing_to_refuse(report):
    """No violation of the policy, no error, nothing from another origin."""
    assert report["said"] == []
    assert report["elsewhere"] == []


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    visit(picture=PICTURE)
