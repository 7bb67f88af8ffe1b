"""`new-group` and `remove-group`: what they write passes the checks of the house, and works against a real server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from app import create_app
from tests.scaffold.checkout import Checkout
from tests.scaffold.stand_in import StandIn
from tests.server import ROOT, Server

DESCRIPTION = ROOT / "tests/scaffold/tracker.yaml"
WORDS = ("tasks", "--backend", "/v1/tasks", "list", "create", "get", "update", "patch", "delete")
TOKEN = "a.b.c"
SEGMENT = re.compile(r"{(\w+)}")
SEGMENTS = {
    "project_key": "TEA",
    "issue_id": "12",
    "comment_id": "3",
    "person_id": "5f2b8c0d-9e1a-4736-8b5c-2d1e0f9a8b7c",
}
OF_KILOMETRACKER = ("users", "dashboard", "vehicles", "routes", "refuels", "maintenance", "expenses")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """With a group from words, and one from a description."""
    checkout = Checkout.into(tmp_path_factory.mktemp("checkout"))
    for command in (WORDS, ("tracker", "--openapi", str(DESCRIPTION))):
        done = checkout.run("scaffold", "new-group", *command)
        assert done.returncode == 0, done.stderr
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """As it is in the repository."""
    return Checkout.into(tmp_path)


@pytest.fixture(scope="module")
def operations(written: Checkout) -> list[tuple[str, str, dict[str, Any]]]:
    """Those of the group from the description, as the service's document has them: method, path, what is told."""
    document = yaml.safe_load(written.texts()["proxy/api/openapi.yaml"])
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and "tracker" in operation["tags"]
    ]


@pytest.mark.parametrize(
    "check",
    [
        ("ruff", "check", "proxy/api", "tests/proxy/api"),
        ("ruff", "format", "--check", "proxy/api", "tests/proxy/api"),
        ("mypy", "--strict", "proxy/api/tasks.py", "proxy/api/tracker.py"),
        ("mypy", "tests/proxy/api/test_tasks.py", "tests/proxy/api/test_tracker.py"),
        ("pytest", "-p", "no:cacheprovider", "tests/proxy/api/test_tasks.py", "tests/proxy/api/test_tracker.py"),
        ("pytest", "-p", "no:cacheprovider", "tests/proxy/test_openapi.py"),
    ],
    ids=" ".join,
)
def test_what_is_written_passes_every_check(written, check):
    """Those of the house, and the tests that were written with it."""
    done = written.run(*check)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_that_are_written_can_fail(written, tmp_path):
    """One view that asks for another path than it should."""
    broken = Checkout.into(tmp_path)
    for path, text in written.texts().items():
        (broken.root / path).write_text(text, "utf-8")
    module = broken.root / "proxy/api/tasks.py"
    module.write_text(
        module.read_text("utf-8").replace('backend_path("/v1/tasks/{}"', 'backend_path("/v2/tasks/{}"', 1)
    )

    done = broken.run("pytest", "-p", "no:cacheprovider", "tests/proxy/api/test_tasks.py")

    assert done.returncode == 1
    assert "test_the_api_is_asked_by_its_own_path[GET /api/tasks/{}]" in done.stdout


def test_a_description_of_twenty_operations_becomes_twenty_views(operations):
    """Named after their operationIds; those without one, or with a word of Python's, after their paths."""
    names = {operation["operationId"] for _, _, operation in operations}

    assert len(operations) == len(names) == 20
    assert {"list_projects", "create_issue", "close_issue", "list_issue_comments", "list_labels", "get_person"} <= names


def test_nothing_of_the_mould_is_left(written):
    """Marks for what is put in, and for what only some groups have; a test of fields only where a view names one."""
    texts = written.texts()
    tasks, tracker = (texts[f"tests/proxy/api/test_{name}.py"] for name in ("tasks", "tracker"))

    assert re.findall(r"[«»]|^# (?:if|end)", tasks + tracker, re.MULTILINE) == []
    assert "def test_a_field_that_the_view_names_must_be_there" in tracker
    assert "def test_a_field_that_the_view_names_must_be_there" not in tasks


def test_a_view_is_two_statements(written):
    """Ask, and give back, as the others of the house do."""
    texts = written.texts()

    assert texts["proxy/api/tasks.py"].count("    reply = bff_fetch(") == 6
    assert texts["proxy/api/tasks.py"].count("\n    ") == 6 * 3
    assert (
        '\n    reply = bff_fetch("POST", "/v1/projects", body=json_body("key", "kind"))\n'
        in texts["proxy/api/tracker.py"]
    )


@pytest.fixture(scope="module")
def exchanges(written, operations) -> Iterator[tuple[dict[str, requests.Response], StandIn]]:
    """Each operation asked of a live service, in front of a server made of the same description; by operationId."""
    document = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    with StandIn(document, TOKEN) as api, requests.Session() as browser:
        settings = {"APP_ENV": "production", "API_BASE_URL": api.url, "TOKEN_COOKIE_SECURE": "off"}
        with Server(settings, root=written.root) as service:
            answers = {}
            for method, path, operation in operations:
                url = f"http://127.0.0.1:{service.port}{SEGMENT.sub(lambda found: SEGMENTS[found[1]], path)}"
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
                answers[operation["operationId"]] = browser.request(
                    method,
                    f"{url}?page=2",
                    json=body,
                    headers={"Cookie": f"token={TOKEN}"},
                    timeout=30,
                )
            refused = browser.get(f"http://127.0.0.1:{service.port}/api/tracker/me", timeout=30)
            answers["without a session"] = refused
        yield answers, api


