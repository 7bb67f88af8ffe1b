"""A socket to the backend, within a time. The names here are known to no DNS: what is looked up, the test answers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from config import Settings
from proxy.connect import open_socket
from proxy.errors import BackendTimeout, BackendUnreachable
from proxy.upstream import Upstream, read_body
from tests.backend import Backend

PATIENCE = 10.0
NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]

_getaddrinfo = socket.getaddrinfo


@dataclass
class Names:
    """What `socket.getaddrinfo` knows: a name's addresses, or what finds them; `asked` has each lookup of a name."""

    known: dict[str, Callable[[], list[tuple[str, int]]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int, *, type: int, flags: int = 0) -> list[Any]:  # noqa: A002 - its name there
        if flags & socket.AI_NUMERICHOST:
            return _getaddrinfo(host, port, type=type, flags=flags)
        self.asked.append(host)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown here")
        return [(socket.AF_INET, type, 6, "", address) for address in self.known[host]()]

    def are(self, name: str, *addresses: tuple[str, int]) -> None:
        self.known[name] = lambda: list(addresses)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    yield names
    until_nothing_is_looked_up()


def until_nothing_is_looked_up() -> None:
    """Each lookup has a thread, which has gone a moment after what it has found is known."""
    give_up = time.monotonic() + PATIENCE
    while any("_look_up" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < give_up
        time.sleep(0.001)


@pytest.fixture
def sound() -> Iterator[tuple[str, int]]:
    """Somebody listens there."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()


@pytest.fixture
def refusing() -> Iterator[tuple[str, int]]:
    """Nobody listens there, and nobody else can."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()


@pytest.fixture
def dead() -> Iterator[tuple[str, int]]:
    """What comes is dropped without a word: the queue of the listener is full."""
    with ExitStack() as open_sockets:
        full = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        open_sockets.enter_context(socket.socket()).connect(full.getsockname())
        yield full.getsockname()


def connect(host: str, port: int = 1, seconds: float = PATIENCE) -> tuple[str, int]:
    """Whom an open connection leads to; it is closed again."""
    with open_socket(host, port, seconds, NODELAY) as sock:
        peer: tuple[str, int] = sock.getpeername()
        return peer


# Addresses


def test_an_ip_address_is_not_looked_up(names, sound):
    """No thread for what takes no time: most backends behind a balancer have a name, in tests and clusters few."""
    threads = threading.active_count()

    peer = connect(*sound)

    assert (peer, names.asked, threading.active_count()) == (sound, [], threads)


def test_the_socket_has_its_options_and_the_time_that_is_left(names, sound):
    """TCP_NODELAY is urllib3's; a TLS handshake that follows has what the connecting has not used up."""
    names.are("backend", sound)

    with open_socket("backend", 1, PATIENCE, NODELAY) as sock:
        has_no_delay, seconds = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), sock.gettimeout()

    assert has_no_delay
    assert seconds is not None
    assert 0 < seconds <= PATIENCE


def test_behind_an_address_that_refuses_the_next_is_tried(names, refusing, sound):
    """IPv6 first, and a backend that listens on IPv4 alone; or a balancer with a dead half."""
    names.are("backend", refusing, sound)

    assert connect("backend") == sound


@pytest.mark.parametrize("count", [1, 2])
def test_a_dead_address_does_not_use_up_the_time_of_a_sound_one(names, dead, sound, count):
    """Each has its share of what is left; urllib3 would give each all of it, and so go beyond the whole."""
    names.are("backend", *[dead] * count, sound)

    with open_socket("backend", 1, 1.5, NODELAY) as sock:
        peer, left = sock.getpeername(), sock.gettimeout()

    assert peer == sound
    assert left is not None
    assert 0.1 < left < 1.0


def test_where_all_are_dead_it_ends_in_time(names, dead):
    """With all three, not with each."""
    names.are("backend", dead, dead, dead)
    started = time.monotonic()

    with pytest.raises(TimeoutError):
        connect("backend", seconds=0.6)

    assert 0.5 < time.monotonic() - started < 1.7


def test_where_all_refuse_the_last_refusal_is_told(names, refusing):
    """And no socket is left open."""
    names.are("backend", refusing, refusing)
    open_before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(ConnectionRefusedError):
        connect("backend")

    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_a_name_may_have_no_address(names):
    """Or there would be neither a socket nor an error."""
    names.are("backend")

    with pytest.raises(OSError, match="no address"):
        connect("backend")


# Looking names up


def test_an_unknown_name_is_an_error_at_once(names):
    """And the next request asks again: DNS may have learned it meanwhile."""
    with pytest.raises(socket.gaierror):
        connect("nowhere")
    until_nothing_is_looked_up()
    with pytest.raises(socket.gaierror):
        connect("nowhere")

    assert names.asked == ["nowhere", "nowhere"]


@pytest.fixture
def slow(names: Names, sound: tuple[str, int]) -> Iterator[threading.Event]:
    """The name `slow` is found once this is set, and no later than at the end."""
    answered = threading.Event()

    def find() -> list[tuple[str, int]]:
        answered.wait(PATIENCE)
        return [sound]

    names.known["slow"] = find
    yield answered
    answered.set()


@pytest.mark.usefixtures("slow")
def test_a_lookup_that_hangs_ends_in_time(names):
    """`getaddrinfo` takes no timeout: with a DNS server that is gone it is 10 s and more."""
    started = time.monotonic()

    with pytest.raises(TimeoutError):
        connect("slow", seconds=0.1)

    assert time.monotonic() - started < PATIENCE / 2
    assert names.asked == ["slow"]


@pytest.mark.usefixtures("slow")
def test_requests_that_look_up_one_name_share_a_thread(names):
    """Else an outage of DNS would start a thread for every request, and none of them would end."""
    threads = threading.active_count()

    for _ in range(10):
        with pytest.raises(TimeoutError):
            connect("slow", seconds=0.01)

    assert names.asked == ["slow"]
    assert threading.active_count() == threads + 1


def test_all_who_wait_get_what_is_found(names, slow, sound):
    """Also who came late."""
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(connect, "slow") for _ in range(5)]
        with pytest.raises(TimeoutError):
            connect("slow", seconds=0.1)
        slow.set()
        peers = [one.result(timeout=PATIENCE) for one in waiting]

    assert peers == [sound] * 5
    assert names.asked == ["slow"]


