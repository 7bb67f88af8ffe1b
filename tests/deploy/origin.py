"""What is promised of the shipped nginx and HAProxy files, with two real instances behind them: `make deploy-check`."""

import contextlib
import http.client
import itertools
import json
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message

import pytest
import trustme
import yaml
from cryptography.fernet import Fernet

import sandbox
from tests.backend import Backend, Request, Script
from tests.deploy.front import Front, Kind, tool
from tests.proxy.api.test_auth import jwt
from tests.redis_server import Redis
from tests.server import ROOT, Server

COOKIE = "token=a.b.c"
JSON = {"Content-Type": "application/json"}
VEHICLE = b'{"alias": "A", "marca": "M", "modelo": 2020, "plates": "P-1"}'
_ADDRESSES = itertools.count(2)


@dataclass(frozen=True)
class Answer:
    """What the browser got."""

    status: int
    headers: Message
    body: bytes

    @property
    def error(self) -> str:
        """The message, where the answer has our shape."""
        assert self.headers["Content-Type"] == "application/json"
        [(name, message)] = json.loads(self.body).items()
        assert name == "error"
        return str(message)


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    """The private API."""
    with Backend() as backend:
        yield backend


@pytest.fixture(scope="module")
def page() -> Iterator[Backend]:
    """The front end."""
    with Backend() as page:
        yield page


def environ(backend: Backend) -> dict[str, str]:
    return {
        "APP_ENV": "production",
        "API_BASE_URL": backend.url,
        "PROXY_ALLOW": "*",
        "TRUSTED_PROXIES": "1",
        "RATELIMIT_AUTH": "1 per minute",
    }


@pytest.fixture(scope="module")
def instances(backend: Backend) -> Iterator[list[int]]:
    """The ports of two instances of the service."""
    with Server(environ(backend)) as one, Server(environ(backend)) as other:
        yield [one.port, other.port]


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every promise is one of both."""
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="module")
def front(kind: Kind, instances: list[int], page: Backend) -> Iterator[Front]:
    """The one origin."""
    with Front(kind, instances, port_of(page)) as front:
        yield front


@contextlib.contextmanager
def origin(
    kind: Kind, page: Backend, one: dict[str, str], other: dict[str, str], changes: Mapping[str, str] | None = None
) -> Iterator[tuple[Front, list[Server]]]:
    """One with two instances of its own: for a test that ends one, or needs other settings."""
    with (
        Server(one) as first,
        Server(other) as second,
        Front(kind, [first.port, second.port], port_of(page), changes=changes or {}) as front,
    ):
        yield front, [first, second]


@pytest.fixture(autouse=True)
def told_nothing(backend: Backend, page: Backend) -> None:
    """Each test tells the backend anew."""
    backend.forget()
    page.forget()


def heard(backend: Backend) -> list[Request]:
    """What users had it do: HAProxy's health checks make the BFF ask it too."""
    return [request for request in backend.requests if request.method != "HEAD"]


def port_of(server: Backend) -> int:
    return int(server.url.rpartition(":")[2])


def someone() -> str:
    """The address of a user who was not here before: they share no rate limit."""
    number = next(_ADDRESSES)
    return f"127.1.{number // 256}.{number % 256}"


def connect(front: Front, address: str | None = None) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(
        "127.0.0.1", front.port, timeout=10, source_address=(address or someone(), 0), blocksize=2**20
    )


def ask(
    front: Front,
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    address: str | None = None,
) -> Answer:
    """One request of a browser's at the origin, from an address of loopback."""
    connection = connect(front, address)
    try:
        with contextlib.suppress(BrokenPipeError):  # an answer may come before all was sent; browsers read it too
            connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def test_page_and_api_are_one_origin(front, backend, page):
    """What is not below /api/ is the front end's: health and metrics of the BFF are not for the outside."""
    backend.answer("GET /api/vehicles", json=[])
    paths = ["/", "/dashboard", "/metrics", "/healthz", "/readyz", "/apis"]
    for path in paths:
        page.answer(f"GET {path}", body=b"page")

    answers = [ask(front, "GET", path, {"Cookie": COOKIE}) for path in [*paths, "/api/vehicles"]]

    assert [answer.body for answer in answers] == [b"page"] * len(paths) + [b"[]"]
    assert [request.path for request in heard(backend)] == ["/api/vehicles"]


