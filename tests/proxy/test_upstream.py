"""The exchange with the backend, on the wire: what goes out, what comes of every way it can fail."""

import gzip
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from config import Settings
from proxy.errors import BackendInvalid, BackendTimeout, BackendUnreachable, BadRequest, BffError
from proxy.upstream import Upstream, read_body, read_piece
from tests.backend import Backend

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture(params=["lean", "urllib3"])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Either transport."""
    return replace(settings, backend_transport=request.param)


@pytest.fixture
def upstream(settings: Settings, backend: Backend) -> Iterator[Upstream]:
    """Patient enough for a slow machine, impatient enough for a test."""
    impatient = replace(settings, connect_timeout=0.3, read_timeout=0.3, request_deadline=0.6)
    upstream = Upstream(backend.url, impatient)
    yield upstream
    upstream.close()


def get(upstream: Upstream, target: str = "/x") -> bytes:
    return read_body(upstream.send("GET", target, {}))


def failure(upstream: Upstream, target: str = "/x") -> BffError:
    with pytest.raises(BffError) as error:
        get(upstream, target)
    return error.value


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def drip_once(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 10\r\n\r\nx")
    connection.recv(1)


def drip(first: bytes, drop: bytes):
    """A script that sends `first` at once and then `drop` twenty times a second, until nobody listens."""

    def send(connection: socket.socket) -> None:
        connection.sendall(first)
        gone = threading.Event()
        while not gone.wait(0.05):
            connection.sendall(drop)

    return send


# What goes out


def test_the_request_is_what_was_given_and_nothing_more(upstream, backend):
    """No User-Agent, Accept or cookie of a library; one length, and no chunks beside it."""
    backend.answer("POST /x", json={})

    read_body(upstream.send("POST", "/x", {"Content-Type": "application/json"}, b"{}"))

    assert backend.last.body == b"{}"
    assert sorted(backend.last.headers.items()) == [
        ("Content-Length", "2"),
        ("Content-Type", "application/json"),
        ("Host", backend.url.removeprefix("http://")),
    ]


def test_a_request_without_a_body_has_no_length(upstream, backend):
    """Neither `Content-Length: 0` nor chunks."""
    backend.answer("GET /x", json={})

    get(upstream)

    assert [name for name, _ in backend.last.headers.items()] == ["Host"]


@pytest.mark.parametrize(
    "target",
    [
        "/a%2fb",
        "/%7e",
        "/a%20b?c+d&&e=%zz",
        '/x?q=|{}^`[]\\"<>',
        "/..%2F..",
        "/x?",
        "/x?y?z",
        "/%C3%B1?\xc3\xb1",
        "//x",
    ],
)
def test_the_target_goes_out_byte_for_byte(upstream, backend, target):
    """urllib3 would repair it: `%2f` to `%2F`, `%7e` to `~`, `%zz` to `%25zz`."""
    upstream.send("GET", target, {}).close()

    assert backend.last.target == target


def test_the_base_urls_path_stands_in_front(settings, backend):
    """API_BASE_URL may carry a prefix."""
    upstream = Upstream(f"{backend.url}/v1%2f", settings)

    upstream.send("GET", "/x", {}).close()

    assert backend.last.target == "/v1%2f/x"


def test_a_connection_is_used_again(upstream, backend):
    """The pool is why a Session is kept."""
    backend.answer("GET /x", json={})

    get(upstream)
    get(upstream)

    assert [request.connection for request in backend.requests] == [1, 1]


def test_a_connection_that_the_backend_closed_is_replaced(upstream, backend):
    """It closes idle ones sooner or later; the next request must not notice."""
    closed = threading.Event()

    def answer_and_hang_up(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    backend.script("GET /x", answer_and_hang_up)

    get(upstream)
    closed.wait(timeout=5)
    body = get(upstream)

    assert (body, backend.connections) == (b"{}", 2)


def test_a_cookie_of_the_backend_reaches_nobody(upstream, backend):
    """requests would keep it in one jar, and send it with the next user's request."""
    backend.answer("GET /x", json={}, headers=[("Set-Cookie", "session=of-user-a; Path=/")])

    get(upstream)
    get(upstream)

    assert "Cookie" not in backend.last.headers


