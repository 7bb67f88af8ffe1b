"""nginx or HAProxy as shipped in `deploy/`, in front of instances on loopback: addresses are replaced, nothing else."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pytest

from tests.server import free_port

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
Kind = Literal["nginx", "haproxy"]


def tool(name: str, *, of: str, folder: Path | None = None) -> str:
    """The program of that name; without it the test is skipped, but in CI, where it fails.

    Args:
        name: The program's.
        of: What brings it, for whoever reads the message.
        folder: Where to look first.
    """
    found = shutil.which(name, path=folder) if folder else None
    # Debian keeps servers where users have no path to.
    found = found or shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is missing: {of}", pytrace=False)
    if found is None:
        pytest.skip(f"{name} is missing: {of}")
    return found


def adapted(text: str, replacements: Mapping[str, str]) -> str:
    """`text` with each key replaced; a key that is not in it means that the file has changed, and the test has not."""
    for old, new in replacements.items():
        assert old in text, f"not in the file any more: {old}"
        text = text.replace(old, new)
    return text


@dataclass
class Front:
    """One origin for a page and two instances; entered, it serves; left, it is stopped, and `log` has what it wrote."""

    kind: Kind
    instances: Sequence[int]
    page: int
    certificate: Path | None = None  # with its key, in one PEM file: then it speaks TLS
    changes: Mapping[str, str] = field(default_factory=dict)  # for a test that cannot wait as long as the file does
    port: int = field(default_factory=free_port)
    log: str = ""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        command = self._nginx() if self.kind == "nginx" else self._haproxy()
        with Path(self._folder.name, "output").open("w") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self._folder.name
            )
        give_up = time.monotonic() + 10
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > give_up:
                self._stop()
                raise RuntimeError(f"{self.kind} does not serve:\n{self.log}")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def await_log(self, words: str) -> None:
        """Wait until these words are in what the server wrote."""
        give_up = time.monotonic() + 10
        while words not in self._written():
            assert time.monotonic() < give_up, f"never written: {words}"
            time.sleep(0.01)

    def _written(self) -> str:
        files = [Path(self._folder.name, name) for name in ("output", "access.log")]
        return "".join(file.read_text("utf-8") for file in files if file.exists())

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        self.log = self._written()
        self._folder.cleanup()

    def _places(self) -> dict[str, str]:
        """Where the shipped files look for the instances and the page, and where these are."""
        first, second = self.instances
        # By way of names, for a free port may be one of those replaced.
        return {
            "127.0.0.1:8000": "127.0.0.1:FIRST",
            "127.0.0.1:8001": "127.0.0.1:SECOND",
            "127.0.0.1:3000": f"127.0.0.1:{self.page}",
            "127.0.0.1:FIRST": f"127.0.0.1:{first}",
            "127.0.0.1:SECOND": f"127.0.0.1:{second}",
        }

    def _nginx(self) -> list[str]:
        folder = Path(self._folder.name)
        (folder / "compose").mkdir()
        shipped = {
            "bff.conf": {"/var/log/nginx/": f"{folder}/", **self._nginx_listen()},
            "upstreams.conf": self._places(),
            "compose/nginx.conf": {"/tmp/": f"{folder}/"},
        }
        for name, replacements in shipped.items():
            text = adapted((DEPLOY / "nginx" / name).read_text("utf-8"), replacements)
            (folder / name).write_text(text, "utf-8")
        (folder / "upstreams.conf").rename(folder / "compose/upstreams.conf")
        user = pwd.getpwuid(os.geteuid()).pw_name  # started as root nginx would become nobody, who may not enter here
        nginx = tool("nginx", of="apt-get install nginx-light")
        return [nginx, "-p", str(folder), "-c", f"{folder}/compose/nginx.conf", "-g", f"daemon off; user {user};"]

    def _nginx_listen(self) -> dict[str, str]:
        if self.certificate is None:
            return {"    listen 8080;": f"    listen 127.0.0.1:{self.port};"}
        return {
            "    listen 8080;\n": "",
            "#listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            "#ssl_certificate ": "ssl_certificate ",
            "#ssl_certificate_key": "ssl_certificate_key",
            "#add_header Strict": "add_header Strict",
            "/etc/ssl/app.example.com.pem": str(self.certificate),
            "/etc/ssl/app.example.com.key": str(self.certificate),
        }

    def _haproxy(self) -> list[str]:
        file = Path(self._folder.name, "haproxy.cfg")
        changes = {**self._places(), **self._haproxy_bind(), **self.changes}
        text = adapted((DEPLOY / "haproxy/haproxy.cfg").read_text("utf-8"), changes)
        file.write_text(text, "utf-8")
        return [tool("haproxy", of="apt-get install haproxy"), "-db", "-f", str(file)]

    def _haproxy_bind(self) -> dict[str, str]:
        if self.certificate is None:
            return {"bind :8080": f"bind 127.0.0.1:{self.port}"}
        return {
            "    bind :8080\n": "",
            "#bind :443": f"bind 127.0.0.1:{self.port}",
            "/etc/haproxy/app.example.com.pem": str(self.certificate),
            "#http-response set-header Strict": "http-response set-header Strict",
        }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