def test_sign_in_keeps_the_cookie(front, kind, backend):
    """The longest that a browser keeps (RFC 6265bis §5.6: 4096 bytes), which is more than nginx's default takes."""
    token = jwt(filler="x" * 2900)
    backend.answer("POST /api/auth/login", json={"token": token, "user": {"id": "1"}})
    backend.answer("GET /api/vehicles", json=[])

    signed_in = ask(
        front, "POST", "/api/auth/login", JSON, b'{"email": "%b@b.test", "password": "secret-1"}' % kind.encode()
    )
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    vehicles = ask(front, "GET", "/api/vehicles", {"Cookie": cookie})

    assert (signed_in.status, vehicles.status) == (200, 200)
    assert 3900 < len(cookie) < 4096
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= set(signed_in.headers["Set-Cookie"].split("; "))
    assert heard(backend)[-1].headers["Authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/api/vehicles/A%2FB", "/api/vehicles/A%2FB"),
        ("/api/vehicles/caf%C3%A9%20%2b?x=%2f&y=+&&z", "/api/vehicles/caf%C3%A9%20%2B?x=%2f&y=+&&z"),
        ("/api/proxy/a%2Fb/%7Ec;d?q=%zz&e=", "/a%2Fb/%7Ec;d?q=%zz&e="),
    ],
)
def test_the_raw_path_arrives(front, backend, target, sent):
    """Neither decoded nor merged on the way."""
    backend.answer(f"GET {sent.partition('?')[0]}", json={})

    answer = ask(front, "GET", target, {"Cookie": COOKIE})

    assert (answer.status, heard(backend)[-1].target) == (200, sent)


@pytest.mark.parametrize("target", ["/api/vehicles", "/api/proxy/items"])
def test_the_backend_hears_who_asks_and_once(front, backend, target):
    """The address of the connection; what the browser wrote itself is dropped."""
    backend.answer("GET /api/vehicles", json=[])
    backend.answer("GET /items", json=[])
    address = someone()
    forged = {
        "X-Forwarded-For": "203.0.113.7, 198.51.100.8",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.7",
        "X-Real-IP": "203.0.113.7",
    }

    ask(front, "GET", target, {"Cookie": COOKIE, **forged}, address=address)

    fields = heard(backend)[-1].headers
    assert fields.get_all("X-Forwarded-For") == [address]
    assert fields.get_all("X-Forwarded-Proto") == ["http"]
    assert fields.get_all("X-Forwarded-Host") == [f"127.0.0.1:{front.port}"]
    assert not {"Forwarded", "X-Real-IP"} & set(fields)


def test_a_page_of_the_same_origin_may_write(front, backend):
    """Its Origin is compared with the Host that comes from in front, port and all: an old browser says no more."""
    backend.answer("POST /api/vehicles", 201, json={})
    headers = {"Cookie": COOKIE, **JSON}

    ours = ask(front, "POST", "/api/vehicles", {**headers, "Origin": f"http://127.0.0.1:{front.port}"}, VEHICLE)
    other = ask(front, "POST", "/api/vehicles", {**headers, "Origin": "http://127.0.0.1:1"}, VEHICLE)

    assert (ours.status, other.status, other.headers["X-BFF-Error"]) == (201, 403, "cross_site")