def test_every_operation_works_against_a_server_of_the_description(exchanges, operations):
    """Each is asked for once, by a request that the description has nothing against; the token goes along."""
    _, api = exchanges

    assert len(api.heard) == len(operations)
    assert len({heard.operation for heard in api.heard}) == len(operations)
    assert [heard for heard in api.heard if heard.problems] == []
    assert {heard.query for heard in api.heard} == {"page=2"}


def test_the_browser_gets_what_the_server_answers(exchanges):
    """Status and document, one after the other; and without a session a 401 that the server never heard of."""
    answers, api = exchanges
    refused = answers["without a session"]
    got = [answer for name, answer in answers.items() if name != "without a session"]

    assert [answer.status_code for answer in got] == [heard.status for heard in api.heard]
    assert [json.loads(answer.content or b"null") for answer in got] == [heard.answer for heard in api.heard]
    assert {answer.status_code for answer in got} == {200, 201, 204}
    assert (refused.status_code, refused.headers["X-BFF-Error"]) == (401, "no_session")


def test_a_group_that_is_removed_leaves_nothing(checkout):
    """Not a byte; so the commands can be tried."""
    before = checkout.texts()

    made = checkout.run("scaffold", "new-group", "tracker", "--openapi", str(DESCRIPTION))
    between = checkout.texts()
    gone = checkout.run("scaffold", "remove-group", "tracker")

    assert (made.returncode, gone.returncode) == (0, 0)
    assert between.keys() - before.keys() == {"proxy/api/tracker.py", "tests/proxy/api/test_tracker.py"}
    assert checkout.texts() == before


def test_the_groups_of_kilometracker_can_be_removed(checkout):
    """Then the document is still one, of the routes that are left, and the contract's table has their rows alone."""
    done = checkout.run("scaffold", "remove-group", *OF_KILOMETRACKER)

    tested = checkout.run(
        "pytest",
        "-p",
        "no:cacheprovider",
        "tests/proxy/test_openapi.py",
        "-k",
        "is_valid or every_component or routes_of_the_service or is_named_after or has_the_codes or fit",
    )
    checked = checkout.run("ruff", "check", "proxy/api", "tests/proxy/api")
    formatted = checkout.run("ruff", "format", "--check", "proxy/api", "tests/proxy/api")
    assert done.returncode == 0, done.stderr
    assert tested.returncode == 0, tested.stdout
    assert (checked.returncode, formatted.returncode) == (0, 0), checked.stdout + formatted.stdout
    assert "/api/vehicles" not in "".join(
        checkout.texts()[path] for path in ("proxy/api/openapi.yaml", "tests/proxy/api/endpoints.py")
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("new-group", "vehicles", "list"), "proxy/api/vehicles.py is there already: nothing was written"),
        (
            ("new-group", "auth2", "--prefix", "/api/auth/login", "create"),
            "/api/auth/login: proxy/api/openapi.yaml has",
        ),
        (("new-group", "Tasks", "list"), "Tasks: a group's name is lower-case letters"),
        (("new-group", "class", "list"), "class: a group's name"),
        (("new-group", "tasks"), "say what can be done: list, create, get, update, patch, delete; or --openapi FILE"),
        (("new-group", "tasks", "erase"), "erase: what can be done is list, create, get, update, patch, delete"),
        (("new-group", "tasks", "list", "--prefix", "/tasks"), "/tasks: a prefix is a path below /api"),
        (("new-group", "tasks", "list", "--prefix", "/api/proxy/x"), "/api/proxy/x: a prefix is a path below /api"),
        (("new-group", "tasks", "list", "--backend", "v1/tasks"), "v1/tasks: the API's path begins with a slash"),
        (("new-group", "tasks", "--openapi", "missing.yaml"), "missing.yaml: No such file or directory"),
        (("new-group", "tasks", "--openapi", "pyproject.toml"), "pyproject.toml: "),
        (("new-group", "tasks", "list", "--openapi", "x.yaml"), "words or --openapi, not both"),
        (("new-group", "tasks", "--openapi", str(DESCRIPTION), "--tag", "none"), "the description has no operation"),
        (("remove-group", "tasks"), "tasks: not a group that can be taken out; those are auth, users"),
        (("remove-group", "openapi"), "openapi: not a group that can be taken out"),
    ],
    ids=lambda part: " ".join(part[:2]) if isinstance(part, tuple) else None,
)
def test_what_cannot_be_done_is_refused_in_one_line(untouched, command, said):
    """And nothing is written."""
    before = untouched.texts()

    done = untouched.run("scaffold", *command)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {said}")
    assert done.stderr.count("\n") == 1
    assert untouched.texts() == before


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One for all that is refused."""
    return Checkout.into(tmp_path_factory.mktemp("untouched"))


def test_flask_has_both_commands_in_development(untouched):
    """As .flaskenv sets it; and they do what `python -m scaffold` does."""
    listed = untouched.run("flask", "--help")
    refused = untouched.run("flask", "new-group", "vehicles", "list")

    assert "new-group" in listed.stdout
    assert "remove-group" in listed.stdout
    assert refused.stderr == "Error: proxy/api/vehicles.py is there already: nothing was written\n"


def test_nothing_but_development_has_them(settings):
    """No image holds what they would need."""
    assert not {"new-group", "remove-group"} & set(create_app(settings).cli.commands)