def test_a_netrc_file_and_the_environments_proxy_change_nothing(settings, backend, tmp_path, monkeypatch):
    """requests would put the file's password in the place of the bearer token, and send it to the proxy."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    backend.answer("GET /x", json={})
    upstream = Upstream(backend.url, settings)

    read_body(upstream.send("GET", "/x", {"Authorization": "Bearer a.b.c"}))

    assert backend.last.headers.get_all("Authorization") == ["Bearer a.b.c"]


def test_a_redirect_is_not_followed(upstream, backend):
    """The token would go along, and a POST would become a GET."""
    backend.answer("GET /x", 302, body=b"", headers=[("Location", f"{backend.url}/y")])

    reply = upstream.send("GET", "/x", {})

    assert (reply.status_code, read_body(reply)) == (302, b"")
    assert [request.target for request in backend.requests] == ["/x"]


@pytest.mark.parametrize(
    "target", ["@evil.example/x", ".evil.example/", "http://evil.example/", "", "x", "/x y", "/\x00"]
)
def test_only_the_configured_backend_can_be_reached(upstream, backend, target):
    """`http://backend` + `@evil.example/` is another host, and a blank would end the request line early."""
    with pytest.raises(BadRequest):
        upstream.send("GET", target, {})

    assert backend.connections == 0


# What comes back


def test_a_body_comes_as_it_was_sent(upstream, backend):
    """Whoever relays a Content-Encoding must relay the encoded bytes; whoever looks inside asks for none."""
    packed = gzip.compress(b'{"a":1}')
    backend.answer("GET /x", body=packed, headers=[("Content-Encoding", "gzip")])

    assert get(upstream) == packed


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"\r\n{}"]
)
def test_a_body_ends_by_length_by_chunks_or_by_hanging_up(upstream, backend, framing):
    """RFC 9112 §6.3."""
    backend.answer_bytes("GET /x", HEAD + framing)

    assert get(upstream) == b"{}"


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"]
)
def test_an_interim_response_is_not_the_answer(upstream, backend, interim):
    """Taken for it, the real answer would be the next user's (RFC 9110 §15.2)."""
    backend.answer_bytes("GET /x", interim + interim + HEAD + b"Content-Length: 3\r\n\r\n[1]", close=False)
    backend.answer("GET /y", json=[2])

    answers = [get(upstream, "/x"), get(upstream, "/y")]

    assert answers == [b"[1]", b"[2]"]


def test_bytes_behind_the_answer_are_nobodys(upstream, backend):
    """A backend that sends too much must not answer the next request with it."""
    surplus = HEAD + b"Content-Length: 3\r\n\r\n[9]"
    backend.answer_bytes("GET /x", HEAD + b"Content-Length: 3\r\n\r\n[1]" + surplus, close=False)
    backend.answer("GET /y", json=[2])

    answers = [get(upstream, "/x"), get(upstream, "/y")]

    assert answers == [b"[1]", b"[2]"]


# What goes wrong


