"""The same message sent directly and through `/api/proxy/*`: what arrives differs in what is listed here, and no more.

Raw sockets at both ends, so that no library repairs anything. Messages are generated, each from its own number.
"""

import functools
import gzip
import io
import itertools
import random
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from io import BufferedIOBase

import pytest

from tests.server import Server

REQUESTS = 300
REPLIES = 300
TARGET_ROOT = "/v1"  # the path of PROXY_BASE_URL
Fields = dict[str, list[str]]  # by name in lower case; the values in their order


# Messages on the wire


@dataclass(frozen=True)
class Message:
    """A request or a reply as it arrived; `framing` tells how the end of its body was known."""

    first_line: str
    fields: Fields
    body: bytes
    framing: str
    trailers: Fields
    interim: int = 0


def read_message(reader: BufferedIOBase, *, end: str, has_body: Callable[[str], bool]) -> Message | None:
    """The next message; `end` is its framing where neither length nor chunks are announced."""
    first_line = reader.readline().decode("latin-1").rstrip("\r\n")
    if not first_line:
        return None
    fields: Fields = read_fields(reader)
    trailers: Fields = {}
    is_chunked = fields.pop("transfer-encoding", None) is not None
    framing, body = "none", b""
    if not has_body(first_line):
        return Message(first_line, fields, body, framing, trailers)
    if is_chunked:
        framing, body, trailers = "chunks", *read_chunks(reader)
    elif "content-length" in fields:
        framing, body = "length", reader.read(int(fields["content-length"][0]))
    elif end == "close":
        framing, body = "close", reader.read()
    return Message(first_line, fields, body, framing, trailers)


def read_fields(reader: BufferedIOBase) -> Fields:
    fields: Fields = {}
    while line := reader.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return fields


def read_chunks(reader: BufferedIOBase) -> tuple[bytes, Fields]:
    body = b""
    while size := int(reader.readline().partition(b";")[0], 16):
        body += reader.read(size)
        assert reader.readline() == b"\r\n"
    return body, read_fields(reader)


class Recorder(socketserver.ThreadingTCPServer):
    """A backend that keeps the last request, and answers with the bytes of `reply`."""

    request_queue_size = 128
    last: Message
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.port: int = self.server_address[1]


