"""What every load run shares: the backend (nginx), the kinds of requests, and wrk, which sends them."""

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import PATH, Process

HERE = Path(__file__).parent
COOKIE = "token=a.eyJzdWIiOiIxIn0.c"
NGINX = ("nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr")
_PATIENCE_SECONDS = 10.0
_STARTS_WITHIN_SECONDS = 30.0


def _vehicle(number: int) -> dict[str, Any]:
    seen = {"createdAt": "2026-01-05T08:30:00.000Z", "updatedAt": "2026-03-17T19:02:11.000Z"}
    named = {
        "_id": f"{number:024x}",
        "alias": f"Coche {number}",
        "marca": "Citroën",
        "modelo": 2020,
        "plates": "1234 BCD",
    }
    return {**named, "isActive": True, "fuelType": "gasoline", "tankCapacity": 45.5, **seen}


def _trip(number: int) -> dict[str, Any]:
    place = {"originName": "Casa", "destinationName": "Oficina", "distance": 12.5 + number % 40, "duration": 25}
    return {
        "_id": f"{number:024x}",
        "vehicleAlias": "Coche 1",
        **place,
        "date": "2026-03-17T19:02:11.000Z",
        "notes": None,
    }


VEHICLES = {"success": True, "data": [_vehicle(number) for number in range(8)]}
TRIPS = {"success": True, "data": [_trip(number) for number in range(5000)]}
NEW_VEHICLE = {"alias": "Coche 9", "marca": "Citroën", "modelo": 2020, "plates": "1234 BCD", "notes": "x" * 420}


def as_json(document: object) -> str:
    """Compact, as a backend writes it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Case:
    """A kind of request, how many connections send it, and what the right answer is."""

    key: str
    title: str
    document: object = None
    path: str = "/api/vehicles"
    connections: int = 16
    body: str | None = None
    is_signed_in: bool = True
    status: int = 200

    def at(self, connections: int) -> "Case":
        """The same over another number of connections."""
        return Case(f"{self.key}-{connections}", self.title, self.document, self.path, connections)

    @property
    def fields(self) -> dict[str, str]:
        """The header fields of the request."""
        return {"Cookie": COOKIE} if self.is_signed_in else {}


GET = Case("get", "GET 2 KB", VEHICLES)
POST = Case("post", "POST 500 B", {"success": True, "data": NEW_VEHICLE}, body=as_json(NEW_VEHICLE), status=201)
MEGABYTE = Case("megabyte", "GET 1 MB", TRIPS, path="/api/routes")
ANONYMOUS = Case("anonymous", "401 without a cookie", is_signed_in=False, status=401)


@dataclass(frozen=True)
class Run:
    """What one run gave: CPU seconds of the whole process tree for 1,000 requests, requests per second, milliseconds,
    answers that were wrong or never came, and the tree's resident MB.
    """

    cpu: float
    rate: float
    p50: float
    p99: float
    errors: int
    memory: float


@contextmanager
def backend() -> Iterator[str]:
    """nginx on loopback, which answers as `backend.conf` says; its address."""
    text = (HERE / "peers/backend.conf").read_text("utf-8")
    created = as_json(POST.document)
    files = {
        "nginx.conf": text.replace("@vehicles@", as_json(VEHICLES)).replace("@created@", created),
        "trips.json": as_json(TRIPS),
    }
    with Process(NGINX, files=files) as process:
        await_answer(process, GET)
        yield f"http://127.0.0.1:{process.port}"


def await_answer(process: Process, case: Case) -> None:
    """Wait until a process answers as it must.

    Raises:
        RuntimeError: It ends, or gives no such answer in time; with what it gave last.
    """
    give_up = time.monotonic() + _STARTS_WITHIN_SECONDS
    while wrong := _what_is_wrong(process.port, case):
        process.require_alive()
        if time.monotonic() > give_up:
            raise RuntimeError(f"{' '.join(process.command)} does not answer {case.title} rightly: {wrong}")
        time.sleep(0.002)


def _what_is_wrong(port: int, case: Case) -> str | None:
    """Ask once: None for the right answer, else what came in its place."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    fields = {**case.fields, **({"Content-Type": "application/json"} if case.body else {})}
    try:
        connection.request("POST" if case.body else "GET", case.path, case.body and case.body.encode(), fields)
        answer = connection.getresponse()
        body = answer.read()
        document = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return repr(error)
    finally:
        connection.close()
    is_right = answer.status == case.status and case.document in (None, document)
    return None if is_right else f"{answer.status} {body[:100]!r}"


def wrk(port: int, case: Case, seconds: float) -> list[str]:
    """The command that sends requests of a kind for so long; `figures` reads what it prints."""
    fields = [part for name, value in case.fields.items() for part in ("-H", f"{name}: {value}")]
    size = ["-t1", f"-c{case.connections}", f"-d{seconds:.0f}s", f"--timeout={_PATIENCE_SECONDS:.0f}s"]
    url = f"http://127.0.0.1:{port}{case.path}"
    return ["wrk", *size, "-s", str(HERE / "wrk.lua"), *fields, url, "--", *([case.body] if case.body else [])]


def figures(text: str, case: Case, cpu: float = 0.0, memory: float = 0.0) -> Run:
    """What wrk has printed, with what the processes have cost."""
    told = json.loads(text.splitlines()[-1])
    requests = told["requests"]
    refused = told["statuses"] if case.status < 400 else requests - told["statuses"]
    least = len(as_json(case.document).encode()) * requests if case.document else 0
    is_short = told["bytes"] < least
    return Run(
        # What was under way when wrk hung up is done all the same, and has its share.
        cpu=cpu / (requests + case.connections) * 1000,
        rate=requests / told["microseconds"] * 1e6,
        p50=told["p50"] / 1000,
        p99=told["p99"] / 1000,
        errors=told["broken"] + refused + (requests if is_short else 0),
        memory=memory,
    )


def measure(process: Process, case: Case, seconds: float) -> Run:
    """One run of wrk against a process that serves."""
    process.require_alive()
    process.forget_log()
    before = process.cpu_seconds()
    command = wrk(process.port, case, seconds)
    done = subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True, check=True, timeout=seconds + 30)
    memory = process.memory()
    process.settle()
    return figures(done.stdout, case, process.cpu_seconds() - before, memory)