@pytest.mark.parametrize(
    "reply",
    [
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200,
        HEAD + b"X: " + b"x" * 70_000,
        HEAD + b"Content-Length: 10\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
        HEAD + b"Content-Length: 4611686018427387904\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 30 + b"\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_http_or_is_cut_short_is_invalid(upstream, backend, reply):
    """It never passes for a shorter success (RFC 9112 §8)."""
    backend.answer_bytes("GET /x", reply)

    assert isinstance(failure(upstream), BackendInvalid)


def test_a_refused_connection_is_unreachable(settings):
    """Nothing listens there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        upstream = Upstream(f"http://127.0.0.1:{unused.getsockname()[1]}", settings)

        assert isinstance(failure(upstream), BackendUnreachable)


def test_an_unknown_host_is_unreachable(settings):
    """RFC 6761 §6.4 keeps `.invalid` free of hosts."""
    upstream = Upstream("http://backend.invalid", settings)

    assert isinstance(failure(upstream), BackendUnreachable)


@pytest.mark.parametrize("hang_up", [reset, lambda connection: connection.shutdown(socket.SHUT_RDWR)])
def test_a_connection_lost_before_the_answer_is_unreachable(upstream, backend, hang_up):
    """Reset, or closed without a byte."""
    backend.script("GET /x", hang_up)

    assert isinstance(failure(upstream), BackendUnreachable)


def test_a_connection_lost_in_the_body_is_invalid(upstream, backend):
    """An answer was on its way."""

    def answer_half(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
        reset(connection)

    backend.script("GET /x", answer_half)

    assert isinstance(failure(upstream), BackendInvalid)


def test_a_backend_that_accepts_nobody_times_out(settings):
    """A full backlog drops what comes: the connect timeout ends it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        upstream = Upstream(address, replace(settings, connect_timeout=0.2))

        assert isinstance(failure(upstream), BackendTimeout)


DRIPS = {
    "/silence": lambda connection: connection.recv(1),
    "/status-line": drip(b"HTTP/1.1 200 ", b"H"),
    "/head": drip(HEAD, b"X: y\r\n"),
    "/body": drip(HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "/chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "/interim-responses": drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


def test_a_backend_that_drips_is_cut_off_at_the_deadline(upstream, backend):
    """Each byte starts the read timeout anew; the deadline does not care (0.6 s here)."""
    for target, script in DRIPS.items():
        backend.script(f"GET {target}", script)
    started = time.monotonic()

    with ThreadPoolExecutor(len(DRIPS)) as threads:
        errors = list(threads.map(lambda target: failure(upstream, target), DRIPS))

    assert {type(error) for error in errors} == {BackendTimeout}
    assert time.monotonic() - started < 10  # the drip would never end


@pytest.mark.parametrize("script", [lambda connection: connection.recv(1), drip_once], ids=["head", "body"])
def test_a_backend_that_falls_silent_is_cut_off_at_the_read_timeout(settings, backend, script):
    """Long before the deadline."""
    backend.script("GET /x", script)
    upstream = Upstream(backend.url, replace(settings, read_timeout=0.2, request_deadline=30))
    started = time.monotonic()

    error = failure(upstream)

    assert isinstance(error, BackendTimeout)
    assert time.monotonic() - started < 5


def test_a_failure_does_not_repeat_what_was_asked(upstream, backend):
    """The exception's text goes to the log, and a password-reset token is part of a path."""
    backend.answer_bytes("GET /reset/canary", b"garbage\r\n\r\n")

    with pytest.raises(BackendInvalid) as error:
        get(upstream, "/reset/canary")

    assert "canary" not in str(error.value)


def test_a_backend_that_reads_slowly_has_until_the_deadline(settings, backend):
    """Not until the connect timeout, which urllib3 leaves on the socket while it sends."""

    def read_slowly(connection: socket.socket) -> None:
        left = 8 * 2**20
        while left:
            left -= len(connection.recv(min(left, 2**20), socket.MSG_WAITALL))
            threading.Event().wait(0.05)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    backend.script_early("POST /x", read_slowly)
    upstream = Upstream(backend.url, replace(settings, connect_timeout=0.1, request_deadline=20))

    reply = upstream.send("POST", "/x", {}, b"x" * 8 * 2**20)

    assert read_body(reply) == b"{}"


def test_a_backend_that_does_not_read_is_cut_off_at_the_deadline(upstream, backend):
    """Its buffers are full long before the body is out."""
    is_over = threading.Event()
    backend.script_early("POST /x", lambda connection: is_over.wait(10) and None)

    with pytest.raises(BackendTimeout):
        upstream.send("POST", "/x", {}, b"x" * 32 * 2**20)
    is_over.set()


def test_a_probe_does_not_share_its_connection(upstream, backend):
    """A body that a backend sends after HEAD by mistake would be the next user's answer."""
    assert upstream.is_reachable(1.0)

    assert backend.last.headers["Connection"] == "close"


# TLS


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_backend(authority: trustme.CA) -> Iterator[Backend]:
    """A backend for `localhost`, whose certificate `authority` issued."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context) as backend:
        backend.answer("GET /x", json={})
        yield backend


def test_a_private_authority_is_trusted_when_configured(settings, tls_backend, authority, tmp_path: Path):
    """BACKEND_CA_BUNDLE; the connection is kept and used again."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    upstream = Upstream(tls_backend.url, replace(settings, backend_ca_bundle=str(tmp_path / "ca.pem")))

    answers = [get(upstream), get(upstream)]

    assert answers == [b"{}", b"{}"]
    assert tls_backend.connections == 1


def test_a_surplus_answer_in_a_tls_record_is_nobodys(settings, tls_backend, authority, tmp_path: Path):
    """OpenSSL holds it, where a look at the socket does not show it; it must not answer the next user."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    upstream = Upstream(tls_backend.url, replace(settings, backend_ca_bundle=str(tmp_path / "ca.pem")))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 8134\r\nX-Fill: yyyyyyy\r\n\r\n"
    reply = head + b"x" * 8134
    tls_backend.answer_bytes("GET /fill", reply + HEAD + b"Content-Length: 3\r\n\r\n[9]", close=False)
    tls_backend.answer("GET /y", json=[2])

    get(upstream, "/fill")

    assert len(reply) == 8192  # what one read of the reply's head takes, to the byte
    assert get(upstream, "/y") == b"[2]"


def test_an_unknown_authority_is_not(settings, tls_backend):
    """TLS is verified, always (ASVS 12.3.2)."""
    upstream = Upstream(tls_backend.url, settings)

    assert isinstance(failure(upstream), BackendUnreachable)
    assert tls_backend.requests == []


def test_a_certificate_for_another_host_is_not(settings, tls_backend, authority, tmp_path: Path):
    """It is issued for `localhost`, and we asked for 127.0.0.1."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    address = tls_backend.url.replace("localhost", "127.0.0.1")
    upstream = Upstream(address, replace(settings, backend_ca_bundle=str(tmp_path / "ca.pem")))

    assert isinstance(failure(upstream), BackendUnreachable)


def test_the_authorities_of_requests_are_not_asked(settings, tls_backend, authority, tmp_path: Path, monkeypatch):
    """certifi's stand behind requests; ours are the system's, or the configured ones."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "ca.pem"))
    upstream = Upstream(tls_backend.url, settings)

    assert isinstance(failure(upstream), BackendUnreachable)


def test_the_environments_authorities_are_not_asked(settings, tls_backend, authority, tmp_path: Path, monkeypatch):
    """REQUESTS_CA_BUNDLE is for scripts: what we trust is the system's, or what we were told."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    upstream = Upstream(tls_backend.url, settings)

    assert isinstance(failure(upstream), BackendUnreachable)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 99\r\n\r\n" + b"x" * 99, b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 99]
)
def test_a_reply_that_is_read_whole_has_a_limit(settings, backend, framing):
    """The memory is everybody's. One that is streamed has none."""
    upstream = Upstream(backend.url, settings)
    upstream._longest_reply = 90
    backend.answer_bytes("GET /x", b"HTTP/1.1 200 OK\r\n" + framing, close=True)

    assert isinstance(failure(upstream), BackendInvalid)
    assert read_piece(upstream.send("GET", "/x", {}, bounds_body=False), 1)
