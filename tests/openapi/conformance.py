"""What Schemathesis finds when it sends what it makes of the document to a live service with the sandbox: nothing.

A slower proof than the suite, and not a part of it: `make openapi`. It needs its own packages (requirements.txt here).
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import DEMO_ACCOUNTS, DemoAccount
from tests.server import ROOT, Server

HERE = Path(__file__).parent
PROGRAM = ROOT / ".venv/openapi/bin/schemathesis"
OF_A_KIND = 15  # how many random requests there are for each operation, besides those for each example and each limit


@dataclass(frozen=True)
class Run:
    """A part of the document, who tries it, and the checks that make no sense there."""

    role: str
    tags: tuple[str, ...]
    without: tuple[str, ...] = ()


# But `proxy`: what goes through it is another API's to describe.
RECORDS = ("auth", "dashboard", "routes", "refuels", "maintenance", "expenses", "openapi", "health")
RUNS = {
    "records": Run("write", RECORDS),
    # Of these a DELETE deactivates: they are still there.
    "vehicles": Run("write", ("vehicles",), without=("use_after_free",)),
    "users": Run("root", ("users",), without=("use_after_free",)),
}
NEVER_DONE = {"delete_user", "reset_password"}  # for want of what is in the mail; tests/contract does both


@dataclass(frozen=True)
class Service:
    """The address of a live service, and the session cookie of each demo account, by role."""

    url: str
    sessions: dict[str, str]


@dataclass(frozen=True)
class Findings:
    """How a run ended, what it printed, and which operations, by method and path, answered with a success."""

    run: Run
    status: int
    output: str
    done: set[str]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """As `make run` starts it."""
    assert PROGRAM.exists(), "Schemathesis is missing: make openapi brings it"
    with Server({"APP_ENV": "development"}) as server:
        url = f"http://127.0.0.1:{server.port}"
        # Before any run: they change names and passwords, too.
        yield Service(url, {account.role: sign_in(url, account) for account in DEMO_ACCOUNTS})


@pytest.fixture(scope="module", params=RUNS)
def findings(request, service, tmp_path_factory) -> Findings:
    """Those of one run: the same requests each time, but for the ids that the sandbox gives."""
    run = RUNS[request.param]
    folder = tmp_path_factory.mktemp("schemathesis")
    events = folder / "events.ndjson"
    command = [str(PROGRAM), "--no-color", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [f"{service.url}/api/openapi.json", "--checks=all", "--seed=1", f"--max-examples={OF_A_KIND}"]
    command += [f"--include-tag={tag}" for tag in run.tags] + [f"--exclude-checks={check}" for check in run.without]
    command += [f"--report-ndjson-path={events}"]
    ended = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SESSION": service.sessions[run.role]},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Findings(run, ended.returncode, ended.stdout + ended.stderr, successes(events) if events.exists() else set())


def sign_in(url: str, account: DemoAccount) -> str:
    """The session cookie that a login sets."""
    credentials = {"email": account.email, "password": account.password}
    answer = requests.post(f"{url}/api/auth/login", json=credentials, timeout=30)
    session = answer.cookies["token"]
    assert session
    return session


def successes(events: Path) -> set[str]:
    """The method and path of each request that was answered with a success."""
    recorders = [
        event["ScenarioFinished"]["recorder"]
        for event in map(json.loads, events.read_text("utf-8").splitlines())
        if "ScenarioFinished" in event
    ]
    return {
        f"{exchange['request']['method']} {recorder['cases'][name]['value']['path']}"
        for recorder in recorders
        for name, exchange in recorder.get("interactions", {}).items()
        if exchange.get("response") and 200 <= exchange["response"]["status_code"] < 300
    }


def test_nothing_is_found(findings):
    """Every answer is as documented: its status, its fields, what is taken and what is refused, and from whom."""
    assert findings.status == 0, findings.output[-8000:]


def test_every_operation_has_done_what_it_is_for(findings, service):
    """Refusals alone would be as documented, too."""
    document: dict[str, Any] = requests.get(f"{service.url}/api/openapi.json", timeout=30).json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }

    tried = {name for name, operation in operations.items() if set(operation["tags"]) & set(findings.run.tags)}
    undone = {operations[name]["operationId"] for name in tried - findings.done}

    assert tried
    assert undone <= NEVER_DONE
