"""The files for deploying agree with the service, and with each other. What programs say of them: tests/deploy."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from config import Settings
from tests.deploy.dockerfile import ROOT, Dockerfile, is_ignored

DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes/base"
EXAMPLE = DEPLOY / "kubernetes/overlays/example"
GUIDE = (ROOT / "docs/DEPLOY.md").read_text("utf-8")
FILE = Dockerfile.read()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: Mapping[str, Any] = COMPOSE["services"]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MIB = 2**20


def gunicorn(name: str) -> int:
    """A number of gunicorn.conf.py."""
    for node in ast.parse((ROOT / "gunicorn.conf.py").read_text("utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and ast.unparse(node.targets[0]) == name
        ):
            return int(str(node.value.value))
    raise LookupError(name)


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Every object in the files that the folder's kustomization lists."""
    for name in yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]:
        if (folder / name).is_file():
            yield from yaml.safe_load_all((folder / name).read_text("utf-8"))


def objects(kind: str, folder: Path = BASE) -> dict[str, Any]:
    """Those of a kind, by name."""
    return {each["metadata"]["name"]: each for each in documents(folder) if each["kind"] == kind}


DEPLOYMENT = objects("Deployment")["bff"]["spec"]
POD = DEPLOYMENT["template"]
[CONTAINER] = POD["spec"]["containers"]


def variables(path: Path) -> dict[str, str]:
    """What a file of `NAME=value` sets."""
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_image_has_the_whole_service_and_nothing_else():
    """A file that was forgotten would be missed at the start, or, worse, later."""
    modules = {path.name for path in ROOT.glob("*.py")}

    assert set(FILE.stages["bff"].copied) == modules | {"checks", "proxy"}
    assert set(FILE.stages["sandbox"].copied) == {"sandbox", "raw_path.py"}
    assert list(FILE.stages)[-1] == "bff"


def test_what_is_copied_is_in_the_context_and_secrets_are_not():
    """.dockerignore lets nothing in but what it names."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text("utf-8").split("\n") if line and line[0] != "#"]
    copied = [*FILE.stages["builder"].copied, *FILE.stages["bff"].copied, "proxy/api/auth.py", "sandbox/api/auth.py"]
    secret = [
        ".env",
        ".git/config",
        "var/sandbox.sqlite3",
        "tests/conftest.py",
        "cookies.txt",
        "proxy/__pycache__/x.pyc",
    ]

    assert [path for path in copied if is_ignored(path, patterns)] == []
    assert [path for path in secret if not is_ignored(path, patterns)] == []


@pytest.mark.parametrize("name", ["bff", "sandbox"])
def test_the_image_runs_as_nobody_and_without_a_shell(name):
    """By number, for Kubernetes cannot see what a name means; and the first process gets the signals."""
    stage = FILE.stages[name]

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", stage.last("USER"))
    assert stage.entrypoint[0] == stage.healthcheck[0] == "python"
    assert stage.all("ADD") == stage.all("CMD") == []


def test_the_image_runs_what_the_procfile_runs():
    """One way to start it."""
    assert f"web: {' '.join(FILE.stages['bff'].entrypoint)}\n" == (ROOT / "Procfile").read_text("utf-8")
    assert FILE.stages["bff"].last("STOPSIGNAL") == "SIGTERM"
    assert "'/healthz'" in FILE.stages["bff"].healthcheck[-1]


def test_only_what_is_locked_is_installed():
    """By hash, as wheels, by a pip that stays behind."""
    [command] = FILE.stages["builder"].all("RUN")

    assert {"--require-hashes", "--only-binary=:all:", "--without-pip"} <= set(command.split())
    assert FILE.stages["builder"].copied == ["requirements.txt"]


@pytest.mark.parametrize(
    "environ",
    [
        {**SERVICES["bff"]["environment"], "TOKEN_COOKIE_KEYS": KEY, "PROXY_ALLOW": "", "WEB_CONCURRENCY": "2"},
        {
            **variables(BASE / "bff.env"),
            **variables(EXAMPLE / "secret.env.example"),
            "TOKEN_COOKIE_KEYS": KEY,
            "RATELIMIT_STORAGE_URI": "redis://:secret@redis:6379/0",
        },
    ],
    ids=["compose", "kubernetes"],
)
def test_the_settings_are_ones_the_service_takes(environ):
    """Of its own names alone, and in production: the same start, with the same judgement."""
    environ = {name: "" if value.startswith("${") else value for name, value in environ.items()}

    settings = config.from_environ(environ)

    assert environ.keys() <= {setting.name.upper() for setting in fields(Settings)}
    assert (settings.app_env, settings.trusted_proxies, settings.web_concurrency) == ("production", 1, 2)
    assert settings.ratelimit_storage_uri.value.startswith("redis://")
    assert settings.token_cookie_keys


def test_the_secrets_of_the_example_stop_the_start():
    """Nobody runs with what everybody knows."""
    environ = {**variables(BASE / "bff.env"), **variables(EXAMPLE / "secret.env.example")}

    unusable = [line.partition(" ")[0] for line in config.problems(environ)]

    assert unusable == ["TOKEN_COOKIE_KEYS", "RATELIMIT_STORAGE_URI"]
    assert SERVICES["bff"]["environment"]["TOKEN_COOKIE_KEYS"].startswith("${TOKEN_COOKIE_KEYS:?")
    assert (EXAMPLE / ".gitignore").read_text("utf-8").splitlines()[-1] == "secret.env"


def test_requests_in_flight_have_the_time_that_gunicorn_gives_them():
    """Whoever stops us waits longer than that, with what comes before it."""
    graceful = gunicorn("graceful_timeout")
    unit = (DEPLOY / "systemd/bff@.service").read_text("utf-8")
    before = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert POD["spec"]["terminationGracePeriodSeconds"] >= before + graceful + 5
    assert int(SERVICES["bff"]["stop_grace_period"].removesuffix("s")) >= graceful + 5
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.M)[0]) >= graceful + 5
    assert "hard-stop-after 30s" in (DEPLOY / "haproxy/haproxy.cfg").read_text("utf-8")


def test_the_servers_in_front_take_what_the_service_takes():
    """And give up later: errors are then ours, and in our words."""
    site = (DEPLOY / "nginx/bff.conf").read_text("utf-8")
    [typed, streamed] = re.findall(r"client_max_body_size (\d+)m;", site)
    [head] = re.findall(r"large_client_header_buffers \d+ (\d+)k;", site)
    haproxy = dict(
        re.findall(r"^ +(tune\.bufsize|timeout server) +(\d+)", (DEPLOY / "haproxy/haproxy.cfg").read_text(), re.M)
    )
    patience = int(re.findall(r"proxy_read_timeout (\d+)s;", site)[0])
    settings = Settings(api_base_url="http://x")

    assert (int(typed) * MIB, int(streamed) * MIB) == (settings.max_content_length, settings.proxy_max_content_length)
    assert int(head) * 1024 > gunicorn("limit_request_field_size")
    assert int(haproxy["tune.bufsize"]) > gunicorn("limit_request_field_size") + 1024
    assert min(patience, int(haproxy["timeout server"])) > settings.request_deadline
    assert gunicorn("keepalive") > 60  # how long nginx keeps an idle connection to us; HAProxy: pool-purge-delay, 30 s


def test_no_container_has_more_than_it_needs():
    """And one port is published, on loopback, for it is plain http."""
    assert [name for name, service in SERVICES.items() if service["read_only"] is not True] == []
    assert [name for name, service in SERVICES.items() if service["cap_drop"] != ["ALL"]] == []
    assert [name for name, service in SERVICES.items() if service["security_opt"] != ["no-new-privileges:true"]] == []
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "nginx": ["127.0.0.1:8080:8080"]
    }
    assert SERVICES["bff"]["deploy"]["replicas"] == 2


def test_nobody_but_the_bff_is_on_the_network_of_the_backend():
    """Which has no way out."""
    on = {
        network: {name for name, each in SERVICES.items() if network in each["networks"]}
        for network in COMPOSE["networks"]
    }

    assert on == {
        "edge": {"nginx"},
        "origin": {"nginx", "bff"},
        "backend": {"bff", "sandbox"},
        "store": {"bff", "redis"},
    }
    assert [name for name, network in COMPOSE["networks"].items() if not network.get("internal")] == ["edge"]


def test_whoever_is_waited_for_can_be_seen_to_be_healthy():
    """By a check of compose.yaml, or by the image's own."""
    awaited = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    checked = {
        name
        for name, each in SERVICES.items()
        if "healthcheck" in each or FILE.stages[each["build"]["target"]].healthcheck
    }

    assert awaited == {"bff", "sandbox", "redis"}
    assert awaited <= checked


def test_every_file_of_the_base_is_in_its_kustomization():
    """What is not listed is not applied, and nobody is told."""
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text("utf-8"))
    generated = [name for generator in kustomization["configMapGenerator"] for name in generator["envs"]]

    assert {*kustomization["resources"], *generated, "kustomization.yaml"} == {path.name for path in BASE.iterdir()}


def test_everything_selects_the_pods_by_their_labels():
    """A selector that matches nothing is no error to Kubernetes."""
    labels = POD["metadata"]["labels"].items()
    spread = POD["spec"]["topologySpreadConstraints"]
    selectors = [
        DEPLOYMENT["selector"]["matchLabels"],
        objects("Service")["bff"]["spec"]["selector"],
        objects("PodDisruptionBudget")["bff"]["spec"]["selector"]["matchLabels"],
        objects("NetworkPolicy")["bff"]["spec"]["podSelector"]["matchLabels"],
        *[constraint["labelSelector"]["matchLabels"] for constraint in spread],
    ]

    assert [selector for selector in selectors if not selector.items() <= labels] == []
    assert {selector["app.kubernetes.io/name"] for selector in selectors} == {"bff"}


def test_every_name_leads_somewhere():
    """Ports, the scaled Deployment, the sources of the environment, the services of the way in."""
    kustomizations = [yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8")) for folder in (BASE, EXAMPLE)]
    generated = {
        each["name"] for each in [*kustomizations[0]["configMapGenerator"], *kustomizations[1]["secretGenerator"]]
    }
    [port] = CONTAINER["ports"]
    probes = [CONTAINER[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")]
    scaled = objects("HorizontalPodAutoscaler")["bff"]["spec"]["scaleTargetRef"]
    ways_in = re.findall(
        r"path: (\S+)\n.*\n.*\n +service: {name: ([^,]+),", (EXAMPLE / "ingress.yaml").read_text("utf-8")
    )

    assert {*probes, objects("Service")["bff"]["spec"]["ports"][0]["targetPort"]} == {port["name"]}
    assert str(port["containerPort"]) == variables(BASE / "bff.env")["PORT"]
    assert (scaled["kind"], scaled["name"]) == ("Deployment", "bff")
    assert {name for source in CONTAINER["envFrom"] for ref in source.values() for name in ref.values()} == generated
    assert ways_in == [("/", "frontend"), ("/api", "bff"), ("/api/proxy", "bff")]
    assert [image["name"] for image in kustomizations[1]["images"]] == [CONTAINER["image"]]


def test_the_pods_are_held_to_the_restricted_standard():
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and a read-only file system."""
    user, _, group = FILE.stages["bff"].last("USER").partition(":")
    pod = POD["spec"]["securityContext"]

    assert (pod["runAsNonRoot"], pod["runAsUser"], pod["runAsGroup"]) == (True, int(user), int(group))
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert [mount["mountPath"] for mount in CONTAINER["volumeMounts"]] == ["/tmp"]


def test_there_are_always_two():
    """While one is replaced, moved or lost; and no number in the Deployment works against the autoscaler's."""
    assert DEPLOYMENT["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert objects("HorizontalPodAutoscaler")["bff"]["spec"]["minReplicas"] == 2
    assert objects("PodDisruptionBudget")["bff"]["spec"]["minAvailable"] == 1
    assert "replicas" not in DEPLOYMENT


def test_a_backend_that_is_down_restarts_nobody():
    """/readyz takes an instance out of rotation; where something restarts what fails, it is /healthz."""
    paths = {kind: CONTAINER[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}

    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert CONTAINER["readinessProbe"]["timeoutSeconds"] >= 1  # it asks the backend, for 0.8 s at most


def test_nobody_but_the_bff_reaches_the_backend():
    """The only peers of the only rule; and the BFF itself is let out to what it needs, on the ports it needs."""
    policies = objects("NetworkPolicy")
    ours = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "bff"}}}
    allowed = [(port["port"]) for rule in policies["bff"]["spec"]["egress"] for port in rule["ports"]]

    assert policies.keys() == {"bff", "backend", "redis"}
    assert policies["backend"]["spec"]["ingress"] == [{"from": [ours], "ports": [{"port": 8001}]}]
    assert policies["redis"]["spec"]["ingress"] == [{"from": [ours], "ports": [{"port": 6379}]}]
    assert allowed == [53, 53, 8001, 6379]
    assert all(rule["to"] for rule in policies["bff"]["spec"]["egress"])


def test_the_guide_names_what_there_is():
    """Its links lead to files, its settings are settings."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", GUIDE)
    platforms = {"RAILWAY_DEPLOYMENT_DRAINING_SECONDS", "GUNICORN_CMD_ARGS", "HTTP_PROXY"}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)", GUIDE))
    known = {setting.name.upper() for setting in fields(Settings)} | {"NEXTAUTH_SECRET"}

    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert named - known - platforms == set()
    assert {"nginx", "haproxy", "kubernetes", "systemd"} <= set(re.findall(r"deploy/(\w+)", GUIDE))