def test_events_arrive_while_the_stream_goes_on(front, backend):
    """Each is awaited before the next is sent: whoever holds one back stops the test."""
    seen = threading.Semaphore(0)

    def stream(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"):
            connection.sendall(b"%x\r\n%b\r\n" % (len(event), event))
            assert seen.acquire(timeout=1)
        connection.sendall(b"0\r\n\r\n")

    backend.script("GET /events", stream)
    connection = connect(front)
    connection.request("GET", "/api/proxy/events", headers={"Cookie": COOKIE, "Accept": "text/event-stream"})
    response = connection.getresponse()
    events = []
    for _ in range(3):
        events.append(response.readline() + response.readline())
        seen.release()
    rest = response.read()
    connection.close()

    assert events == [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]
    assert rest == b""


def test_an_upload_leaves_as_it_comes(front, backend):
    """Its beginning reaches the backend before its end is written."""
    begun = threading.Event()
    received = []

    def receive(connection: socket.socket) -> None:
        received.append(len(connection.recv(1)))
        begun.set()
        while received[-1] != 0 and sum(received) < 64 * 1024:
            received.append(len(connection.recv(65_536)))
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    backend.script_early("PUT /files/1", receive)
    head = f"PUT /api/proxy/files/1 HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}\r\nContent-Length: 65536\r\n\r\n"
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall(head.encode() + bytes(32 * 1024))
        arrived = begun.wait(timeout=5)
        connection.sendall(bytes(32 * 1024))
        status = connection.makefile("rb").readline()

    assert (arrived, status.split()[1], sum(received)) == (True, b"201", 65_536)


@pytest.mark.parametrize("target", ["/api/vehicles", "/api/proxy/api/vehicles"])
def test_a_cookie_line_of_16_kib_passes(front, backend, target):
    """As long as the BFF takes one (`limit_request_field_size`); one byte more gets its own answer."""
    backend.answer("GET /api/vehicles", json=[])
    room = 16_384 - len("Cookie: token=a.b.c; x=\r\n")

    taken = ask(front, "GET", target, {"Cookie": "token=a.b.c; x=" + "y" * room})
    refused = ask(front, "GET", target, {"Cookie": "token=a.b.c; x=" + "y" * (room + 1)})

    assert (taken.status, refused.status) == (200, 431)
    assert (refused.headers["X-BFF-Error"], refused.error) == ("too_large", "La solicitud es demasiado grande")


def test_a_head_that_no_one_takes_is_refused_in_front(front, kind):
    """By nginx in our shape; HAProxy has a page built in for what it cannot parse."""
    answer = ask(front, "GET", "/api/vehicles", {"Cookie": "token=" + "y" * 60_000})

    expected = {"nginx": (431, "application/json"), "haproxy": (400, "text/html")}[kind]
    assert (answer.status, answer.headers["Content-Type"]) == expected


@pytest.mark.parametrize("status", [401, 404, 413, 422, 429, 500, 502, 503, 504])
def test_errors_of_the_backend_pass_as_they_are(front, backend, status):
    """nginx and HAProxy put pages of their own in place of those they make themselves, and of no others."""
    backend.answer("GET /items", status, json={"detail": "own words"}, headers=[("Retry-After", "7")])

    answer = ask(front, "GET", "/api/proxy/items", {"Cookie": COOKIE})

    assert (answer.status, answer.body) == (status, b'{"detail": "own words"}')
    assert answer.headers["Retry-After"] == "7"
    assert "X-BFF-Error" not in answer.headers


def test_errors_of_the_bff_pass_as_they_are(front, backend):
    """With their code: the backend hung up, nobody is signed in."""
    backend.answer_bytes("GET /api/vehicles", b"")

    cut = ask(front, "GET", "/api/vehicles", {"Cookie": COOKIE})
    anonymous = ask(front, "GET", "/api/vehicles")

    assert (cut.status, cut.headers["X-BFF-Error"]) == (502, "backend_unreachable")
    assert cut.error
    assert (anonymous.status, anonymous.headers["X-BFF-Error"], anonymous.error) == (401, "no_session", "No autorizado")


def test_one_client_who_tries_too_often_gets_429_and_no_other(front, backend):
    """The limit counts clients, not the server in front: each instance of two takes one attempt a minute."""
    backend.answer("POST /api/auth/forgotpassword", json={"success": True})
    guesser = someone()
    attempt = ("POST", "/api/auth/forgot-password", JSON, b'{"email": "a@b.test"}')

    guesses = [ask(front, *attempt, address=guesser) for _ in range(3)]
    other = ask(front, *attempt)

    assert guesses[-1].status == 429
    assert guesses[-1].headers["X-BFF-Error"] == "rate_limited"
    assert int(guesses[-1].headers["Retry-After"]) > 0
    assert guesses[-1].error
    assert other.status == 200


@pytest.mark.parametrize(
    ("target", "size"), [("/api/vehicles", 2**20), ("/api/vehicles", 2**21), ("/api/proxy/items", 100 * 2**20)]
)
def test_a_body_that_is_too_large_gets_413(front, backend, target, size):
    """Whoever refuses it, and however much of it is sent before the answer is read; the backend hears nothing."""
    answer = ask(front, "POST", target, {"Cookie": COOKIE, **JSON}, b" " * (size + 1))

    assert (answer.status, answer.error) == (413, "La solicitud es demasiado grande")
    assert heard(backend) == []


def test_an_upload_without_a_session_gets_its_401(front, backend):
    """The answer comes before the body is read, and is not lost when the connection is closed on the rest of it."""
    answer = ask(front, "POST", "/api/proxy/items", JSON, b" " * (8 * 2**20))

    assert (answer.status, answer.error) == (401, "No autorizado")
    assert heard(backend) == []


def test_the_log_has_no_query_and_no_reset_token(kind, instances, page, backend):
    """Nor does what the server writes of errors, with an instance that is gone."""
    backend.answer("GET /api/vehicles", json=[])
    backend.answer("PUT /api/auth/resetpassword/s3cret-token", json={"success": True})
    reset = ("PUT", "/api/auth/reset-password/s3cret-token", JSON, b'{"password": "secret-1"}')

    with Front(kind, instances, port_of(page)) as front:
        ask(
            front,
            "GET",
            "/api/vehicles?q=s3cret-query",
            {"Cookie": COOKIE, "Referer": "http://x/reset-password/s3cret"},
        )
        ask(front, *reset)
        ask(front, "GET", "/reset-password/s3cret-token?x=1")
        front.await_log('"status":404')
    with Front(kind, [1, 1], port_of(page)) as gone:
        nobody = ask(gone, *reset)

    lines = [json.loads(line) for line in front.log.splitlines() if line.startswith("{")]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/api/vehicles", 200),
        ("PUT", "/api/auth/reset-password/***", 200),
        ("GET", "/reset-password/***", 404),
    ]
    assert all(line["request_id"] for line in lines[:2])
    assert nobody.status in {502, 503}
    assert nobody.error == "No se pudo conectar con el servicio"
    assert "s3cret" not in front.log + gone.log


