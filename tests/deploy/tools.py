"""What programs say of the files in `deploy/`, of compose.yaml and of the Dockerfile: `make deploy-check`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.dockerfile import ROOT
from tests.deploy.front import DEPLOY, adapted, tool

HERE = Path(__file__).parent
TOOLS = ROOT / ".venv/deploy/bin"
OF_MAKE = "make deploy-check brings it"


def say(command: list[str], folder: Path = ROOT, **environ: str) -> tuple[int, str]:
    """The exit status, and all that was written."""
    found = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return found.returncode, found.stdout + found.stderr


def test_nginx_takes_the_site(tmp_path):
    """As it stands: it is made to be included, here by a file of two lines."""
    (tmp_path / "nginx.conf").write_text(f"events {{}}\nhttp {{ include {DEPLOY}/nginx/*.conf; }}\n")
    nginx = tool("nginx", of="apt-get install nginx-light")

    status, said = say([nginx, "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])

    assert (status, said) == (0, "")


def test_nginx_takes_what_compose_gives_it(tmp_path):
    """But the parameter `resolve`, which nginx knows from 1.27.3 on, and a name that Docker resolves."""
    shutil.copytree(DEPLOY / "nginx", tmp_path / "nginx")
    upstreams = tmp_path / "nginx/compose/upstreams.conf"
    upstreams.write_text(adapted(upstreams.read_text("utf-8"), {"server bff:8000 resolve;": "server 127.0.0.1:8000;"}))
    nginx = tool("nginx", of="apt-get install nginx-light")

    status, said = say([nginx, "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx/compose/nginx.conf")])

    assert (status, said) == (0, "")


def test_haproxy_takes_its_file():
    """As it stands, without a warning."""
    haproxy = tool("haproxy", of="apt-get install haproxy")

    status, said = say([haproxy, "-c", "-q", "-dW", "-f", str(DEPLOY / "haproxy/haproxy.cfg")])

    assert (status, said) == (0, "")


def test_systemd_takes_the_unit(tmp_path):
    """Once its program is there."""
    text = (DEPLOY / "systemd/bff@.service").read_text("utf-8")
    unit = tmp_path / "bff@8000.service"
    unit.write_text(adapted(text, {"/opt/kilometracker-bff/.venv/bin/python": "/bin/true"}))

    status, said = say([tool("systemd-analyze", of="apt-get install systemd"), "verify", "--man=no", str(unit)])

    assert (status, said) == (0, "")


def test_hadolint_has_nothing_to_say_of_the_dockerfile():
    """Nor of what a shell would make of it."""
    assert say([tool("hadolint", of=OF_MAKE, folder=TOOLS), "Dockerfile"]) == (0, "")


@pytest.mark.parametrize("changed", [False, True], ids=["as it is", "with a mistake"])
def test_the_linter_of_compose_files_has_nothing_to_say(tmp_path, changed):
    """The specification's schema, and rules of its own: but our order of keys and services, and our quotes."""
    dclint = tool("dclint", of=OF_MAKE, folder=HERE / "node_modules/.bin")
    text = (ROOT / "compose.yaml").read_text("utf-8")
    (tmp_path / "compose.yaml").write_text(adapted(text, {"read_only:": "readonly:"}) if changed else text)
    orders = ["service-keys-order", "services-alphabetical-order", "require-quotes-in-ports"]
    rules = [f"--disable-rule={rule}" for rule in [*orders, "require-project-name-field"]]

    status, said = say([dclint, "compose.yaml", *rules, "--max-warnings=0", "--no-color"], tmp_path)

    assert (status, "invalid-schema" in said) == (int(changed), changed), said


@pytest.fixture
def compose() -> list[str]:
    """Docker's plugin; else the program that Debian has, which is older, and needs no Docker either."""
    if say(["docker", "compose", "version"])[0] == 0:
        return ["docker", "compose"]
    return [tool("docker-compose", of="apt-get install docker-compose")]


def test_compose_understands_its_file(compose):
    """What it makes of it: names, defaults, what is merged in."""
    status, said = say([*compose, "config"], TOKEN_COOKIE_KEYS="x")

    assert status == 0, said
    services = yaml.safe_load(said)["services"]
    assert services.keys() == {"bff", "sandbox", "redis", "nginx"}
    assert services["bff"]["environment"]["WEB_CONCURRENCY"] == "2"
    assert all(service["read_only"] for service in services.values())


def test_compose_starts_nothing_without_a_key(compose):
    """And says what to do."""
    status, said = say([*compose, "config"])

    assert status != 0
    assert "32 random bytes" in said


@pytest.fixture
def kubernetes(tmp_path: Path) -> Path:
    """The folder as whoever deploys has it, with a file of secrets."""
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    example = tmp_path / "kubernetes/overlays/example"
    shutil.copy(example / "secret.env.example", example / "secret.env")
    return tmp_path / "kubernetes"


@pytest.fixture
def kustomize() -> list[str]:
    """The program, or the one inside of kubectl."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return [tool("kubectl", of="https://kubernetes.io/docs/tasks/tools/"), "kustomize"]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("folder", ["base", "overlays/example"])
def test_kubernetes_takes_what_kustomize_makes(kubernetes, kustomize, folder, version):
    """By the schemas of the oldest release it is for, and of the newest; a field that they do not know is a mistake."""
    status, built = say([*kustomize, folder], kubernetes)
    assert status == 0, built
    (kubernetes / "built.yaml").write_text(built)

    validate = tool("kubernetes-validate", of=OF_MAKE, folder=TOOLS)
    status, said = say([validate, "--strict", "--quiet", "-k", version, "built.yaml"], kubernetes)

    assert (status, said) == (0, "")


def test_the_schemas_find_a_mistake(kubernetes, kustomize):
    """Else they would prove nothing."""
    _, built = say([*kustomize, "base"], kubernetes)
    (kubernetes / "built.yaml").write_text(adapted(built, {"readinessProbe:": "readynessProbe:"}))

    validate = tool("kubernetes-validate", of=OF_MAKE, folder=TOOLS)
    status, said = say([validate, "--strict", "--quiet", "built.yaml"], kubernetes)

    assert status != 0
    assert "readynessProbe" in said


def test_kustomize_gives_the_pods_their_names_and_their_image(kubernetes, kustomize):
    """A configuration that is changed has another name: so the pods are replaced."""
    _, built = say([*kustomize, "overlays/example"], kubernetes)
    settings = kubernetes / "base/bff.env"
    settings.write_text(settings.read_text("utf-8") + "THREADS=64\n")
    _, rebuilt = say([*kustomize, "overlays/example"], kubernetes)

    [before], [after] = (list(containers(text)) for text in (built, rebuilt))
    assert before["image"] == "registry.example.com/kilometracker-bff:1.0.0"
    assert before["envFrom"][0] != after["envFrom"][0]
    assert before["envFrom"][1] == after["envFrom"][1]


def containers(built: str) -> Iterator[dict[str, Any]]:
    """Those of every Deployment."""
    for document in yaml.safe_load_all(built):
        if document["kind"] == "Deployment":
            yield from document["spec"]["template"]["spec"]["containers"]


def test_an_overlay_without_its_secrets_is_not_built(kubernetes, kustomize):
    """Rather than with those of an example."""
    (kubernetes / "overlays/example/secret.env").unlink()

    status, said = say([*kustomize, "overlays/example"], kubernetes)

    assert status != 0
    assert "secret.env" in said
