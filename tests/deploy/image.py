"""The image without a container: the Dockerfile's own commands, on exactly what it copies, run as its user.

`make deploy-check`; needs the network, for the packages. What only a container can show (the base image, the layers) is
not shown here.
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.deploy.dockerfile import ROOT, Dockerfile, Stage
from tests.server import free_port

FILE = Dockerfile.read()
PYTHON = FILE.arguments["PYTHON"].removeprefix("python:").partition("-")[0]
WITHIN_SECONDS = 20

# $1: the image's folder; then the command. The mounts are this process's own, and go with it.
READ_ONLY = """
set -e
image=$1; shift
mount -t tmpfs tmpfs /mnt
mkdir /mnt/app /mnt/venv
mount --bind "$image/app" /mnt/app
mount --bind "$image/opt/venv" /mnt/venv
for each in / /mnt/app /mnt/venv /mnt; do mount -o remount,bind,ro "$each"; done
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd /mnt/app
exec "$@"
"""


@dataclass(frozen=True)
class Image:
    """A folder with what the image has in `/opt/venv` and `/app`."""

    stage: Stage
    folder: Path

    def run(self, instruction: str) -> None:
        """A RUN of the Dockerfile; where it says `/opt/venv` or `python`, ours."""
        command = instruction.replace("/opt/venv", f"{self.folder}/opt/venv")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(["sh", "-ec", command], cwd=self.folder / "app", env={**os.environ, "PATH": path}, check=True)

    def copy(self) -> None:
        """What the stage copies, where it copies it."""
        for source in self.stage.copied:
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, self.folder / "app" / source, ignore=ignored)
            else:
                shutil.copy2(ROOT / source, self.folder / "app" / source)


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The builder's work: a folder with `opt/venv`."""
    builder = Image(FILE.stages["builder"], tmp_path_factory.mktemp("builder"))
    (builder.folder / "app").mkdir()
    builder.copy()
    [instruction] = builder.stage.all("RUN")
    builder.run(instruction)
    return builder.folder / "opt/venv"


def build(stage: Stage, venv: Path, folder: Path) -> Image:
    """A last stage on top of it."""
    image = Image(stage, folder)
    (folder / "app").mkdir()
    (folder / "opt").mkdir()
    image.copy()
    for file in folder.glob("app/**/*"):
        file.chmod(0o700 if file.is_dir() else 0o600)  # as a checkout under umask 077 has them
    (folder / "opt/venv").symlink_to(venv)
    image.run(image.stage.last("RUN"))
    return image


def unprivileged(user: str) -> list[str]:
    """Become the image's user, who may read what only root may here (its Python's folder may be such), and no more."""
    number = user.partition(":")[0]
    reads = "-all,+dac_read_search"
    identity = [f"--reuid={number}", f"--regid={number}", "--clear-groups", "--no-new-privs"]
    return ["setpriv", *identity, f"--bounding-set={reads}", f"--inh-caps={reads}", f"--ambient-caps={reads}"]


def confined(image: Image) -> list[str]:
    """As the image's user, on a file system that is read-only but for /tmp, which is empty and in memory."""
    is_root = os.geteuid() == 0
    alone = ["unshare", "--mount", "--propagation=private", *([] if is_root else ["--map-root-user"])]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mounts of one's own here")
    identity = unprivileged(image.stage.last("USER")) if is_root else []
    return [*alone, "sh", "-c", READ_ONLY, "image", str(image.folder), *identity]


def in_image(command: list[str]) -> list[str]:
    return [f"/mnt/venv/bin/{command[0]}", *command[1:]]


