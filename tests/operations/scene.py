"""A service in production with something gone wrong, and what an operator has of it: the log, and /metrics.

What a test looks at is printed (`pytest -s`): the lines that decide, and the samples.
"""

import contextlib
import http.client
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.backend import Backend
from tests.server import ROOT, Server

Line = dict[str, Any]

SCRAPERS_TOKEN = "for-the-scraper"
_NOISE = ("time", "trace_id", "bytes_in", "bytes_out")


def with_hooks(folder: Path, text: str) -> Path:
    """The service's code, in a folder of its own, with a team's `hooks.py`."""
    for file in ROOT.glob("*.py"):
        shutil.copy(file, folder)
    (folder / "proxy").symlink_to(ROOT / "proxy")
    (folder / "hooks.py").write_text(text, "utf-8")
    return folder


@dataclass(frozen=True)
class Answer:
    """What a browser got."""

    status: int
    text: str
    cookies: SimpleCookie


class Scene:
    """The service as users run it, in front of a backend that does as it is told.

    Used as a context manager: left, the service has stopped, and `lines` and `count` look at what it has said.

    Args:
        root: Where the service's code is.
        environ: Settings besides those that every scene has; API_BASE_URL is the scene's backend's unless named here.
    """

    def __init__(self, root: Path = ROOT, /, **environ: str) -> None:
        self._root = root
        self._environ = environ
        self.backend = Backend()

    def __enter__(self) -> Self:
        self._backends = contextlib.ExitStack()
        self._backends.enter_context(self.backend)
        environ = {"API_BASE_URL": self.backend.url, "METRICS_TOKEN": SCRAPERS_TOKEN, **self._environ}
        self.server = Server(environ, root=self._root)
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._samples = [] if error else self._scrape()
        self.server.stop()
        self.stop_backend()
        self.log = read(self.server.output)

    def stop_backend(self) -> None:
        """Its port refuses from now on, and its connections are closed."""
        self._backends.close()

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        fields: dict[str, str] | None = None,
        timeout: float = 20,
    ) -> Answer:
        """One request on a connection of its own; `body` goes as JSON, `token` as the token cookie."""
        content = None if body is None else json.dumps(body)
        told = {} if body is None else {"Content-Type": "application/json"}
        cookie = {} if token is None else {"Cookie": f"token={token}"}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        try:
            connection.request(method, path, content, {**told, **cookie, **(fields or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), SimpleCookie(answer.headers.get("Set-Cookie")))
        finally:
            connection.close()

    def sign_in(self, email: str, *, fields: dict[str, str] | None = None) -> Answer:
        """An attempt to."""
        return self.ask("POST", "/api/auth/login", {"email": email, "password": "x"}, fields=fields)

    def now(self, name: str) -> float:
        """What /metrics says of a metric at this moment."""
        value = _sum(self._scrape(), name, {})
        _say(f"{name} {value:g}   (while it lasts)")
        return value

    def lines(self, event: str = "request", **fields: object) -> list[Line]:
        """The lines of an event that have these fields; the first of them is printed."""
        found = [line for line in self.log if line["event"] == event and fields.items() <= line.items()]
        if found:
            told = {name: value for name, value in found[0].items() if value is not None and name not in _NOISE}
            _say(f"{len(found):>3} × {json.dumps(told, ensure_ascii=False)}")
        return found

    def says(self, beginning: str) -> list[Line]:
        """The lines of gunicorn itself that begin like this."""
        found = [line for line in self.log if line["event"].startswith(beginning)]
        return found and self.lines(found[0]["event"])

    def count(self, name: str, **labels: str) -> float:
        """What /metrics said at the end: the sum of the samples that have these labels, which is printed."""
        value = _sum(self._samples, name, labels)
        told = ",".join(f'{label}="{text}"' for label, text in labels.items())
        _say(f"      {name}{told and '{' + told + '}'} {value:g}")
        return value

    def _scrape(self) -> list[Sample]:
        text = self.ask("GET", "/metrics", fields={"Authorization": f"Bearer {SCRAPERS_TOKEN}"}).text
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def read(output: str) -> list[Line]:
    """The lines of a log; what is not JSON is no line of a service in production."""
    return list(_objects(output))


def _objects(output: str) -> Iterator[Line]:
    for text in output.splitlines():
        line = json.loads(text)
        assert isinstance(line, dict)
        yield line


def _sum(samples: list[Sample], name: str, labels: dict[str, str]) -> float:
    return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())


def _say(text: str) -> None:
    print(f"    {text}", flush=True)