class _Recording(socketserver.StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        while request := read_message(self.rfile, end="none", has_body=lambda _: True):
            self.server.last = request
            self.wfile.write(self.server.reply)
            if b"\r\nConnection:close\r\n" in self.server.reply:
                return


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with Recorder() as recorder:
        thread = threading.Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield recorder
        recorder.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(recorder: Recorder) -> Iterator[Server]:
    with Server({"API_BASE_URL": f"http://127.0.0.1:{recorder.port}{TARGET_ROOT}", "PROXY_ALLOW": "*"}) as server:
        yield server


def exchange(port: int, request: bytes) -> Message:
    """The final reply to a request, and how many interim ones came before it."""
    has_body = functools.partial(_has_body, request.startswith(b"HEAD "))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, connection.makefile("rb") as reader:
        connection.sendall(request)
        interim = 0
        while (reply := read_message(reader, end="close", has_body=has_body)) and reply.first_line[9] == "1":
            interim += 1
        assert reply is not None
        return replace(reply, interim=interim)


def _has_body(is_head: bool, status_line: str) -> bool:
    return not is_head and status_line[9] != "1" and status_line[9:12] not in {"204", "304"}


# What may differ in a request


HOP_BY_HOP = (
    "connection proxy-connection keep-alive proxy-authenticate proxy-authorization te trailer upgrade http2-settings"
).split()
OF_THE_BROWSER = "authorization cookie origin expect".split()
FORGED = (
    "forwarded forwarded-for x-forwarded x-forward-for x-forwarded-for x-forwarded-host x-forwarded-proto "
    "x-forwarded-prefix x-real-ip client-ip proxy-client-ip wl-proxy-client-ip x-client-ip true-client-ip "
    "x-cluster-client-ip x-proxyuser-ip x-azure-clientip x-envoy-external-address cf-connecting-ip fastly-client-ip "
    "proxy remote-user x-remote-user x-host x-original-host x-http-method x-http-method-override x-method-override "
    "x-original-method x-original-url x-rewrite-url x-envoy-original-path"
).split()
IS_A_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def without(names: Iterable[str], message: Message) -> Message:
    return replace(message, fields={name: values for name, values in message.fields.items() if name not in names})


def with_fields(fields: dict[str, str], message: Message) -> Message:
    return replace(message, fields=message.fields | {name: [value] for name, value in fields.items()})


def without_hop_by_hop(message: Message) -> Message:
    named = {name.strip() for name in ",".join(message.fields.get("connection", [])).lower().split(",")}
    return replace(without([*HOP_BY_HOP, *(named - {"via"})], message), trailers={})


def without_underscores(message: Message) -> Message:
    return without([name for name in message.fields if "_" in name], message)


def without_an_empty_type(message: Message) -> Message:
    return without(["content-type"] if message.fields.get("content-type") == [""] else [], message)


def with_joined_fields(message: Message) -> Message:
    return with_fields({name: ",".join(values) for name, values in message.fields.items()}, message)


def with_our_id(message: Message) -> Message:
    offered = ",".join(message.fields.get("x-request-id", []))
    return with_fields({"x-request-id": offered if IS_A_REQUEST_ID.fullmatch(offered) else "<new>"}, message)


def with_via(message: Message) -> Message:
    before = [",".join(values) for name, values in message.fields.items() if name == "via"]
    return with_fields({"via": ", ".join([*before, "1.1 <us>"])}, message)


def with_a_length(message: Message) -> Message:
    is_expected = message.first_line.split()[0] in {"POST", "PUT", "PATCH"} and message.framing == "none"
    return replace(with_fields({"content-length": "0"}, message), framing="length") if is_expected else message


REQUEST_DIFFERENCES: dict[str, Callable[[Message], Message]] = {
    "hop-by-hop fields, those that Connection names (Via aside), and trailers are dropped": without_hop_by_hop,
    "what the browser tells us alone is dropped": functools.partial(without, OF_THE_BROWSER),
    "what would forge who asks, or change the method or path, is dropped": functools.partial(without, FORGED),
    "a field with `_` in its name is dropped (to WSGI, `X_A` and `X-A` look the same)": without_underscores,
    "a Content-Type without a value is dropped (WSGI: it would look like none)": without_an_empty_type,
    "fields of one name are joined by a comma (WSGI)": with_joined_fields,
    "a request id of another shape is replaced": with_our_id,
    "Via names us": with_via,
    "a POST, PUT or PATCH without a body says so (RFC 9110 §8.6)": with_a_length,
    "the bearer token is added": functools.partial(with_fields, {"authorization": "Bearer a.b.c"}),
    "Host is the backend's": functools.partial(with_fields, {"host": "<backend>"}),
    "forwarding fields are ours": functools.partial(
        with_fields,
        {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "bff.test", "x-forwarded-proto": "http"},
    ),
}  # and the case of names (WSGI), the order of fields of different names, and where a chunk ends


# Generated requests


@dataclass(frozen=True)
class Sent:
    """A message to be sent, the end of its body told by `framing`; chunks end at `edges`."""

    first_line: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    framing: str = "none"
    edges: tuple[int, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()

    def head(self, here: str) -> bytes:
        """All before the body; `{here}` in it is what only the run knows."""
        framing = {
            "length": [("content-LENGTH", f" {len(self.body)}")],
            "chunks": [("Transfer-Encoding", " Chunked")],
            "close": [("Connection", "close")],
        }
        fields = "".join(f"{name}:{value}\r\n" for name, value in [*self.fields, *framing.get(self.framing, [])])
        return f"{self.first_line}\r\n{fields}\r\n".replace("{here}", here).encode("latin-1")

    def content(self) -> bytes:
        if self.framing != "chunks":
            return self.body
        edges = [0, *self.edges, len(self.body)]
        chunks = [self.body[start:end] for start, end in itertools.pairwise(edges)]
        written = b"".join(b"%X;x=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
        trailers = "".join(f"{name}: {value}\r\n" for name, value in self.trailers)
        return written + f"0\r\n{trailers}\r\n".encode("latin-1")


WORDS = "a B7 items x-1 v.2 _ ~u 0 Q".split()
BETWEEN = (
    "%2F %2f %20 + %C3%B1 %c3%a9 %F0%9F%9A%97 %26 %3D %3F %23 %2B %25- %7e ! $ & ' ( ) * , ; = : @ . - ~ .. ; %C2%85"
).split()
PARAMETERS = (
    'a=1 a=1 a=2 b= = c x=a+b x=%20 x=%zz x=% q=%C3%B1 q=%ff ;d=1;e ? /.././ [0]=1 {x}=| " < > \\ ^ ` http://e/ %00 &'
).split()
NAMES = "X-Tenant x-lower X-UPPER X-a.b!#$%&'*+^`|~9 Accept Accept-Language If-None-Match Range Priority".split()
VALUES = [
    *("", "1", "a, b", '"quoted, \\"x\\""', "\xa0latin-1 \xe9\xff\x85", "tab\tinside", "  blanks around \t", ": ; = ,"),
    *("*/*;q=0.1", 'W/"x"', "bytes=0-1,5-", "Bearer not.this.one", "n" * 7000, "%0d%0aX-Injected: 1", "\xc3\xb1"),
]
SPECIAL = [
    [("Connection", " X-Mine , close"), ("X-Mine", " 1"), ("X-Other", "2")],
    [("Connection", ""), ("CONNECTION", "Accept, Authorization, Via, Host"), ("Accept", "x/y")],
    [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")],
    [("TE", "trailers, deflate"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive")],
    [("Proxy-Authorization", "Basic eDp5"), ("Trailer", "X-Trailer")],
    [("Authorization", "Bearer forged"), ("Expect", "100-continue"), ("ORIGIN", "http://bff.test")],
    [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-for", "7.7.7.7")],
    [("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Proto", "https"), ("X-FORWARDED-Prefix", "/x")],
    [("X-Real-IP", "6.6.6.6"), ("True-Client-IP", "6.6.6.6"), ("CF-Connecting-IP", "6.6.6.6"), ("Client-IP", "6")],
    [("X-HTTP-Method-Override", "DELETE"), ("X-Original-URL", "/admin"), ("X-Rewrite-URL", "/admin")],
    [("X_Tenant", "6"), ("X-Tenant", "7")],
    [("X-Request-ID", "kept-1._Z")],
    [("X-Request-ID", "not kept")],
    [("X-Request-ID", "a"), ("X-Request-ID", "b")],
    [("Via", "1.0 edge, 1.1 cache"), ("via", "1.1 more")],
    [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tracestate", "a=1,b=2")],
    [("User-Agent", "curl/8"), ("Accept-Encoding", "gzip, br;q=0.5, *;q=0"), ("Referer", "http://bff.test/a?b")],
    [("Accept", "a/b"), ("accept", "c/d"), ("ACCEPT", ""), ("Accept-Encoding", "identity")],
    [("If-Modified-Since", "Tue, 15 Nov 1994 12:45:26 GMT"), ("Cache-Control", "no-cache"), ("Pragma", "no-cache")],
]


def a_path(rnd: random.Random) -> str:
    """Any path with one meaning (see `proxy/allowlist.py`)."""
    segments = [
        rnd.choice(WORDS) + "".join(rnd.choice(BETWEEN) + rnd.choice(WORDS) for _ in range(rnd.randrange(4)))
        for _ in range(rnd.randrange(5))
    ]
    return "/".join([*segments, *rnd.choice([[], [], [""]])])


def a_query(rnd: random.Random) -> str:
    """Any query, the more often with something in it."""
    parameters = [rnd.choice(PARAMETERS) for _ in range(rnd.randrange(6))]
    return rnd.choice(["", "?"]) if not parameters else "?" + "&".join(parameters)


def a_body(rnd: random.Random) -> tuple[list[tuple[str, str]], bytes]:
    """A body, and the fields that describe it."""
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="\xc3\xb1"\r\n\r\n\x00\xff\r\n--b--\r\n'
    return rnd.choice(
        [
            ([], b""),
            ([("Content-Type", "application/json; charset=utf-8")], b'{"a": "\xc3\xb1"}'),
            ([("content-type", "application/x-www-form-urlencoded")], b"a=1&a=2&b=%zz&=&c"),
            ([("Content-Type", 'multipart/form-data; boundary="b"')], part),
            (
                [("CONTENT-TYPE", "application/octet-stream"), ("Content-Encoding", "gzip")],
                gzip.compress(b"x", mtime=0),
            ),
            ([("Content-Type", "text/event-stream; charset=utf-8")], b"data: 1\n\n"),
            ([("Content-Type", "text/plain")], b"GET / HTTP/1.1\r\nHost: smuggled\r\n\r\n0\r\n\r\n"),
            ([("Content-Type", "")], rnd.randbytes(rnd.randrange(20_000))),
            ([], rnd.randbytes(rnd.choice([8191, 8192, 8193, 65_536, 65_537, 300_000]))),
        ]
    )


def framed(rnd: random.Random, message: Sent, framing: str) -> Sent:
    """The message, its chunks cut anywhere, with a trailer or without."""
    edges = sorted(rnd.randrange(len(message.body) + 1) for _ in range(rnd.randrange(6)))
    return replace(message, framing=framing, edges=tuple(edges), trailers=rnd.choice([(), (("X-Trailer", "1"),)]))


def a_request(number: int) -> Sent:
    rnd = random.Random(f"request {number}")
    method = rnd.choice("GET POST PUT PATCH DELETE OPTIONS HEAD".split())
    ordinary = [(rnd.choice(NAMES), rnd.choice(VALUES)) for _ in range(rnd.randrange(6))]
    fields = [("hOsT", " bff.test"), ("Cookie", "theme=dark; token=a.b.c; x=\xe9"), ("Sec-Fetch-Site", "same-origin")]
    fields += [*ordinary, *rnd.choice(SPECIAL), *rnd.choice(SPECIAL), (rnd.choice(FORGED).title(), "forged")]
    request = Sent(f"{method} {{here}}/{a_path(rnd)}{a_query(rnd)} HTTP/1.1", fields)
    if rnd.random() > (0.8 if method in {"POST", "PUT", "PATCH"} else 0.15):
        return request
    described, body = a_body(rnd)
    return framed(rnd, replace(request, fields=[*fields, *described], body=body), rnd.choice(["length", "chunks"]))


def as_expected_there(direct: Message) -> Message:
    return functools.reduce(lambda message, differ: differ(message), REQUEST_DIFFERENCES.values(), direct)


def without_what_is_new(message: Message, port: int) -> Message:
    """A message that came through us, with fixed words where each time brings others."""
    text = {name: ",".join(values) for name, values in message.fields.items()}
    text["x-request-id"] = re.sub(r"^[0-9a-f]{32}$", "<new>", text.get("x-request-id", ""))
    text["via"] = re.sub(r"bff-[0-9a-f]{12}", "<us>", text.get("via", ""))
    text["host"] = text.get("host", "").replace(f"127.0.0.1:{port}", "<backend>")
    assert all(len(values) == 1 for values in message.fields.values())
    return replace(message, fields={name: [value] for name, value in text.items()})


@pytest.mark.parametrize("number", range(REQUESTS))
def test_a_request_arrives_as_it_was_sent(recorder, server, number):
    """Target and body byte for byte, every field, and the framing; but for REQUEST_DIFFERENCES."""
    sent = a_request(number)
    exchange(recorder.port, sent.head(TARGET_ROOT) + sent.content())
    direct = recorder.last

    reply = exchange(server.port, sent.head("/api/proxy") + sent.content())

    assert reply.first_line == "HTTP/1.1 200 OK"
    assert without_what_is_new(recorder.last, recorder.port) == as_expected_there(direct)


# What may differ in a reply


OF_THE_BACKEND = (
    "set-cookie set-cookie2 set-login secure-session-registration clear-site-data strict-transport-security "
    "public-key-pins alt-svc nel report-to reporting-endpoints content-security-policy-report-only server "
    "refresh service-worker-allowed origin-trial accept-ch critical-ch edge-control surrogate-control "
    "cdn-cache-control x-accel-redirect x-accel-buffering x-sendfile x-lighttpd-send-file x-litespeed-location "
    "x-reproxy-url x-powered-by x-served-by x-backend-server x-upstream x-aspnet-version x-aspnetmvc-version x-runtime "
    "x-bff-error via authorization x-auth-token x-access-token"
).split()
CORS = "access-control-allow-origin access-control-allow-credentials access-control-expose-headers".split()
CACHE_CONTROL = {
    "": "no-store",
    "no-store": "no-store",
    "max-age=60": "private, max-age=60",
    "public,s-maxage=9,max-age=60": "private, max-age=60",
    "private,max-age=60": "private, max-age=60",
    "no-cache,must-revalidate": "private, no-cache, must-revalidate",
}
LOCATIONS = {"/v1/b%2Fc?x=%20#y": "/api/proxy/b%2Fc?x=%20#y", "b/c": "b/c", "?page=2": "?page=2"}
ELSEWHERE = ["../b", "https://evil.test/", "//evil.test", "/v2/b", "javascript:alert(1)"]


def with_a_plain_status_line(message: Message) -> Message:
    return replace(message, first_line=f"HTTP/1.1 {message.first_line[9:12]}", interim=0)


def with_one_users_cache(message: Message) -> Message:
    said = ",".join(message.fields.get("cache-control", []))
    return with_fields({"cache-control": CACHE_CONTROL[said]}, message)


def with_our_addresses(message: Message) -> Message:
    mapped = {name: message.fields[name][0] for name in ("location", "content-location") if name in message.fields}
    elsewhere = [name for name, address in mapped.items() if address in ELSEWHERE]
    return without(elsewhere, with_fields({name: LOCATIONS.get(at, at) for name, at in mapped.items()}, message))


def without_what_tells_too_much(message: Message) -> Message:
    secret = re.compile(r"127\.0\.0\.1|a\.b\.c")
    kept = {name: [value for value in values if not secret.search(value)] for name, values in message.fields.items()}
    return replace(message, fields={name: values for name, values in kept.items() if values})


def with_events_unbuffered(message: Message) -> Message:
    caching = f"{message.fields.get('cache-control', ['no-store'])[0]}, no-transform"
    is_for_events = message.fields.get("content-type", [""])[0].startswith("text/event-stream")
    fields = {"x-accel-buffering": "no", "cache-control": caching}
    return with_fields(fields, message) if is_for_events else message


def with_chunks_for_an_end(message: Message) -> Message:
    return replace(message, framing="chunks") if message.framing == "close" else message


def with_our_vary(message: Message) -> Message:
    lines = [*message.fields.get("vary", []), "Sec-Fetch-Dest", "Origin, Sec-Fetch-Site"]
    return replace(message, fields=message.fields | {"vary": lines})


REPLY_DIFFERENCES: dict[str, Callable[[Message], Message]] = {
    "the version is ours, the phrase is the standard's, interim replies are dropped (WSGI)": with_a_plain_status_line,
    "hop-by-hop fields, those that Connection names, and trailers are dropped": without_hop_by_hop,
    "what sets state or policy for our origin, or names the server, is dropped": functools.partial(
        without, OF_THE_BACKEND
    ),
    "CORS is ours": functools.partial(without, CORS),
    "Location and Content-Location are mapped to our path, or dropped where they lead elsewhere": with_our_addresses,
    "a field that names the backend, or holds the token, is dropped": without_what_tells_too_much,
    "no shared cache may keep it": with_one_users_cache,
    "a stream of events is not to be buffered or compressed on the way": with_events_unbuffered,
    "a body that ends with the connection comes in chunks": with_chunks_for_an_end,
    "Vary names what we look at, on a line of its own": with_our_vary,
    "nothing runs as a page of ours, or is shown in one of another site": functools.partial(
        with_fields,
        {
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
            "x-frame-options": "DENY",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
        },
    ),
    "Date and the request id are ours": functools.partial(with_fields, {"date": "<date>", "x-request-id": "<new>"}),
}


# Generated replies

PHRASES = ["OK", "Told so", "", "caf\xe9"]
REPLY_NAMES = "ETag x-lower X-UPPER X-a.b!#$%&'*+^`|~9 X_Under Link Vary Retry-After Content-Language Age".split()
INTERIM = [
    b"",
    b"",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
]
REPLY_SPECIAL = [
    [("Connection", "X-Mine"), ("X-Mine", "1"), ("CONNECTION", "keep-alive"), ("Keep-Alive", "timeout=5")],
    [("Link", "</a>; rel=next"), ("link", "</b>; rel=prev"), ("LINK", "")],
    [("WWW-Authenticate", 'Bearer realm="a, b"'), ("WWW-Authenticate", "Basic"), ("Proxy-Authenticate", "Basic")],
    [("Set-Cookie", "a=1"), ("Set-Cookie", "token=evil"), ("Clear-Site-Data", '"*"')],
    [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true"), ("Vary", "Origin")],
    [("Server", "nginx"), ("X-Powered-By", "Express"), ("Via", "1.1 inner"), ("X-Runtime", "1"), ("Alt-Svc", "h3")],
    [("Content-Security-Policy", "script-src *"), ("X-Content-Type-Options", "x"), ("X-Frame-Options", "ALLOWALL")],
    [("Referrer-Policy", "unsafe-url"), ("Cross-Origin-Resource-Policy", "cross-origin")],
    [("Strict-Transport-Security", "max-age=0"), ("Refresh", "0"), ("Service-Worker-Allowed", "/")],
    [("X-BFF-Error", "no_session"), ("X-Request-ID", "theirs"), ("Date", "Tue, 15 Nov 1994 12:45:26 GMT")],
    [("Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT"), ("Accept-Ranges", "bytes"), ("Content-Range", "bytes 0-1/9")],
    [("Link", "<http://{here}/v1/a>; rel=next"), ("X-Next", "x http://{here}/"), ("X-Echo", "Bearer a.b.c")],
    [("Content-Disposition", 'attachment; filename="\xf1.pdf"'), ("Expires", "0"), ("Pragma", "no-cache")],
    [("Upgrade", "h2c"), ("Trailer", "X-Trailer"), ("Proxy-Connection", "close"), ("TE", "x")],
]


def a_reply(number: int) -> tuple[str, Sent]:
    """A method, and what is answered to it."""
    rnd = random.Random(f"reply {number}")
    status = rnd.choice([*range(200, 600), *[200, 201, 204, 206, 301, 304, 401, 404, 416, 500] * 20])
    version, framing = rnd.choice([("1.1", "length"), ("1.1", "chunks"), ("1.1", "close"), ("1.0", "close")])
    fields = [(rnd.choice(REPLY_NAMES), rnd.choice(VALUES)) for _ in range(rnd.randrange(6))]
    fields += [*rnd.choice(REPLY_SPECIAL), *rnd.choice(REPLY_SPECIAL), (rnd.choice(OF_THE_BACKEND).title(), "theirs")]
    fields += [("Cache-Control", said) for said in rnd.choice(list(CACHE_CONTROL)).split(",") if said]
    fields += rnd.choice([[], [], [("Location", rnd.choice([*LOCATIONS, *ELSEWHERE]))]])
    described, body = ([], b"") if status in {204, 304} else a_body(rnd)
    reply = Sent(f"HTTP/{version} {status} {rnd.choice(PHRASES)}", [*fields, *described], body)
    is_bodiless = status in {204, 304}
    return rnd.choice(["GET", "POST", "GET", "HEAD"]), reply if is_bodiless else framed(rnd, reply, framing)


def as_expected_back(direct: Message) -> Message:
    return functools.reduce(lambda message, differ: differ(message), REPLY_DIFFERENCES.values(), direct)


def without_what_is_ours(message: Message) -> Message:
    """A reply that came through us, with fixed words where each time brings others."""
    text = {name: values[0] for name, values in message.fields.items() if name in {"date", "x-request-id"}}
    text["date"] = re.sub(r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", "<date>", text["date"])
    text["x-request-id"] = re.sub(r"^[0-9a-f]{32}$", "<new>", text["x-request-id"])
    return replace(with_fields(text, without(["connection"], message)), first_line=message.first_line[:12])


@pytest.mark.parametrize("number", range(REPLIES))
def test_a_reply_comes_back_as_it_was_sent(recorder, server, number):
    """Status, every field and the body byte for byte, and the framing; but for REPLY_DIFFERENCES."""
    method, told = a_reply(number)
    content = b"" if method == "HEAD" else told.content()
    interim = INTERIM[number % len(INTERIM)]
    recorder.reply = interim + told.head(f"127.0.0.1:{recorder.port}") + content
    request = Sent(f"{method} {{here}}/a HTTP/1.1", [("Host", "bff.test"), ("Cookie", "token=a.b.c")])
    direct = exchange(recorder.port, request.head(TARGET_ROOT))

    through = exchange(server.port, request.head("/api/proxy"))

    assert without_what_is_ours(through) == as_expected_back(direct)


# The tables


@pytest.mark.parametrize("difference", REQUEST_DIFFERENCES)
def test_every_difference_of_a_request_is_met(difference):
    """A line that changes nothing is one too many, or the generator too narrow."""
    differ = REQUEST_DIFFERENCES[difference]

    assert any(differ(direct) != direct for direct in map(as_read, map(a_request, range(REQUESTS))))


@pytest.mark.parametrize("difference", REPLY_DIFFERENCES)
def test_every_difference_of_a_reply_is_met(difference):
    """As above."""
    differ = REPLY_DIFFERENCES[difference]

    assert any(differ(direct) != direct for direct in map(as_read, (a_reply(number)[1] for number in range(REPLIES))))


def as_read(sent: Sent) -> Message:
    reader = io.BytesIO(sent.head("127.0.0.1:1") + sent.content())
    message = read_message(
        reader, end="close" if sent.first_line.startswith("HTTP") else "none", has_body=lambda _: True
    )
    assert message is not None
    return message
