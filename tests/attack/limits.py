"""Too much, too slow, too often, and for the wrong ears: what a stranger can make of a service without any way in."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.attack.recorder import Recorder
from tests.attack.stage import COOKIE, SIGN_IN, VEHICLE, get, production, request, serve
from tests.attack.wire import Answer, Conversation, Line, connect, talk
from tests.server import Server

ORIGIN = b"https://app.example.com"
HEAD = b"POST %b HTTP/1.1\r\nHost: app.example.com\r\nCookie: " + COOKIE + b"\r\nContent-Type: application/json\r\n"
SMALL = 65_536


@pytest.fixture(scope="module")
def server(backend: Recorder) -> Iterator[Server]:
    """The service in production, small bodies, one origin that may call."""
    environ = production(
        backend.url,
        PROXY_ALLOW="items, items/*",
        MAX_CONTENT_LENGTH=str(SMALL),
        PROXY_MAX_CONTENT_LENGTH=str(SMALL),
        CORS_ORIGINS=ORIGIN.decode(),
    )
    with serve(environ) as server:
        yield server


@pytest.fixture(scope="module")
def line(server: Server) -> Iterator[Line]:
    with Line(server.port) as line:
        yield line


def post(path: bytes, framing: bytes, body: bytes = b"") -> bytes:
    return HEAD % path + framing + b"\r\n\r\n" + body


def in_chunks(path: bytes, size: int, piece: int = 4096) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (piece, b" " * piece)
    return post(path, b"Transfer-Encoding: chunked", chunk * (size // piece + 1) + b"0\r\n\r\n")


def with_length(path: bytes, size: int) -> bytes:
    return post(path, b"Content-Length: %d" % size, b" " * size)


TOO_MUCH = {
    "a target of 8200 bytes": (414, get(b"/api/vehicles?" + b"x" * 8200)),
    "a target of 100000 bytes": (414, get(b"/api/vehicles?" + b"x" * 100_000)),
    "a target that never ends": (414, b"GET /" + b"x" * 500_000),
    "a method that never ends": (414, b"G" * 500_000),
    "a field line of 16400 bytes": (431, get(b"/api/vehicles", b"X-Long: " + b"x" * 16_400)),
    "a field line of 200000 bytes": (431, get(b"/api/vehicles", b"X-Long: " + b"x" * 200_000)),
    "a field name of 20000 bytes": (431, get(b"/api/vehicles", b"x" * 20_000 + b": 1")),
    "a cookie of 20000 bytes": (431, get(b"/api/vehicles", cookie=COOKIE + b"; x=" + b"x" * 20_000)),
    "101 fields": (431, get(b"/api/vehicles", *(b"X-%d: x" % number for number in range(101)))),
    "10000 fields": (431, get(b"/api/vehicles", *(b"X-%d: x" % number for number in range(10_000)))),
    "101 equal fields": (431, get(b"/api/vehicles", *[b"X-Same: x"] * 101)),
    "101 lines of cookies": (431, get(b"/api/vehicles", *[b"Cookie: x=1"] * 101)),
    "a head of 3 MB": (431, get(b"/api/vehicles", *[b"X-Long: " + b"x" * 16_000] * 200)),
    "a head that never ends": (
        431,
        get(b"/api/vehicles").removesuffix(b"\r\n") + (b"X: " + b"x" * 900 + b"\r\n") * 3000,
    ),
    "a field that never ends": (431, get(b"/api/vehicles").removesuffix(b"\r\n") + b"X: " + b"x" * 2_000_000),
    "a typed body one byte over": (413, with_length(b"/api/vehicles", SMALL + 1)),
    "a typed body far over": (413, with_length(b"/api/vehicles", SMALL * 20)),
    "a typed body over, in chunks": (413, in_chunks(b"/api/vehicles", SMALL)),
    "a typed body far over, in chunks": (413, in_chunks(b"/api/vehicles", SMALL * 20)),
    "a typed body over, in small chunks": (413, in_chunks(b"/api/vehicles", SMALL, 16)),
    "a public body over": (413, with_length(b"/api/auth/forgot-password", SMALL + 1)),
    "a public body over, in chunks": (413, in_chunks(b"/api/auth/forgot-password", SMALL)),
    "a login over": (413, with_length(b"/api/auth/login", SMALL + 1)),
    "a proxied body one byte over": (413, with_length(b"/api/proxy/items", SMALL + 1)),
    "a proxied body far over": (413, with_length(b"/api/proxy/items", SMALL * 20)),
    "a proxied body over, in chunks": (413, in_chunks(b"/api/proxy/items", SMALL)),
    "a proxied body far over, in chunks": (413, in_chunks(b"/api/proxy/items", SMALL * 20)),
    "ten gigabytes announced": (413, post(b"/api/vehicles", b"Content-Length: 10737418240")),
    "ten gigabytes announced to the proxy": (413, post(b"/api/proxy/items", b"Content-Length: 10737418240")),
    "ten gigabytes announced to a login": (413, post(b"/api/auth/login", b"Content-Length: 10737418240")),
    "an exabyte announced": (413, post(b"/api/vehicles", b"Content-Length: 1152921504606846976")),
    "a chunk of ten gigabytes": (413, post(b"/api/vehicles", b"Transfer-Encoding: chunked", b"280000000\r\n{")),
    "a proxied chunk of ten gigabytes": (
        413,
        post(b"/api/proxy/items", b"Transfer-Encoding: chunked", b"280000000\r\n{"),
    ),
}


def shape_faults(answer: Answer, code: str) -> list[str]:
    """What is wrong with an error of ours."""
    try:
        is_error = isinstance(json.loads(answer.body)["error"], str)
    except (ValueError, KeyError, TypeError):
        is_error = False
    faults = [] if is_error else [f"its body is {answer.body[:60]!r}"]
    return faults + ([] if answer.all("x-bff-error") == [code] else [f"X-BFF-Error is {answer.all('x-bff-error')}"])


@pytest.mark.parametrize("tried", TOO_MUCH)
def test_too_much_is_refused_in_one_shape(server, backend, judge, tried):
    """As soon as it is known, and to the end: the connection is of no more use (RFC 9110 §15.5.14, RFC 6585 §5)."""
    backend.forget()
    status, sent = TOO_MUCH[tried]

    conversation = talk(server.port, sent)

    faults = [] if conversation.statuses == [status] else [f"answered {conversation.statuses}, not {status}"]
    faults += [] if conversation.closed else ["did not close the connection"]
    faults += [fault for answer in conversation.answers[:1] for fault in shape_faults(answer, "too_large")]
    judge({tried: faults + [f"the backend heard {one}" for one in backend.heard() if not one.fault]})


JUST_ENOUGH = {
    "a target of 8000 bytes": get(b"/api/vehicles?" + b"x" * 8000),
    "a cookie line of 16000 bytes": get(b"/api/vehicles", cookie=COOKIE + b"; x=" + b"x" * 15_900),
    "90 fields": get(b"/api/vehicles", *(b"X-%d: x" % number for number in range(90))),
    "a proxied body to the byte": with_length(b"/api/proxy/items", SMALL),
    "a proxied body in chunks": in_chunks(b"/api/proxy/items", SMALL - 4096),
    "a typed body to the byte": post(b"/api/vehicles", b"Content-Length: %d" % SMALL, VEHICLE.ljust(SMALL)),
}


@pytest.mark.parametrize("tried", JUST_ENOUGH)
def test_as_much_as_is_allowed_is_served(server, backend, judge, tried):
    """Else a service that refuses everything would pass."""
    backend.forget()

    conversation = talk(server.port, JUST_ENOUGH[tried], enough=1)

    is_good = conversation.statuses == [200] and [one.fault for one in backend.heard()] == [""]
    judge({tried: [] if is_good else [f"answered {conversation.statuses}, heard {backend.heard()}"]})


DOCUMENT = (
    b'{"alias": "A", "marca": "M", "modelo": 2020, "plates": "P-1", "email": "ana@example.com", "password": "secret-1"}'
)


def with_value(value: bytes) -> bytes:
    """The document with this value where every endpoint below looks."""
    return DOCUMENT.replace(b'"A"', value).replace(b'"ana@example.com"', value)


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return with_value(opening * depth + b"1" + closing * depth)


# RFC 8259 leaves each to the reader, and readers differ (Bishop Fox, "JSON interoperability", 2021).
REFUSED_JSON = {
    "lists in lists, 15000 deep": nested(b"[", b"]", 15_000),
    "objects in objects, 5000 deep": nested(b'{"a":', b"}", 5000),
    "lists that never end": b'{"alias": ' + b"[" * 60_000,
    "a number of 5000 digits": with_value(b"9" * 5000),
    "a number of 30000 digits": with_value(b"9" * 30_000),
    "a number over what a double holds": with_value(b"1e999"),
    "a negative one": with_value(b"-1e999"),
    "an exponent of 30000 digits": with_value(b"1e" + b"9" * 30_000),
    "NaN": with_value(b"NaN"),
    "Infinity": with_value(b"-Infinity"),
    "a name twice": DOCUMENT.replace(b"}", b', "alias": "B", "email": "B"}'),
    "a name twice, once escaped": DOCUMENT.replace(b"}", b', "al\\u0069as": "B", "ema\\u0069l": "B"}'),
    "a name twice, further down": with_value(b'{"a": 1, "a": 2}'),
    "a byte order mark": b"\xef\xbb\xbf" + DOCUMENT,
    "UTF-16": DOCUMENT.decode().encode("utf-16"),
    "latin-1": DOCUMENT.replace(b"M", b"\xd1"),
    "overlong UTF-8": DOCUMENT.replace(b"M", b"\xc0\xae"),
    "a surrogate in UTF-8": DOCUMENT.replace(b"M", b"\xed\xa0\x80"),
    "a control in a string": DOCUMENT.replace(b"M", b"\x01"),
    "a line end in a string": DOCUMENT.replace(b"M", b"\r\n"),
    "NUL behind": DOCUMENT + b"\x00",
    "another document behind": DOCUMENT + DOCUMENT,
    "a comment": b"/* */" + DOCUMENT,
    "a comma behind the last": DOCUMENT.replace(b"}", b",}"),
    "single quotes": DOCUMENT.replace(b'"', b"'"),
    "a list": b"[" + DOCUMENT + b"]",
    "a string": b'"{}"',
    "null": b"null",
    "nothing": b"",
    "a form": b"alias=A&marca=M&modelo=1&plates=P",
}


@pytest.mark.parametrize("path", [b"/api/vehicles", b"/api/auth/login", b"/api/maintenance"])
@pytest.mark.parametrize("tried", REFUSED_JSON)
def test_json_with_two_readings_is_refused(line, backend, judge, path, tried):
    """400: what we check must be what the backend reads; and no depth and no digit is a defect of ours."""
    backend.forget()

    answer = line.ask(request(b"POST", path, body=REFUSED_JSON[tried]))

    faults = [f"answered {answer.status}"] if answer.status != 400 else shape_faults(answer, "bad_request")
    judge({f"{tried}, {path.decode()}": faults + [f"the backend heard {one}" for one in backend.heard()]})


# Who is held up waits for READ_TIMEOUT (20 s), or as gunicorn would have it for 2 s behind each that lingers; less than
# this a busy machine can add by itself.
HELD_UP_SECONDS = 4.0


def seconds_for_a_good_request(server: Server) -> float:
    """How long a browser that behaves waits; at most ten."""
    started = time.monotonic()
    conversation = talk(server.port, get(b"/api/vehicles", b"Connection: close"), patience=10)
    return time.monotonic() - started if conversation.statuses == [200] else 10.0


@contextlib.contextmanager
def connections(server: Server, sent: bytes, number: int = 40) -> Iterator[list[socket.socket]]:
    """So many connections on which these bytes have been sent, and nothing more."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(server.port)) for _ in range(number)]
        for connection in opened:
            connection.sendall(sent)
        yield opened


