"""The rules of the house that a machine can check."""

import ast
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from app import create_app
from config import Settings
from proxy import errors
from proxy.api import GROUPS
from setting_types import ProxyRule
from tests import audit
from tests.proxy.api.test_auth import jwt

ROOT = Path(__file__).parent.parent
PATTERNS = ("*", "proxy/**/*", "checks/*", "sandbox/**/*", "scaffold/*")
SERVICE = sorted(path for pattern in PATTERNS for path in ROOT.glob(f"{pattern}.py"))

# Who may import whom: each file or folder, and all that it may know of ours. Downwards only, and nothing sideways.
BOTTOM = {"config", "setting_types", "proxy.errors"}
PURE = {
    "proxy.strict_json",
    "proxy.cookies",
    "proxy.tokens",
    "proxy.headers",
    "proxy.transport",
    "proxy.upstream",
} | BOTTOM
MAY_IMPORT = {
    "setting_types": set(),
    "config": {"setting_types"},
    "raw_path": set(),
    "proxy.errors": set(),
    "proxy.strict_json": set(),
    "proxy.cookies": set(),
    "proxy.tokens": BOTTOM,
    "proxy.headers": BOTTOM | {"proxy.tokens", "proxy.allowlist"},
    "proxy.breaker": {"proxy", "proxy.errors"},
    "proxy.slots": {"proxy", "proxy.errors"},
    "proxy.connect": set(),
    "proxy.transport": BOTTOM | {"proxy.connect"},
    "proxy.wire": {"proxy", "proxy.connect", "proxy.transport"},
    "proxy.upstream": BOTTOM | {"proxy.transport", "proxy.wire", "proxy.breaker"},
    "proxy.hooks": {"proxy.tokens", "proxy.upstream"},
    "hooks": {"proxy.hooks"},
    "proxy.nextauth": BOTTOM | {"proxy.tokens"},
    "proxy.allowlist": BOTTOM,
    "proxy.streams": PURE,
    "proxy.fetch": PURE | {"proxy.hooks", "proxy.slots"},
    "proxy.relay": PURE | {"proxy.hooks", "lean_flask"},
    "proxy.security": BOTTOM | {"proxy.headers"},
    "proxy.metrics": {"proxy", "proxy.errors"},
    "proxy.logs": BOTTOM | {"proxy.stdout"},
    "proxy.stdout": set(),
    "proxy.observability": BOTTOM | {"proxy.metrics", "proxy.logs", "proxy.tokens", "proxy.upstream"},
    "proxy.ratelimit": BOTTOM | {"proxy.metrics", "proxy.logs", "proxy.strict_json"},
    "proxy.health": BOTTOM | {"proxy.fetch", "proxy.metrics", "proxy.upstream"},
    "proxy.explorer": {"proxy.errors", "proxy.fetch"},
    "proxy.telemetry": BOTTOM | {"proxy.spans"},
    "proxy.spans": BOTTOM,
    "proxy.api": {f"proxy.api.{group.name}" for group in GROUPS},
    **{f"proxy.api.{group.name}": PURE | {"proxy.fetch", "proxy.relay"} for group in GROUPS},
    "proxy.api.auth": PURE | {"proxy.fetch", "proxy.relay", "proxy.logs"},
    "proxy.api.passthrough": PURE | {"proxy.fetch", "proxy.allowlist", "proxy.streams", "proxy.hooks", "raw_path"},
    "proxy": PURE
    | {
        f"proxy.{name}"
        for name in "fetch relay security ratelimit observability telemetry metrics health nextauth hooks slots".split()
    }
    | {"proxy.api", "proxy.api.passthrough", "proxy.explorer"},
    "lean_flask": set(),
    "app": BOTTOM
    | set("lean_flask proxy proxy.logs proxy.hooks sandbox scaffold.commands raw_path client_address".split()),
    "wsgi": {"app", "config", "hooks"},
    "serve": {"config", "greenlets"},
    "doctor": {"config", "checks"},
    "checks": BOTTOM | {f"checks.{name}" for name in "environment findings backends cookie access hosting".split()},
    "checks.findings": set(),
    "checks.network": {"setting_types"},
    "checks.environment": {"config", "checks.findings"},
    "checks.backends": BOTTOM | {"proxy.upstream", "checks.findings", "checks.network"},
    "checks.cookie": {"config", "checks.findings"},
    "checks.access": BOTTOM | {"checks.findings", "checks.network"},
    "checks.hosting": {"config", "checks.findings", "checks.network"},
    "gunicorn.conf": {"config", "proxy.logs", "proxy.metrics", "proxy.stdout"}
    | {"strictness", "strict_worker", "strict_gevent", "greenlets"},
    "request_head": set(),
    "client_address": set(),
    "strictness": {"request_head"} | BOTTOM | {"proxy.headers", "proxy.metrics"},
    "strict_worker": {"config", "proxy.connect", "strictness"},
    "strict_gevent": {"config", "strictness"},
    "greenlets": set(),
    "sandbox": {"sandbox", "raw_path"},
    "scaffold": {"scaffold"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of_ours(path: Path) -> set[str]:
    """The modules of this repository that a file names, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            known = {name for name in submodules if (ROOT / Path(*name.split("."))).with_suffix(".py").exists()}
            names |= known or {node.module}
    ours = {module_name(file) for file in SERVICE}
    return names & ours


@pytest.mark.parametrize("path", SERVICE, ids=module_name)
def test_imports_point_downwards(path):
    """A cycle means that two files hold one idea."""
    name = module_name(path)
    if (folder := name.partition(".")[0]) in {"sandbox", "scaffold"}:
        assert {imported.partition(".")[0] for imported in imports_of_ours(path)} <= MAY_IMPORT[folder]
    else:
        assert imports_of_ours(path) <= MAY_IMPORT[name]


def uses(path: Path, package: str) -> bool:
    return bool(re.search(rf"^\s*(from|import) {package}\b", path.read_text("utf-8"), re.MULTILINE))


def test_flask_stops_at_fetch_and_relay():
    """What is below them is tested without an app."""
    names = "errors cookies tokens nextauth allowlist headers streams transport upstream".split()
    below = [ROOT / f"proxy/{name}.py" for name in names]

    assert [path.name for path in below if uses(path, "flask")] == []


def test_requests_is_used_by_upstream_and_its_transport_alone():
    """`fetch` and `relay` know the type of a reply, and no more."""
    knowing = {module_name(path) for path in SERVICE if uses(path, "requests") or uses(path, "urllib3")}

    by_type = {"proxy.fetch", "proxy.relay", "proxy.streams", "proxy.api.passthrough"}
    assert knowing == by_type | {"proxy.transport", "proxy.wire", "proxy.upstream"}
    for name in ("fetch", "relay", "streams", "api/passthrough"):
        assert set(re.findall(r"requests\.(\w+)", (ROOT / f"proxy/{name}.py").read_text("utf-8"))) == {"Response"}


def test_the_environment_is_read_in_one_place():
    """Settings travel as an argument. (gunicorn's own GUNICORN_FD is asked for where gunicorn is configured.)"""
    readers = {module_name(path) for path in SERVICE if "os.environ" in path.read_text("utf-8")}

    assert readers == {"config", "gunicorn.conf"}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_a_view_is_short(group):
    """Ask, and give back: six lines at most, under a docstring of one."""
    tree = ast.parse((ROOT / f"proxy/api/{group.name}.py").read_text("utf-8"))
    views = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]

    assert views
    for view in views:
        first, last = view.body[1], view.body[-1]
        assert (last.end_lineno or 0) - first.lineno < 6, view.name
        assert not any(isinstance(node, ast.Try) for node in ast.walk(view)), view.name


def test_every_error_is_in_the_tree_that_opens_its_file():
    """With its status and its code."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BffError)]

    missing = [kind.__name__ for kind in kinds if not re.search(_line(kind), errors.__doc__ or "")]

    assert missing == []
    assert len({kind.code for kind in kinds}) == len(kinds)


def _line(kind: type[errors.BffError]) -> str:
    return rf"{kind.__name__} +{kind.status} +{kind.code} "


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_setting_is_documented(document):
    """A setting that nobody can find is not there."""
    text = (ROOT / document).read_text("utf-8")
    names = [setting.name.upper() for setting in fields(Settings) if setting.metadata]

    assert [name for name in [*names, "NEXTAUTH_SECRET", "AUTH_SECRET"] if name not in text] == []


def test_every_error_code_is_documented():
    """In the README, where whoever sees one looks first."""
    text = (ROOT / "README.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BffError)]

    assert [kind.code for kind in kinds if f"`{kind.code}`" not in text] == []


def test_what_is_locked_is_sound():
    """By hash, as the pins ask, needed, with all its own needs, under a licence we take; and installed as locked."""
    assert list(audit.soundness()) == []


def test_every_dependency_of_the_service_is_justified():
    """In a table row of a decision; what nobody can give a reason for is not installed."""
    text = "\n".join(page.read_text("utf-8") for page in ROOT.glob("docs/decisions/*.md"))
    reasons = {canonicalize_name(word) for row in re.findall(r"^\| ([^|]+) \|", text, re.M) for word in row.split(", ")}
    lock = audit.read_lock((ROOT / "requirements-otel.txt").read_text("utf-8"))  # all of requirements.txt, and more

    assert lock.keys() - reasons == set()


def test_the_example_of_the_hooks_page_does_what_it_says(settings, backend):
    """Documentation that is run does not rot."""
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/HOOKS.md").read_text("utf-8"), re.DOTALL)
    written: dict[str, Any] = {}
    exec(code, written)
    everything = (ProxyRule(None, "*"),)
    service = create_app(replace(settings, proxy_allow=everything, proxy_base_url=backend.url), written["hooks"])
    browser = service.test_client()
    browser.set_cookie("token", jwt(tenant="north"))
    vehicle = {"alias": "A", "marca": "M", "modelo": 2020, "plates": "P-1"}
    backend.answer("GET /api/vehicles", json=[vehicle])
    backend.answer("POST /api/vehicles", 201, json={"data": vehicle})

    answers = [
        browser.get("/api/vehicles"),
        browser.get("/api/proxy/api/vehicles"),
        browser.post("/api/vehicles", json=vehicle),
    ]

    assert [answer.text.count("***") for answer in answers] == [1, 1, 1]
    assert not any("P-1" in answer.text for answer in answers)
    assert {request.headers["X-Tenant"] for request in backend.requests} == {"north"}


def test_the_route_group_of_the_readme_works(settings, backend):
    """A group of one's own in ten lines."""
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    written: dict[str, Any] = {"__name__": "garages"}
    exec(code, written)
    service = create_app(settings)
    service.register_blueprint(written["bp"])
    browser = service.test_client()
    backend.answer("PUT /v2/garages/A%2FB", json={"ok": True})

    refused = browser.put("/api/garages/A%2FB", json={"name": "x"})
    browser.set_cookie("token", "a.b.c")
    response = browser.put("/api/garages/A%2FB", json={"name": "x"})

    assert (refused.status_code, response.status_code, response.json) == (401, 200, {"ok": True})