def test_both_instances_serve(kind, page):
    """Each has a backend of its own here, which tells them apart."""
    with Backend() as one, Backend() as other, origin(kind, page, environ(one), environ(other)) as (front, _):
        one.answer("GET /api/vehicles", json=[])
        other.answer("GET /api/vehicles", json=[])
        answers = [ask(front, "GET", "/api/vehicles", {"Cookie": COOKIE}) for _ in range(8)]
        counts = [len(heard(each)) for each in (one, other)]

    assert {answer.status for answer in answers} == {200}
    assert sum(counts) == 8
    assert min(counts) > 0


def test_a_post_is_never_sent_twice(kind, page):
    """The instance that has it dies before it answers. Whether it was done nobody knows, so nobody does it again."""
    with Backend() as one, Backend() as other, origin(kind, page, environ(one), environ(other)) as (front, instances):
        one.script("POST /api/vehicles", dying(instances[0]))
        other.script("POST /api/vehicles", dying(instances[1]))
        one.answer("GET /api/vehicles", json=[])
        other.answer("GET /api/vehicles", json=[])
        lost = ask(front, "POST", "/api/vehicles", {"Cookie": COOKIE, **JSON}, VEHICLE)
        after = [ask(front, "GET", "/api/vehicles", {"Cookie": COOKIE}) for _ in range(4)]
        posts = [request for each in (one, other) for request in heard(each) if request.method == "POST"]

    assert len(posts) == 1
    assert (lost.status, "X-BFF-Error" in lost.headers) == (502, False)
    assert lost.error
    assert {answer.status for answer in after} == {200}


def dying(instance: Server) -> Script:
    """What a backend does: it ends the instance that asks, which has no time to answer."""

    def kill(_: socket.socket) -> None:
        instance.stop(signal.SIGINT)

    return kill