def test_what_was_found_is_not_kept(names, slow, sound, refusing):
    """A backend that moves is found by DNS, whose time to live is not ours to know."""
    slow.set()
    first = connect("slow")
    names.are("slow", refusing)
    until_nothing_is_looked_up()

    with pytest.raises(ConnectionRefusedError):
        connect("slow")

    assert first == sound


@pytest.mark.usefixtures("slow")
def test_a_name_that_hangs_holds_up_no_other(names, sound):
    """`API_BASE_URL` and `PROXY_BASE_URL` may be two."""
    names.are("sound", sound)
    with pytest.raises(TimeoutError):
        connect("slow", seconds=0.01)

    assert connect("sound") == sound


# As requests meet it


@pytest.mark.usefixtures("slow")
def test_a_request_whose_backends_name_is_not_found_in_time_is_a_504(settings: Settings, names):
    """CONNECT_TIMEOUT is for looking up, too."""
    app = create_app(replace(settings, api_base_url="http://slow", connect_timeout=0.1))
    client = app.test_client()
    client.set_cookie("token", "a.b.c")
    started = time.monotonic()

    response = client.get("/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (504, "backend_timeout")
    assert time.monotonic() - started < PATIENCE / 2
    assert names.asked == ["slow"]  # a time-out has cost its time: it is not tried again


@pytest.mark.usefixtures("slow")
def test_the_deadline_is_for_looking_up_too(settings: Settings):
    """Where it is less than CONNECT_TIMEOUT."""
    upstream = Upstream("http://slow", replace(settings, connect_timeout=PATIENCE))
    started = time.monotonic()

    with pytest.raises(BackendTimeout):
        upstream.send("GET", "/x", {}, deadline=0.1)

    assert time.monotonic() - started < PATIENCE / 2


def test_of_two_addresses_a_request_finds_the_sound_one(settings: Settings, backend: Backend, names, dead):
    """The connection is kept: the next request does not wait for the dead one again."""
    host, port = backend.url.removeprefix("http://").split(":")
    names.are("backend", dead, (host, int(port)))
    backend.answer("GET /x", json={})
    upstream = Upstream("http://backend", replace(settings, connect_timeout=1.0))

    bodies = [read_body(upstream.send("GET", "/x", {})) for _ in range(2)]

    assert bodies == [b"{}", b"{}"]
    assert [request.connection for request in backend.requests] == [1, 1]


def test_an_unknown_name_is_not_repeated(settings: Settings, names):
    """The error's text is for the log, which names types alone."""
    upstream = Upstream("http://nowhere-canary", settings)

    with pytest.raises(BackendUnreachable) as error:
        upstream.send("GET", "/x", {})

    assert str(error.value).endswith("NameResolutionError")
    assert "canary" not in str(error.value)
    assert set(names.asked) == {"nowhere-canary"}


def test_a_family_that_this_machine_has_not_is_passed_over(names, sound, monkeypatch):
    """An AAAA record stands first, and the kernel has no IPv6: the socket itself cannot be made."""
    names.are("backend", sound)
    look_up = socket.getaddrinfo

    def with_another_family(host: str, port: int, **options: Any) -> list[Any]:
        return [(socket.AF_IRDA, socket.SOCK_STREAM, 6, "", sound), *look_up(host, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", with_another_family)

    assert connect("backend") == sound


def test_a_lookup_that_cannot_begin_is_not_waited_for(names, sound, monkeypatch):
    """The machine has no more threads, for a moment: the next request looks up anew."""
    names.are("backend", sound)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with pytest.raises(OSError, match="new thread"):
            connect("backend")

    assert connect("backend") == sound


def test_what_can_be_no_name_is_a_failure_like_any_other():
    """IDNA cannot encode it: a UnicodeError by nature."""
    with pytest.raises(OSError, match="UnicodeError"):
        connect("a..b")
