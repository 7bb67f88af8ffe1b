"""The examples, each against a live service with the sandbox; those with a page in a real browser.

A slower proof than the suite, and not a part of it: `make examples`. It needs Node.js, Chromium and the packages of the
examples. examples/nextjs-auth has a proof of its own: `make browser`. `visit.mjs` is the person in front of the screen.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.server import ROOT, Server, free_port

HERE = Path(__file__).parent
EXAMPLES = ROOT / "examples"
PLAYWRIGHT = ROOT / "tests/browser/package.json"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VITE = "node_modules/vite/bin/vite.js"
NEXT = "node_modules/next/dist/bin/next"
VEHICLES = ["COROLLA", "MOTO", "PICKUP"]
PAGES = ("plain-html", "react-vite", "nextjs-rewrites")

Report = dict[str, Any]


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    """As `make run` starts it, with the origin of the plain page among those that may call."""
    with Server({"APP_ENV": "development", "CORS_ORIGINS": f"http://localhost:{PLAIN_PORT}"}) as service:
        yield service


PLAIN_PORT = free_port()


@pytest.fixture(scope="module")
def report(service, tmp_path_factory) -> dict[str, Report]:
    """What one visit to each of the pages saw."""
    assert CHROMIUM is not None, "Chromium is missing: apt-get install chromium"
    for folder in (EXAMPLES / "react-vite", EXAMPLES / "nextjs-rewrites", PLAYWRIGHT.parent):
        assert (folder / "node_modules").exists(), f"packages are missing: npm ci --prefix {folder}"
    dist = str(tmp_path_factory.mktemp("vite"))
    bff = f"http://127.0.0.1:{service.port}"
    vite, next_port = free_port(), free_port()
    builds = [
        started(EXAMPLES / "react-vite", [VITE, "build", "--outDir", dist], bff),
        started(EXAMPLES / "nextjs-rewrites", [NEXT, "build"], bff),
    ]
    for build in builds:
        output, _ = build.communicate(timeout=180)
        assert build.returncode == 0, output
    preview = [VITE, "preview", "--outDir", dist, "--host", "127.0.0.1", "--port", str(vite), "--strictPort"]
    with ExitStack() as stack:
        stack.enter_context(plain_page(service.port))
        stack.enter_context(running(EXAMPLES / "react-vite", preview, vite, bff))
        stack.enter_context(
            running(EXAMPLES / "nextjs-rewrites", [NEXT, "start", "-p", str(next_port)], next_port, bff)
        )
        ports = dict(zip(PAGES, (PLAIN_PORT, vite, next_port), strict=True))
        told: dict[str, Any] = {
            "chromium": CHROMIUM,
            "playwright": str(PLAYWRIGHT),
            "pages": {name: f"http://localhost:{port}/" for name, port in ports.items()},
        }
        # Vite listens on the address alone.
        told["pages"]["react-vite"] = f"http://127.0.0.1:{vite}/"
        visited = subprocess.run(
            ["node", str(HERE / "visit.mjs")],
            env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir()},
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert visited.returncode == 0, visited.stderr
    found: dict[str, Report] = json.loads(visited.stdout)
    return found


@contextmanager
def plain_page(bff_port: int) -> Iterator[None]:
    """The file, served as it is but for the port of the service."""
    page = (EXAMPLES / "plain-html/index.html").read_text("utf-8")
    assert page.count("http://localhost:8000/") == 1
    content = page.replace("http://localhost:8000/", f"http://localhost:{bff_port}/").encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", PLAIN_PORT), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def started(folder: Path, command: list[str], bff: str) -> "subprocess.Popen[str]":
    """A Node program of an example's."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": tempfile.gettempdir(),
        "NEXT_TELEMETRY_DISABLED": "1",
        "BFF_URL": bff,
    }
    return subprocess.Popen(
        ["node", *command], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@contextmanager
def running(folder: Path, command: list[str], port: int, bff: str) -> Iterator[None]:
    """The same, while it listens on `port`."""
    process = started(folder, command, bff)
    try:
        give_up = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < give_up, f"{command} does not serve"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def answers(port: int) -> bool:
    """Whether somebody does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_person_signs_in_sees_data_and_signs_out(report, name):
    """A wrong password is told as the API tells it; the session outlives the page, and ends with the button."""
    seen = report[name]

    assert seen["refused"] == "Credenciales inválidas"
    assert seen["listed"] == seen["reloaded"] == VEHICLES
    assert seen["left"] == 0


@pytest.mark.parametrize("name", PAGES)
def test_no_script_and_no_answer_has_the_token(report, name):
    """It is in the jar alone; that other things are found shows that we look."""
    seen = report[name]
    [cookie] = seen["cookies"]
    readable = [json.loads(text) for text in seen["seen"]]

    assert (cookie["name"], cookie["httpOnly"], cookie["value"].count(".")) == ("token", True, 2)
    assert cookie["value"] not in seen["script"]
    assert not any(cookie["value"] in body for _, body in readable)
    assert any("COROLLA" in body for _, body in readable)


@pytest.mark.parametrize(("name", "count"), [("plain-html", 2), ("react-vite", 1), ("nextjs-rewrites", 1)])
def test_the_browser_knows_no_other_origin(report, name, count):
    """The page's own; the plain page's, and the service's."""
    assert len(report[name]["origins"]) == count


def test_the_script_prints_every_vehicle(service):
    """With what is locked for it, which is what the service itself is locked to."""
    script = EXAMPLES / "python-script/report.py"
    url = f"http://127.0.0.1:{service.port}"

    done = run(script, url, "demo@kilometracker.test", "Kilometros123")
    refused = run(script, url, "demo@kilometracker.test", "wrong")

    assert done.returncode == 0, done.stderr
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == VEHICLES
    assert (refused.returncode, refused.stderr.strip(), refused.stdout) == (1, "Credenciales inválidas", "")


def run(script: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The script's output and status."""
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