def test_no_request_is_lost_while_an_instance_stops(kind, page, backend):
    """Neither one that it has, nor one that comes: SIGTERM, as every platform sends it, amid reads and writes."""
    release = threading.Event()

    def slow(connection: socket.socket) -> None:
        release.wait(timeout=10)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")

    backend.script("GET /api/vehicles", slow)
    backend.answer("POST /api/vehicles", 201, json={})
    with origin(kind, page, environ(backend), environ(backend)) as (front, instances), ThreadPoolExecutor() as browsers:
        held = [browsers.submit(ask, front, "GET", "/api/vehicles", {"Cookie": COOKIE}) for _ in range(6)]
        while len(heard(backend)) < 6:
            time.sleep(0.01)
        instances[0].signal(signal.SIGTERM)
        written = [ask(front, "POST", "/api/vehicles", {"Cookie": COOKIE, **JSON}, VEHICLE).status for _ in range(60)]
        release.set()
        read = [each.result(timeout=10).status for each in held]
        ended = instances[0].wait()

    assert read == [200] * 6
    assert written == [201] * 60
    assert ended == 0


def test_the_lines_for_tls_work(kind, instances, page, backend, tmp_path):
    """With them the BFF knows of https, and the browser of HSTS; HTTP/2 is offered."""
    ca = trustme.CA()
    pem = tmp_path / "app.pem"
    pem.write_bytes(ca.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    context = ssl.create_default_context()
    ca.configure_trust(context)
    backend.answer("GET /api/vehicles", json=[])

    with Front(kind, instances, port_of(page), certificate=pem) as front:
        offered = protocol(front, context)
        connection = http.client.HTTPSConnection("localhost", front.port, context=context, timeout=5)
        connection.request("GET", "/api/vehicles", headers={"Cookie": COOKIE})
        response = connection.getresponse()
        answer = (response.status, response.read())
        connection.close()

    assert (offered, answer) == ("h2", (200, b"[]"))
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert heard(backend)[-1].headers["X-Forwarded-Proto"] == "https"
    assert heard(backend)[-1].headers["X-Forwarded-Host"] == f"localhost:{front.port}"


def protocol(front: Front, context: ssl.SSLContext) -> str | None:
    """What a browser of today is offered (ALPN)."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection(("127.0.0.1", front.port), timeout=5)
    with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
        selected = wrapped.selected_alpn_protocol()
    context.set_alpn_protocols(["http/1.1"])
    return selected


def test_what_compose_sets_up_works(page, tmp_path):
    """Its settings, with the addresses of here: two instances that know each other's cookies and counts."""
    tool("redis-server", of="apt-get install redis-server")
    said = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["bff"]["environment"]
    ours = {"TOKEN_COOKIE_KEYS": Fernet.generate_key().decode(), "WEB_CONCURRENCY": "1", "PROXY_ALLOW": ""}
    account = sandbox.DEMO_ACCOUNTS[0]
    credentials = json.dumps({"email": account.email, "password": account.password}).encode()
    address = someone()

    with Redis() as redis, sandbox.start(tmp_path / "sandbox.sqlite3") as backend:
        here = {"API_BASE_URL": backend.url, "RATELIMIT_STORAGE_URI": redis.url, "RATELIMIT_AUTH": "2 per minute"}
        settings = {**said, **ours, **here, "METRICS_TOKEN": ""}
        with origin("nginx", page, settings, settings) as (front, _):
            answers = [ask(front, "POST", "/api/auth/login", JSON, credentials, address) for _ in range(3)]
            cookie = answers[0].headers["Set-Cookie"].partition(";")[0]
            seen = [ask(front, "GET", "/api/auth/me", {"Cookie": cookie}).status for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert seen == [200] * 4
    assert not cookie.startswith("token=ey")  # encrypted
    assert "Secure" not in answers[0].headers["Set-Cookie"]


def test_haproxy_lets_unready_instances_speak_for_themselves(page):
    """Where the backend is down no instance is ready; what needs no backend goes on, and errors stay the BFF's own."""
    with Backend() as backend:
        settings = environ(backend)
    with origin("haproxy", page, settings, settings, changes={"inter 2s": "inter 100ms"}) as (front, _):
        front.await_log("backend bff has no server available")
        session = ask(front, "GET", "/api/auth/session")
        vehicles = ask(front, "GET", "/api/vehicles", {"Cookie": COOKIE})
        front.await_log('"status":502')

    assert (session.status, json.loads(session.body)) == (200, {"authenticated": False})
    assert (vehicles.status, vehicles.headers["X-BFF-Error"]) == (502, "backend_unreachable")
    assert front.log.count("bff_unready") == 2
