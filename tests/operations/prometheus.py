"""A real Prometheus scrapes a real service by deploy/prometheus/: the rules run, an alert fires, every panel has data.

Run by `make incidents`; wants Debian's `prometheus`.
"""

import json
import math
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.operations.scene import SCRAPERS_TOKEN, Scene, with_hooks
from tests.operations.test_alerts import ALERTS, FOLDER
from tests.operations.test_dashboard import expressions
from tests.proxy.api.test_auth import jwt
from tests.server import free_port

PROMETHEUS = shutil.which("prometheus")
TOKEN = jwt(sub="ana")


class Prometheus:
    """A server with our configuration, in a folder of its own; it scrapes one instance, and often."""

    def __init__(self, folder: Path, instance: str) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{free_port()}"
        config = (FOLDER / "prometheus.yml").read_text("utf-8")
        config = config.replace('"127.0.0.1:8000", "127.0.0.1:8001"', f'"{instance}"').replace("15s", "200ms")
        (folder / "prometheus.yml").write_text(config)
        (folder / "alerts.yml").write_text((FOLDER / "alerts.yml").read_text("utf-8"))
        (folder / "metrics-token").write_text(SCRAPERS_TOKEN)

    @contextmanager
    def running(self) -> Iterator[None]:
        assert PROMETHEUS is not None, "Prometheus is missing: it is in Debian's package prometheus"
        address = f"--web.listen-address={self._url.removeprefix('http://')}"
        options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error", address]
        process = subprocess.Popen([PROMETHEUS, *options], cwd=self._folder)
        try:
            give_up = time.monotonic() + 20
            while not self._is_ready():
                assert process.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait(timeout=10)

    def get(self, path: str, **query: str) -> Any:
        with urlopen(f"{self._url}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def shows(self, expression: str) -> bool:
        """Whether there is a number."""
        values = [sample["value"][1] for sample in self.get("query", query=expression)["result"]]
        return any(not math.isnan(float(value)) for value in values)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False


def tell_backend(scene: Scene) -> None:
    """What the backend answers: good and bad."""
    pause = threading.Event()

    def take_a_moment(connection: socket.socket) -> None:
        pause.wait(0.02)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    scene.backend.script("GET /api/dashboard", take_a_moment)
    scene.backend.answer("GET /api/vehicles", json=[])
    scene.backend.answer("GET /api/routes", 500, json={"error": "no"})
    scene.backend.answer("GET /api/refuels", body=b"<html>")
    scene.backend.answer("GET /api/auth/me", 401, json={"error": "no"})
    scene.backend.answer("POST /api/auth/login", 401, json={"error": "no"})


def wait_for_a_slot(scene: Scene) -> None:
    """Of several requests at once each waits for the one before it."""
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(scene.ask, "GET", "/api/dashboard", token=TOKEN)


def something_of_everything(scene: Scene) -> None:
    """Requests of all kinds, once."""
    wait_for_a_slot(scene)
    for path in ("/api/vehicles", "/api/routes", "/api/refuels", "/api/auth/me", "/api/expenses", "/api/proxy/x"):
        scene.ask("GET", path, token=TOKEN)
    scene.ask("GET", "/api/vehicles")
    scene.ask("GET", "/api/vehicles", token=jwt(exp=1))
    scene.ask("GET", "/readyz")
    scene.ask("POST", "/api/expenses", {}, token=TOKEN, fields={"Sec-Fetch-Site": "cross-site"})
    scene.sign_in("ana@example.com")


def test_a_real_prometheus_has_something_to_show(tmp_path):
    """With the token from its file; all of the dashboard's questions have answers, and a defect is told at once."""
    root = with_hooks(
        tmp_path,
        "from proxy.hooks import Hooks\nhooks = Hooks()\n@hooks.before_send('expenses')\ndef fail(_): raise KeyError\n",
    )
    slots = {"THREADS": "8", "BACKEND_MAX_REQUESTS": "1", "BACKEND_QUEUE_TIMEOUT": "1"}
    settings = {"PROXY_ALLOW": "*", "RATELIMIT_AUTH": "1 per minute", **slots}
    with Scene(root, **settings) as scene:
        prometheus = Prometheus(tmp_path, f"127.0.0.1:{scene.server.port}")
        tell_backend(scene)
        wanted = [text.replace("[1m]", "[5s]") for text in expressions()]
        give_up = time.monotonic() + 30
        with prometheus.running():
            while wanted and time.monotonic() < give_up:
                something_of_everything(scene)
                wanted = [expression for expression in wanted if not prometheus.shows(expression)]
            groups = prometheus.get("rules")["groups"]
            targets = prometheus.get("targets")["activeTargets"]

    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]
    assert rules.keys() == {alert["alert"] for alert in ALERTS}
    assert [(name, rule["lastError"]) for name, rule in rules.items() if rule["health"] != "ok"] == []
    assert rules["BffDefect"]["state"] == "firing"
    assert wanted == []
    print(f"\n    up, {len(rules)} rules, {len(list(expressions()))} questions answered")
    print(f"    firing: {[name for name, rule in rules.items() if rule['state'] == 'firing']}")