@contextlib.contextmanager
def dripping(opened: list[socket.socket], seconds: float) -> Iterator[threading.Event]:
    """A byte on each every fifth of a second, for so long; the event is set behind the last."""
    ended = threading.Event()

    def drip() -> None:
        for _ in range(int(seconds / 0.2)):
            for connection in opened:
                with contextlib.suppress(OSError):
                    connection.send(b" ")
            if ended.wait(0.2):
                return
        ended.set()

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield ended
    finally:
        ended.set()
        thread.join()


def waits_while(ended: threading.Event, server: Server) -> list[float]:
    """How long good requests wait, four a second, until the event."""
    waits = [seconds_for_a_good_request(server)]
    while not ended.wait(0.25):
        waits.append(seconds_for_a_good_request(server))
    return waits


HALF_A_HEAD = b"GET /api/vehicles HTTP/1.1\r\nHost: app.example.com\r\nCookie: " + COOKIE + b"\r\nX-Slow:"
HALF_A_BODY = post(b"/api/vehicles", b"Content-Length: 5000", b"{")
HALF_A_CHUNK = post(b"/api/vehicles", b"Transfer-Encoding: chunked", b"1000\r\n{")
HALF_AN_UPLOAD = post(b"/api/proxy/items", b"Content-Length: 50000", b"{")
# What each browser sends, and for how many seconds it adds a byte now and then.
SLOW = {
    "half a head, then nothing": (HALF_A_HEAD, 0.0),
    "a head that drips": (HALF_A_HEAD, 1.5),
    "a body that drips": (HALF_A_BODY, 3.0),
    "a body in chunks that drips": (HALF_A_CHUNK, 1.5),
    "an upload that drips": (HALF_AN_UPLOAD, 1.5),
}


@pytest.mark.parametrize("tried", SLOW)
def test_forty_slow_browsers_hold_nobody_up(server, backend, judge, tried):
    """Slowloris (CVE-2007-6750) and its kin; gunicorn's own documentation asks for a proxy in front because of them."""
    backend.forget()
    sent, seconds = SLOW[tried]

    with connections(server, sent) as opened, dripping(opened, seconds) as ended:
        waits = waits_while(ended, server)
    afterwards = seconds_for_a_good_request(server)

    faults = [f"a good request waited {max(waits):.2f} s"] if max(waits) >= HELD_UP_SECONDS else []
    faults += [f"a good request waited {afterwards:.2f} s afterwards"] if afterwards >= HELD_UP_SECONDS else []
    judge(
        {
            tried: faults
            + [f"the backend heard {one}" for one in backend.heard() if one.method == "POST" and not one.fault]
        }
    )


def test_many_silent_connections_hold_nobody_up(server, judge):
    """More than there are threads (THREADS is 512): browsers open some in advance, and send nothing on them."""
    with connections(server, b"", 600):
        wait = seconds_for_a_good_request(server)

    judge({"600 silent connections": [f"a good request waited {wait:.2f} s"] if wait >= HELD_UP_SECONDS else []})


LEFT_OPEN = {
    "a refused request": b"GET / HTTP/9.9\r\n\r\n",
    "an answered request": get(b"/healthz", b"Connection: close"),
    "a body that is too long": post(b"/api/vehicles", b"Content-Length: 10737418240"),
}


@pytest.mark.parametrize("tried", LEFT_OPEN)
def test_who_never_closes_a_closed_connection_holds_nobody_up(server, judge, tried):
    """RFC 9112 §9.6 has a server linger behind its close; gunicorn 27.0.1 does so in the one thread that accepts."""
    with connections(server, LEFT_OPEN[tried], 10) as opened:
        for connection in opened:
            connection.recv(65_536)  # each has its answer, and has been told that the connection is closed
        wait = seconds_for_a_good_request(server)

    judge({tried: [f"a good request waited {wait:.2f} s"] if wait >= HELD_UP_SECONDS else []})


def test_who_hangs_up_holds_no_thread(server, backend, judge):
    """In every phase, a thousand times: the next request is served, and at once."""
    backend.forget()
    phases = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\n",
        HALF_A_HEAD,
        HALF_A_BODY,
        HALF_A_CHUNK,
        HALF_AN_UPLOAD,
        get(b"/api/vehicles"),
    ]
    for phase in phases * 125:
        with connect(server.port) as connection:
            connection.sendall(phase)

    wait = seconds_for_a_good_request(server)

    judge({"a thousand that hang up": [f"a good request waited {wait:.2f} s"] if wait >= HELD_UP_SECONDS else []})


# Every kind of answer there is. (Behind `/api/refuels` the backend talks nonsense.)
KINDS = {
    "200": get(b"/api/vehicles"),
    "200 to HEAD": request(b"HEAD", b"/api/vehicles"),
    "200 through the proxy": get(b"/api/proxy/items"),
    "404 of the backend's": get(b"/api/dashboard"),
    "404 of the backend's through the proxy": get(b"/api/proxy/items/missing"),
    "a redirect through the proxy": get(b"/api/proxy/items/moved"),
    "400": request(b"POST", b"/api/vehicles", body=b"[]"),
    "401": get(b"/api/vehicles", cookie=b""),
    "401 that deletes the cookie": get(b"/api/vehicles", cookie=b"__Host-token=a b"),
    "403": request(b"POST", b"/api/vehicles", b"Sec-Fetch-Site: cross-site", body=VEHICLE),
    "404": get(b"/api/nowhere"),
    "404 outside of the API": get(b"/"),
    "404 through the proxy": get(b"/api/proxy/nowhere"),
    "400 through the proxy": get(b"/api/proxy/items/..%2fx"),
    "405": request(b"DELETE", b"/api/dashboard"),
    "OPTIONS": request(b"OPTIONS", b"/api/vehicles"),
    "a preflight": request(b"OPTIONS", b"/api/vehicles", b"Origin: " + ORIGIN, b"Access-Control-Request-Method: PUT"),
    "413": post(b"/api/vehicles", b"Content-Length: 10737418240"),
    "502": get(b"/api/refuels"),
    "502 through the proxy": get(b"/api/proxy/items/nonsense"),
    "a session": get(b"/api/auth/session"),
    "a sign-out": request(b"POST", b"/api/auth/logout"),
    "liveness": get(b"/healthz"),
    "readiness": get(b"/readyz"),
    "metrics": get(b"/metrics"),
    "400 of the parser": get(b"/api/vehicles", b"X Y: z"),
    "400 of a Host": get(b"/api/vehicles").replace(b"app.example.com", b"a/b"),
    "414": TOO_MUCH["a target of 8200 bytes"][1],
    "431": TOO_MUCH["101 fields"][1],
}
OF_PARSER = {"400 of the parser", "400 of a Host", "414", "431"}
OUTSIDE_API = {"liveness", "readiness", "metrics", "404 outside of the API"}
NONSENSE = b"SSH-2.0-OpenSSH_9.6\r\n\r\n"


def _set_scene(backend: Recorder) -> None:
    backend.forget()
    secret = f"http://127.0.0.1:{backend.port}/items/moved-to"
    fields = f"Server: Backend/1.2.3\r\nX-Powered-By: Express\r\nVia: 1.1 internal\r\nLocation: {secret}\r\n".encode()
    for route, status in {
        "GET /api/vehicles": b"200 OK",
        "GET /items": b"200 OK",
        "GET /api/dashboard": b"404 Not Found",
        "GET /items/missing": b"404 Not Found",
        "GET /items/moved": b"302 Found",
    }.items():
        backend.reply(route, b"HTTP/1.1 %b\r\n%bContent-Length: 2\r\n\r\n{}" % (status, fields))
    backend.reply("HEAD /api/vehicles", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    backend.reply("GET /api/refuels", NONSENSE, close=True)
    backend.reply("GET /items/nonsense", NONSENSE, close=True)


def told(server: Server, backend: Recorder, kind: str, *lines: bytes) -> Conversation:
    """The conversation that an answer of this kind ends, with these field lines in the request too."""
    _set_scene(backend)
    sent = KINDS[kind].replace(b"\r\nHost", b"".join(b"\r\n" + line for line in lines) + b"\r\nHost", 1)
    return talk(server.port, sent, enough=1, is_head=kind.endswith("HEAD"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_says_what_serves_it(server, backend, judge, kind):
    """Neither software nor version, nor the address behind us (OWASP ASVS 5.0, 13.4.6; WSTG-INFO-02)."""
    conversation = told(server, backend, kind)

    names = rb"(?i)gunicorn|werkzeug|python|flask|wsgi|urllib3|requests/|express|openssh|backend/|internal"
    said = [f"{name}: {value}".encode() for answer in conversation.answers for name, value in answer.fields]
    said += [answer.body for answer in conversation.answers]
    address = rb"127\.0\.0\.1|localhost|:%d\b" % backend.port
    faults = [f"says {text[:100]!r}" for text in said if re.search(names, text) or re.search(address, text)]
    faults += [f"has Server: {answer.one('server')}" for answer in conversation.answers if answer.one("server")]
    judge({kind: faults + (["no answer"] if not conversation.answers else [])})


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_tells_browsers_to_take_care(server, backend, judge, kind):
    """Refusals of the parser too: they are as good a page as any to embed, sniff or keep."""
    conversation = told(server, backend, kind)

    judge(
        {kind: [fault for answer in conversation.answers for fault in _careless(kind, answer)] or _none(conversation)}
    )


def _none(conversation: Conversation) -> list[str]:
    return [] if conversation.answers else ["no answer"]


def _careless(kind: str, answer: Answer) -> list[str]:
    wanted = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
    }
    faults = [f"{name} is {answer.all(name)}" for name, value in wanted.items() if answer.all(name) != [value]]
    faults += [] if "frame-ancestors 'none'" in answer.one("content-security-policy") else ["may be framed"]
    faults += ["has Strict-Transport-Security"] if answer.all("strict-transport-security") else []
    if kind not in OUTSIDE_API:
        caching = answer.one("cache-control")
        may_keep = not ("no-store" in caching or ("proxy" in kind and "private" in caching))
        faults += [f"Cache-Control is {caching!r}"] if may_keep else []
    if kind not in OUTSIDE_API | OF_PARSER:
        vary = {name.strip().lower() for name in answer.one("vary").split(",")}
        faults += [] if {"origin", "sec-fetch-site"} <= vary else [f"Vary is {answer.one('vary')!r}"]
    return faults


POISON = {
    "X-Forwarded-Host": b"X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto": b"X-Forwarded-Proto: evil",
    "X-Forwarded-Prefix": b"X-Forwarded-Prefix: /evil",
    "X-Forwarded-Port": b"X-Forwarded-Port: 31337",
    "X-Forwarded-Scheme": b"X-Forwarded-Scheme: evil",
    "X-Forwarded-Server": b"X-Forwarded-Server: evil.example",
    "X-Host": b"X-Host: evil.example",
    "X-Original-Host": b"X-Original-Host: evil.example",
    "X-HTTP-Host-Override": b"X-HTTP-Host-Override: evil.example",
    "Forwarded": b"Forwarded: host=evil.example;proto=evil",
    "X-Original-URL": b"X-Original-URL: /evil",
    "X-Rewrite-URL": b"X-Rewrite-URL: /evil",
    "Referer": b"Referer: https://evil.example/",
    "Origin": b"Origin: https://evil.example",
    "User-Agent": b"User-Agent: evil<script>",
    "X-Request-ID": b"X-Request-ID: evil <script>",
    "Max-Forwards": b"Max-Forwards: 0",
    "Range": b"Range: bytes=0-0",
    "Accept": b"Accept: evil/evil",
    "Accept-Encoding": b"Accept-Encoding: evil",
    "If-None-Match": b"If-None-Match: *",
}


@pytest.fixture(scope="module")
def behind_proxy(backend: Recorder) -> Iterator[Server]:
    """The service with one proxy in front, whose forwarding fields are believed."""
    with serve(production(backend.url, PROXY_ALLOW="items, items/*", TRUSTED_PROXIES="1")) as server:
        yield server


@pytest.mark.parametrize("where", ["nobody in front", "one proxy in front"])
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"414", "431", "413"}))
def test_no_answer_repeats_what_could_poison_a_cache(server, behind_proxy, backend, judge, where, kind):
    """Kettle, "Practical Web Cache Poisoning", 2018: input that is in no cache's key, in the answer that it keeps."""
    asked = {"nobody in front": server, "one proxy in front": behind_proxy}[where]
    verdicts = {f"{kind}, {tried}": _repeats(told(asked, backend, kind, line)) for tried, line in POISON.items()}
    _set_scene(backend)
    other_host = talk(
        asked.port, KINDS[kind].replace(b"app.example.com", b"evil.example"), enough=1, is_head=kind.endswith("HEAD")
    )

    judge({**verdicts, f"{kind}, Host": _repeats(other_host)})


def _repeats(conversation: Conversation) -> list[str]:
    said = [f"{name}: {value}" for answer in conversation.answers for name, value in answer.fields]
    said += [answer.body.decode("latin-1") for answer in conversation.answers]
    faults = [f"repeats it: {text[:100]}" for text in said if "evil" in text.lower() or "31337" in text]
    return (
        faults
        + [f"answered {answer.status}" for answer in conversation.answers if answer.status == 500]
        + _none(conversation)
    )


TLS = {
    "told by the proxy": ("1", [b"X-Forwarded-Proto: https"], True),
    "told by the proxy, something else by the browser": ("1", [b"X-Forwarded-Proto: http, https"], True),
    "not told": ("1", [], False),
    "plain, says the proxy": ("1", [b"X-Forwarded-Proto: http"], False),
    "told by the browser, plain says the proxy": ("1", [b"X-Forwarded-Proto: https, http"], False),
    "told in another field": ("1", [b"X-Forwarded-Ssl: on", b"Front-End-Https: on", b"Forwarded: proto=https"], False),
    "told by nobody we trust": ("0", [b"X-Forwarded-Proto: https"], False),
    "told twice by nobody we trust": ("0", [b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: https"], False),
}


@pytest.mark.parametrize("tried", TLS)
def test_tls_is_demanded_where_a_trusted_proxy_has_it(server, behind_proxy, backend, judge, tried):
    """RFC 6797 §7.2: never over plain HTTP; and for an hour's forged field, a host would be locked out for a year."""
    hops, lines, is_due = TLS[tried]
    asked = {"0": server, "1": behind_proxy}[hops]
    kinds = ["200", "401", "404", "200 through the proxy", "502"]
    answers = {kind: told(asked, backend, kind, *lines).answers[0] for kind in kinds}

    judge(
        {
            f"{tried}, {kind}": [f"Strict-Transport-Security is {answer.all('strict-transport-security')}"]
            * (bool(answer.all("strict-transport-security")) != is_due)
            for kind, answer in answers.items()
        }
    )


FOREIGN = {
    "null": [b"null"],
    "empty": [b""],
    "any": [b"*"],
    "our origin and more": [b"https://app.example.com.evil.example"],
    "more and our origin": [b"https://evilapp.example.com"],
    "our origin in a path": [b"https://evil.example/https://app.example.com"],
    "our origin as a user": [b"https://app.example.com@evil.example"],
    "our origin with a user": [b"https://evil@app.example.com"],
    "a subdomain": [b"https://x.app.example.com"],
    "the parent domain": [b"https://example.com"],
    "a sibling": [b"https://api.example.com"],
    "an underscore before the dot": [b"https://app.example.com_.evil.example"],
    "another letter for the dot": [b"https://appxexample.com"],
    "plain http": [b"http://app.example.com"],
    "another scheme": [b"ftp://app.example.com"],
    "no scheme": [b"app.example.com"],
    "no scheme but slashes": [b"//app.example.com"],
    "another port": [b"https://app.example.com:8443"],
    "the default port in words": [b"https://app.example.com:443"],
    "a slash behind": [b"https://app.example.com/"],
    "a path": [b"https://app.example.com/x"],
    "a query": [b"https://app.example.com?x"],
    "a fragment": [b"https://app.example.com#"],
    "a dot behind": [b"https://app.example.com."],
    "capitals": [b"HTTPS://APP.EXAMPLE.COM"],
    "a capital": [b"https://App.example.com"],
    "a blank inside": [b"https://app.example.com https://evil.example"],
    "a list": [b"https://app.example.com, https://evil.example"],
    "two lines": [b"https://app.example.com", b"https://evil.example"],
    "two lines, ours last": [b"https://evil.example", b"https://app.example.com"],
    "a backquote": [b"https://app.example.com`.evil.example"],
    "an escape": [b"https://app.example.com%60.evil.example"],
    "a tab": [b"https://app.example.com\t.evil.example"],
    "a no-break space": [b"https://app.example.com\xa0"],
    "punycode": [b"https://xn--pp-xka.example.com"],
    "a file": [b"file://"],
    "localhost": [b"http://localhost:3000"],
    "an extension": [b"chrome-extension://abcdefgh"],
    "evil": [b"https://evil.example"],
}


@pytest.mark.parametrize("tried", FOREIGN)
def test_no_other_origin_may_read_an_answer(line, backend, judge, tried):
    """By any spelling (Fetch §4.10 compares bytes; PortSwigger, "Exploiting CORS misconfigurations", 2016)."""
    origins = [b"Origin: " + origin for origin in FOREIGN[tried]]
    preflight = [*origins, b"Access-Control-Request-Method: PUT", b"Access-Control-Request-Headers: authorization"]
    asked = {
        "GET": get(b"/api/vehicles", *origins),
        "GET through the proxy": get(b"/api/proxy/items", *origins),
        "POST": request(b"POST", b"/api/vehicles", *origins, body=VEHICLE),
        "a login": request(b"POST", b"/api/auth/login", *origins, body=SIGN_IN),
        "GET without a session": get(b"/api/vehicles", *origins, cookie=b""),
        "404": get(b"/api/nowhere", *origins),
        "preflight": request(b"OPTIONS", b"/api/vehicles", *preflight),
        "preflight through the proxy": request(b"OPTIONS", b"/api/proxy/items", *preflight),
    }

    judge({f"{tried}, {how}": _readable(line, backend, how, sent) for how, sent in asked.items()})


def _readable(line: Line, backend: Recorder, how: str, sent: bytes) -> list[str]:
    """What is wrong with an answer to a page of another origin; our host is not the allowed origin's."""
    backend.forget()
    backend.reply("GET /items", b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\n{}")
    answer = line.ask(sent.replace(b"Host: app.example.com", b"Host: bff.example.com"))
    allowed = answer.all("access-control-allow-origin")
    faults = [f"allows {allowed}"] if set(allowed) - {ORIGIN.decode()} or len(allowed) > 1 else []
    is_unsafe = how.startswith(("preflight", "POST", "a login"))
    return faults + [f"the backend heard {one}" for one in backend.heard() if is_unsafe and not _is_no_origin(sent)]


def _is_no_origin(sent: bytes) -> bool:
    """A blank Origin is one that no browser sends: as good as none."""
    return b"Origin: \r\n" in sent and b"OPTIONS" not in sent


def test_our_own_origin_may_read_every_answer(line, backend, judge):
    """With credentials, and named: else a service that allows nobody would pass."""
    origin = b"Origin: " + ORIGIN
    asked = {
        "GET": get(b"/api/vehicles", origin),
        "GET through the proxy": get(b"/api/proxy/items", origin),
        "401": get(b"/api/vehicles", origin, cookie=b""),
        "preflight": request(b"OPTIONS", b"/api/vehicles", origin, b"Access-Control-Request-Method: PUT"),
        "preflight through the proxy": request(
            b"OPTIONS", b"/api/proxy/items", origin, b"Access-Control-Request-Method: PUT"
        ),
    }
    verdicts = {}
    for how, sent in asked.items():
        backend.forget()
        answer = line.ask(sent)
        allowed = [answer.all("access-control-allow-origin"), answer.all("access-control-allow-credentials")]
        faults = [] if allowed == [[ORIGIN.decode()], ["true"]] else [f"allowed {allowed}"]
        verdicts[how] = faults + [f"the backend heard {one}" for one in backend.heard() if "preflight" in how]

    judge(verdicts)


FORGED = [f"203.0.113.{number}" for number in range(1, 26)] + [f"2001:db8:{number:x}::1" for number in range(1, 26)]
TRUE = b"198.51.100.7"
# The proxies that are trusted, the attempts, and the field lines with one forged address.
ADDRESSED: dict[str, tuple[int, int, Callable[[bytes], list[bytes]]]] = {
    "nobody in front": (0, 1000, lambda forged: [b"X-Forwarded-For: " + forged]),
    "nobody in front, other fields": (
        0,
        200,
        lambda forged: [b"X-Real-IP: " + forged, b"Forwarded: for=" + forged, b"True-Client-IP: " + forged],
    ),
    "one proxy in front": (1, 1000, lambda forged: [b"X-Forwarded-For: " + forged + b", " + TRUE]),
    "one proxy in front, two lines": (
        1,
        200,
        lambda forged: [b"X-Forwarded-For: " + forged, b"X-Forwarded-For: " + TRUE],
    ),
}


@pytest.mark.parametrize("tried", ADDRESSED)
def test_attempts_under_forged_addresses_are_one_clients(backend, judge, tried):
    """RATELIMIT_AUTH: an address that the client writes itself is no address. Each tries another account."""
    hops, attempts, lines = ADDRESSED[tried]
    environ = production(backend.url, RATELIMIT_AUTH="10 per minute", TRUSTED_PROXIES=str(hops))
    backend.forget()
    backend.reply("POST /api/auth/login", b'HTTP/1.1 401 No\r\nContent-Length: 17\r\n\r\n{"message": "no"}')

    with serve(environ) as server, Line(server.port) as line:
        answers = [line.ask(_login(number, lines(FORGED[number % 50].encode()))) for number in range(attempts)]

    heard = backend.heard()
    limited = [answer for answer in answers if answer.status == 429]
    faults = [] if len(heard) == 10 else [f"the backend heard {len(heard)} logins"]
    faults += [] if len(limited) == attempts - 10 else [f"{len(limited)} were limited"]
    shapes = [fault for answer in limited for fault in shape_faults(answer, "rate_limited")]
    untimed = [
        answer.all("retry-after") for answer in limited if not re.fullmatch(r"[0-9]{1,2}", answer.one("retry-after"))
    ]
    judge({tried: faults + sorted(set(shapes)) + [f"Retry-After is {times}" for times in untimed[:1]]})


def _login(number: int, lines: list[bytes]) -> bytes:
    body = json.dumps({"email": f"user{number}@example.com", "password": "guess"}).encode()
    return request(b"POST", b"/api/auth/login", *lines, cookie=b"", body=body)