@contextmanager
def running(image: Image, command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The image's process; whatever happens, it is ended."""
    process = subprocess.Popen(
        [*confined(image), *in_image(command)],
        env={**FILE.stages["runtime"].environment, **environ, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


def is_healthy(image: Image, environ: dict[str, str]) -> bool:
    """What the image's HEALTHCHECK says."""
    command = [str(image.folder / "opt/venv/bin/python"), *image.stage.healthcheck[1:]]
    return not subprocess.run(command, env=environ, capture_output=True, check=False).returncode


def await_health(image: Image, environ: dict[str, str], process: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + WITHIN_SECONDS
    while not is_healthy(image, environ):
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        assert time.monotonic() < give_up
        time.sleep(0.05)


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_service_runs_on_what_is_copied(venv, tmp_path, backend, workers):
    """As nobody in particular, writing to /tmp alone; SIGTERM ends it (the image's STOPSIGNAL)."""
    image = build(FILE.stages["bff"], venv, tmp_path)
    port = free_port()
    environ = {"PORT": str(port), "WEB_CONCURRENCY": workers, "API_BASE_URL": backend.url}

    before = is_healthy(image, environ)
    with running(image, image.stage.entrypoint, environ) as process:
        await_health(image, environ, process)
        statuses = [get(port, path) for path in ("/healthz", "/readyz", "/api/auth/session", "/api/auth/me")]
        process.send_signal(signal.Signals[image.stage.last("STOPSIGNAL")])
        ended = process.wait(timeout=WITHIN_SECONDS)

    assert before is False
    assert statuses == [200, 200, 200, 401]
    assert ended == 0


def test_what_cannot_start_says_so_in_one_line(venv, tmp_path):
    """As everywhere: no trace, and an exit that is none."""
    image = build(FILE.stages["bff"], venv, tmp_path)

    with running(image, image.stage.entrypoint, {}) as process:
        output, _ = process.communicate(timeout=WITHIN_SECONDS)

    assert output.splitlines() == ["API_BASE_URL is not set; it takes the backend's address: https://api.example.com"]
    assert process.returncode == 1


def test_the_doctor_is_in_the_image(venv, tmp_path):
    """`docker run --entrypoint python … doctor.py`."""
    image = build(FILE.stages["bff"], venv, tmp_path)

    with running(image, ["python", "doctor.py"], {}) as process:
        output, _ = process.communicate(timeout=WITHIN_SECONDS)

    assert "API_BASE_URL" in output
    assert "Traceback" not in output
    assert process.returncode == 1


def test_the_sandbox_runs_on_what_is_copied(venv, tmp_path):
    """Its own stage, of which the service is no part, on a free port in place of its own."""
    port = free_port()
    stage = FILE.stages["sandbox"]
    stage = replace(stage, instructions=[(name, rest.replace("8001", str(port))) for name, rest in stage.instructions])
    image = build(stage, venv, tmp_path)

    with running(image, image.stage.entrypoint, {}) as process:
        await_health(image, {}, process)
        status = get(port, "/api/vehicles")
        process.send_signal(signal.Signals[image.stage.last("STOPSIGNAL")])
        ended = process.wait(timeout=WITHIN_SECONDS)

    assert (status, ended) == (401, 0)
    assert not (tmp_path / "app/proxy").exists()


def test_the_file_system_of_these_tests_is_read_only(venv, tmp_path):
    """Else they would show nothing."""
    image = build(FILE.stages["bff"], venv, tmp_path)
    program = "import os, sys; print(*[os.access(path, os.W_OK) for path in sys.argv[1:]])"
    places = ["/mnt/app", "/mnt/venv", "/var/tmp", "/dev/..", "/tmp"]

    with running(image, ["python", "-c", program, *places], {}) as process:
        output, _ = process.communicate(timeout=WITHIN_SECONDS)

    assert output.split() == ["False", "False", "False", "False", "True"]


def test_nothing_is_compiled_at_the_start(venv, tmp_path):
    """The bytecode is in the image, and is not compared with its source: neither can be written there."""
    build(FILE.stages["bff"], venv, tmp_path)
    sources = [*tmp_path.glob("app/**/*.py")]

    missing = [path for path in sources if not [*path.parent.glob(f"__pycache__/{path.stem}.*.pyc")]]

    assert sources
    assert missing == []
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in tmp_path.glob("app/**/*"))


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_every_package_has_a_wheel_for_the_image(tmp_path, processor):
    """For its Python, on its C library, with a hash that is locked: the builder has no compiler."""
    platforms = [f"--platform=manylinux_2_{minor}_{processor}" for minor in (17, 28, 34)]
    options = ["--dry-run", "--quiet", "--ignore-installed", "--only-binary=:all:", "--require-hashes"]
    image = ["--implementation=cp", f"--python-version={PYTHON}", f"--platform=manylinux2014_{processor}", *platforms]

    found = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *image, "--target", str(tmp_path), "-r", "requirements.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr
