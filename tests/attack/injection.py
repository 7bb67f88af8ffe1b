"""Text that would become a field, a request, a response or a log line of the attacker's (CWE-93, CWE-113, CWE-117).

Every way in, with every spelling of a line end. What is sent on is at most the attacker's text, as text, where it was;
the backend hears one request with one bearer token, the browser gets no field that we did not mean to send.
"""

import json
from collections.abc import Iterator

import pytest

from tests.attack.recorder import Heard, Recorder
from tests.attack.stage import COOKIE, SIGN_IN, TOKEN, VEHICLE, get, production, request, serve
from tests.attack.wire import Conversation, talk
from tests.server import Server

SMUGGLED = b"GET /api/auth/users?injected HTTP/1.1\r\nHost: x\r\n\r\n"
INVENTED = b"Authorization: Bearer injected"

# As they are in a header field; each ends in a field that the attacker has invented.
LINE_ENDS = {
    "CRLF": b"\r\n",
    "bare LF": b"\n",
    "bare CR": b"\r",
    "CR CR LF": b"\r\r\n",
    "CRLF and a blank": b"\r\n ",
    "NUL": b"\x00",
    "vertical tab": b"\x0b",
    "form feed": b"\x0c",
    "file separator": b"\x1c",
    "record separator": b"\x1e",
    "NEL in latin-1": b"\x85",
    "NEL in UTF-8": b"\xc2\x85",
    "line separator U+2028": b"\xe2\x80\xa8",
    "paragraph separator U+2029": b"\xe2\x80\xa9",
    "U+010D U+010A, CR LF once truncated": b"\xc4\x8d\xc4\x8a",
    "U+560D U+560A, CR LF once truncated": b"\xe5\x98\x8d\xe5\x98\x8a",
    "overlong CR LF": b"\xc0\x8d\xc0\x8a",
    "escaped CRLF": b"%0d%0a",
    "escaped LF": b"%0a",
    "escaped twice": b"%250d%250a",
    "escaped U+560D U+560A": b"%e5%98%8d%e5%98%8a",
    "escaped as %u": b"%u000d%u000a",
    "escaped as in C": b"\\r\\n",
    "escaped as in JSON": b"\\u000d\\u000a",
    "escaped as in HTML": b"&#13;&#10;",
    "escaped as in MIME": b"=?utf-8?q?=0d=0a?=",
}
FIELDS = {
    "User-Agent": b"Mozilla/5.0 ",
    "Accept-Language": b"es",
    "Accept": b"application/json",
    "Referer": b"https://app.example.com/",
    "traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": b"a=1",
    "X-Request-ID": b"abc",
    "X-Forwarded-For": b"203.0.113.9",
    "X-Forwarded-Host": b"evil.example",
    "X-Forwarded-Proto": b"https",
    "Forwarded": b"for=203.0.113.9",
    "Via": b"1.1 x",
    "Origin": b"https://app.example.com",
    "Content-Type": b"application/json",
    "Connection": b"keep-alive",
    "If-None-Match": b'"x"',
    "X-Anything": b"x",
}
ROUTES = {"typed": b"/api/vehicles", "streamed": b"/api/proxy/items"}

# What our own answers may carry, and what the replies below give rise to.
OF_OURS = set(
    "date connection content-type content-length transfer-encoding vary cache-control x-content-type-options "
    "content-security-policy x-frame-options cross-origin-resource-policy referrer-policy x-request-id x-bff-error "
    "strict-transport-security retry-after allow".split()
)


@pytest.fixture(scope="module")
def behind_proxy(backend: Recorder) -> Iterator[Server]:
    """The service with one proxy in front, whose forwarding fields are believed."""
    with serve(production(backend.url, PROXY_ALLOW="items, items/*", TRUSTED_PROXIES="1")) as server:
        yield server


@pytest.fixture(params=["nobody in front", "one proxy in front"])
def either(request, server: Server, behind_proxy: Server) -> Server:
    """The service as the world reaches it, and as a trusted proxy does."""
    return {"nobody in front": server, "one proxy in front": behind_proxy}[request.param]


def faults_at_backend(heard: list[Heard], names: set[str]) -> list[str]:
    """What is wrong with what the backend heard, if it heard anything.

    Args:
        heard: What it heard.
        names: The fields that the same request has without an attack.
    """
    if not heard:
        return []
    faults = [f"malformed: {one}" for one in heard if one.fault]
    faults += [f"heard {len(heard)} requests"] if len(heard) > 1 else []
    first = heard[0]
    faults += [f"two of {name}" for name in first.names if len(first.all(name)) > 1]
    faults += [f"Authorization is {first.all('Authorization')}"] * (first.all("Authorization") != [f"Bearer {TOKEN}"])
    faults += [f"{name} is new" for name in first.names - names]
    return faults


def faults_at_browser(conversation: Conversation, may_have: set[str] = OF_OURS) -> list[str]:
    """What is wrong with what came back: more than answers, or fields that nobody of ours would set."""
    faults = [f"more than answers: {conversation.rest[:60]!r}"] if conversation.rest else []
    fields = [field for answer in conversation.answers for field in answer.fields]
    faults += [f"{name} is new: {value}" for name, value in fields if name not in may_have]
    faults += [f"{name} holds it: {value}" for name, value in fields if "injected" in value]
    return faults + [f"answered {conversation.statuses}"] * (
        not conversation.answers or conversation.statuses[0] >= 500
    )


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("route", ROUTES)
def test_no_field_breaks_out_of_its_line(either, backend, judge, route, field):
    """RFC 9110 §5.5: a recipient of CR, LF or NUL within a field value must reject it or replace it."""
    backend.forget()
    plain = b"%b: %b" % (field.encode(), FIELDS[field])
    talk(either.port, get(ROUTES[route], plain, b"X-Trusted: 1"), enough=1)
    names = backend.heard()[0].names

    judge(
        {
            tried: _faults(either, backend, get(ROUTES[route], plain + end + INVENTED), names)
            for tried, end in LINE_ENDS.items()
        }
    )


def _faults(
    server: Server, backend: Recorder, request: bytes, names: set[str], may_have: set[str] = OF_OURS
) -> list[str]:
    backend.forget()
    conversation = talk(server.port, request, enough=1)
    return faults_at_backend(backend.heard(), names) + faults_at_browser(conversation, may_have)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("cookie", ["another", "the token's name", "the token"])
def test_no_cookie_becomes_a_field(server, backend, judge, route, cookie):
    """The token alone leaves the Cookie field, and only what can be one (RFC 6750 §2.1)."""
    templates = {
        "another": b"x=%b; " + COOKIE,
        "the token's name": b"__Host-token%b=x; " + COOKIE,
        "the token": COOKIE + b"%b",
    }
    backend.forget()
    talk(server.port, get(ROUTES[route]), enough=1)
    names = backend.heard()[0].names

    judge(
        {
            tried: _faults(
                server,
                backend,
                get(ROUTES[route], cookie=templates[cookie] % (end + INVENTED)),
                names,
                OF_OURS | {"set-cookie"},  # a value that cannot be a token is deleted
            )
            for tried, end in LINE_ENDS.items()
        }
    )


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("place", ["path", "query"])
def test_no_target_breaks_out_of_the_request_line(server, backend, judge, route, place):
    """RFC 9112 §3: whoever writes a blank and a line end into a target writes a request of their own."""
    mark = {"path": b"/a", "query": b"?a="}[place]
    forged = [b" HTTP/1.1\r\nX-Injected: 1\r\n\r\n" + SMUGGLED, b"%20HTTP/1.1%0d%0aAuthorization:%20Bearer%20injected"]
    ends = {f"{tried}, in a target": end + b"Authorization:injected" for tried, end in LINE_ENDS.items()}
    ends |= {"a second request": forged[0], "a second request, escaped": forged[1]}
    backend.forget()
    talk(server.port, get(ROUTES[route]), enough=1)
    names = backend.heard()[0].names

    judge(
        {
            tried: _faults_of_target(server, backend, get(ROUTES[route] + mark + end, b"Connection: close"), names)
            for tried, end in ends.items()
        }
    )


def _faults_of_target(server: Server, backend: Recorder, request: bytes, names: set[str]) -> list[str]:
    """Where an attacker ends the request line, the rest is their own request: without a cookie, and answered 401."""
    backend.forget()
    conversation = talk(server.port, request, enough=9)
    is_their_own = b"\r\nX-Injected" in request and 401 in conversation.statuses
    heard = [one for one in backend.heard() if not is_their_own or one.all("Authorization")]
    return faults_at_backend(heard, names) + faults_at_browser(conversation)


@pytest.mark.parametrize("route", ROUTES)
def test_no_host_breaks_out_of_its_line(either, backend, judge, route):
    """It goes on in X-Forwarded-Host, and into links (RFC 9110 §7.2)."""
    backend.forget()
    talk(either.port, get(ROUTES[route]), enough=1)
    names = backend.heard()[0].names

    judge(
        {
            tried: _faults(
                either, backend, get(ROUTES[route]).replace(b"app.example.com", b"x" + end + INVENTED), names
            )
            for tried, end in LINE_ENDS.items()
        }
    )


JSON_ENDS = {
    "CRLF": "\r\n",
    "LF": "\n",
    "CR": "\r",
    "U+2028": "\u2028",
    "NEL": "\x85",
    "U+010D U+010A": "\u010d\u010a",
    "U+560D U+560A": "\u560d\u560a",
    "NUL": "\x00",
    "vertical tab": "\x0b",
    "escaped CRLF": "%0d%0a",
}


@pytest.mark.parametrize("end", JSON_ENDS.values(), ids=JSON_ENDS)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (b"/api/vehicles", json.loads(VEHICLE)),
        (b"/api/auth/login", json.loads(SIGN_IN)),
        (b"/api/auth/forgot-password", {"email": "ana@example.com"}),
    ],
    ids=["vehicle", "login", "forgotten password"],
)
def test_no_text_in_a_body_leaves_it(server, backend, judge, path, body, end):
    """Names and values; some are checked, counted or logged on the way."""
    forged = f"x{end}{INVENTED.decode()}{end}{end}{SMUGGLED.decode()}"
    verdicts = {}
    for field in (*body, forged):  # each field's value, and a name
        backend.forget()
        backend.reply("POST /api/auth/login", told(200, {"token": TOKEN, "user": {"username": "ana"}}))
        document = json.dumps({**body, field: forged}, ensure_ascii=False).encode("utf-8")
        conversation = talk(server.port, request(b"POST", path, body=document), enough=1)
        heard = backend.heard()
        allowed = OF_OURS | ({"set-cookie"} if path.endswith(b"login") else set())
        faults = faults_at_browser(conversation, allowed)
        faults += [f"malformed: {one}" for one in heard if one.fault or "injected" in str(one.fields) + one.target]
        faults += [f"heard {len(heard)} requests"] if len(heard) > 1 else []
        verdicts[f"in {ascii(field)[:40]}"] = faults
    judge(verdicts)


def told(status: int, document: object, *lines: bytes) -> bytes:
    """A reply of the backend's, with these field lines in it."""
    body = json.dumps(document).encode()
    head = [b"HTTP/1.1 %d Told" % status, b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*head, *lines, b"", body])


FORGED = b"Set-Cookie: injected=1"
# What a backend may be made to say: by who writes into its database, or has taken it over.
REPLIES = {
    f"{name.decode()}, {tried}": told(status, {"message": "x"}, b"%b: %b%b%b" % (name, value, end, forged))
    for name, value, status in [
        (b"Retry-After", b"1", 429),
        (b"Location", b"/items/1", 201),
        (b"X-Plain", b"x", 200),
        (b"ETag", b'"x"', 200),
        (b"Content-Language", b"es", 200),
    ]
    for forged in [FORGED]
    for tried, end in LINE_ENDS.items()
}
REPLIES |= {
    f"reason phrase, {tried}": told(200, {}).replace(b" Told", b" Told" + end + FORGED)
    for tried, end in LINE_ENDS.items()
}
REPLIES |= {
    f"{name} of the backend's": told(400, {"error": "x"}, name.encode() + b": injected")
    for name in [
        "X-BFF-Error",
        "x-bff-error",
        "Set-Cookie",
        "X-Request-ID",
        "Server",
        "Via",
        "X-Powered-By",
        "Access-Control-Allow-Origin",
        "Strict-Transport-Security",
        "Content-Security-Policy",
        "Clear-Site-Data",
        "Refresh",
        "Service-Worker-Allowed",
        "X-Accel-Redirect",
        "X-Sendfile",
        "Authorization",
        "Alt-Svc",
    ]
}
REPLIES |= {
    "a message with line ends": told(400, {"message": f"x\r\n{FORGED.decode()}\r\n\r\n"}),
    "a message with NUL": told(400, {"message": f"x\x00{FORGED.decode()}"}),
    "a message with U+560D U+560A": told(400, {"message": f"x\u560d\u560a{FORGED.decode()}"}),
    "a name without a colon": told(200, {}, b"Set-Cookie injected=1"),
    "a name with a blank": told(200, {}, b"Set-Cookie : injected=1"),
    "a name with NUL": told(200, {}, b"Set-Cookie\x00: injected=1"),
    "a name before a fold": told(200, {}, b"X-Plain: x", b" Set-Cookie: injected=1"),
    "an empty name": told(200, {}, b": injected=1"),
    "a content type with a line end": told(200, {}).replace(b"/json\r\n", b"/json\n" + FORGED + b"\r\n"),
    "two replies in one": told(200, {}) + told(200, {"injected": 1}, FORGED),
    "a reply behind its announced end": told(200, {}).replace(b"th: 2", b"th: 1") + told(200, {}, FORGED),
    "an interim response with fields": b"HTTP/1.1 103 Early Hints\r\n" + FORGED + b"\r\n\r\n" + told(200, {}),
    "101 to who did not ask": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n" + FORGED + b"\r\n\r\n",
    "a length and chunks": told(200, {}, b"Transfer-Encoding: chunked", FORGED)[:-2] + b"2\r\n{}\r\n0\r\n\r\n",
    "two lengths": told(200, {}, b"Content-Length: 40", FORGED),
    "a trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + FORGED + b"\r\n\r\n",
}
RELAYED = OF_OURS | {"location", "x-plain", "etag", "content-language"}
# Through the proxy a field's text may come back as text: in its own field, and nowhere else.
AS_TEXT = {"x-plain", "etag", "content-language", "location", "retry-after"}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("tried", REPLIES)
def test_no_reply_of_the_backend_sets_fields_of_its_own(server, backend, judge, route, tried):
    """RFC 9112 §11.1, response splitting; and X-BFF-Error is our word alone, for pages sign users out by it."""
    backend.forget()
    backend.reply({"typed": "GET /api/vehicles", "streamed": "GET /items"}[route], REPLIES[tried], close=True)

    conversation = talk(server.port, get(ROUTES[route], b"Connection: close"))

    judge({tried: _faults_of_relay(conversation)})


def _faults_of_relay(conversation: Conversation) -> list[str]:
    faults = [f"answered {conversation.statuses}"] if len(conversation.answers) != 1 else []
    faults += [f"more than an answer: {conversation.rest[:60]!r}"] if conversation.rest else []
    for answer in conversation.answers:
        new = [f"{name} is new: {value}" for name, value in answer.fields if name not in RELAYED]
        held = [name for name, value in answer.fields if "injected" in value and name not in AS_TEXT]
        codes = {"backend_invalid", "backend_unreachable", "backend_timeout"}
        code = answer.one("x-bff-error")
        faults += new + [f"{name} holds it" for name in held]
        faults += [f"X-BFF-Error is {code}"] if code and (code not in codes or answer.status < 500) else []
        faults += [f"X-Request-ID is {answer.all('x-request-id')}"] * (len(answer.all("x-request-id")) != 1)
    return faults


LOGIN_REPLIES = {
    "a token with CRLF": {"token": f"{TOKEN}\r\n{FORGED.decode()}"},
    "a token with LF": {"token": f"{TOKEN}\n{FORGED.decode()}"},
    "a token with NUL": {"token": f"{TOKEN}\x00"},
    "a token with a semicolon": {"token": f"{TOKEN}; Domain=evil.example"},
    "a token with a comma": {"token": f"{TOKEN},injected=1"},
    "a token with a blank": {"token": f"{TOKEN} injected"},
    "a token with quotes": {"token": f'"{TOKEN}"'},
    "a token with U+010A": {"token": f"{TOKEN}\u010ainjected"},
    "a token with NEL": {"token": f"{TOKEN}\x85injected"},
    "a token that is a list": {"token": [TOKEN]},
    "a token that is a number": {"token": 1},
    "an empty token": {"token": ""},
}


@pytest.mark.parametrize("tried", LOGIN_REPLIES)
def test_no_token_of_the_backend_writes_cookies_of_its_own(server, backend, judge, tried):
    """A Set-Cookie field ends at its line, an attribute at a semicolon (RFC 6265 §4.1)."""
    backend.forget()
    backend.reply("POST /api/auth/login", told(200, LOGIN_REPLIES[tried], FORGED))

    conversation = talk(server.port, request(b"POST", b"/api/auth/login", cookie=b"", body=SIGN_IN), enough=1)

    faults = [] if conversation.statuses == [502] else [f"answered {conversation.statuses}"]
    judge(
        {tried: faults + [name for answer in conversation.answers for name, _ in answer.fields if name == "set-cookie"]}
    )


WITHOUT_EFFECT = {
    "Connection names Authorization": [b"Connection: Authorization"],
    "Connection names it in capitals among others": [b"Connection: close , AUTHORIZATION"],
    "Connection names what we add": [b"Connection: X-Forwarded-For, X-Request-ID, X-Forwarded-Host, X-Forwarded-Proto"],
    "Connection names Host and Accept": [b"Connection: Host, Accept, Accept-Encoding"],
    "Connection names Via": [b"Connection: Via"],
    "two Connection lines": [b"Connection:", b"Connection: Authorization"],
    "a bearer token of the browser's": [b"Authorization: Bearer injected"],
    "two bearer tokens of the browser's": [b"Authorization: Bearer injected", b"authorization: Bearer injected"],
    "basic credentials of the browser's": [b"Authorization: Basic aW5qZWN0ZWQ6eA=="],
    "proxy credentials": [b"Proxy-Authorization: Bearer injected"],
    "X-HTTP-Method-Override": [b"X-HTTP-Method-Override: DELETE"],
    "X-HTTP-Method": [b"X-HTTP-Method: DELETE"],
    "X-Method-Override": [b"X-Method-Override: DELETE"],
    "X-Original-Method": [b"X-Original-Method: DELETE"],
    "X-Original-URL": [b"X-Original-URL: /api/auth/users?injected"],
    "X-Rewrite-URL": [b"X-Rewrite-URL: /api/auth/users?injected"],
    "X-Envoy-Original-Path": [b"X-Envoy-Original-Path: /api/auth/users?injected"],
    "X-Forwarded-Prefix": [b"X-Forwarded-Prefix: /injected"],
    "X-Forwarded-Port": [b"X-Forwarded-Port: 1337"],
    "X-Forwarded-User": [b"X-Forwarded-User: injected"],
    "X-Remote-User": [b"X-Remote-User: injected"],
    "X-Real-IP": [b"X-Real-IP: 203.0.113.9"],
    "Client-IP": [b"Client-IP: 203.0.113.9"],
    "True-Client-IP": [b"True-Client-IP: 203.0.113.9"],
    "CF-Connecting-IP": [b"CF-Connecting-IP: 203.0.113.9"],
    "Forwarded": [b"Forwarded: for=203.0.113.9;host=injected"],
    "Proxy, httpoxy (CVE-2016-5385)": [b"Proxy: http://injected.example"],
    "TE: trailers": [b"TE: trailers"],
    "Trailer": [b"Trailer: Authorization"],
    "Keep-Alive": [b"Keep-Alive: timeout=9999"],
    "Proxy-Connection": [b"Proxy-Connection: keep-alive"],
    "Max-Forwards": [b"Max-Forwards: 0"],
    "Expect": [b"Expect: 100-continue"],
}
KEPT = {"max-forwards"}  # end-to-end for any method but TRACE and OPTIONS (RFC 9110 §7.6.2)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("tried", WITHOUT_EFFECT)
def test_no_field_of_the_browser_takes_or_gives_more(server, backend, judge, route, tried):
    """Who asks, for what, by which method: none of it is the browser's to say in a field (golang/go#50580)."""
    backend.forget()
    talk(server.port, get(ROUTES[route]), enough=1)
    [plain] = backend.heard()
    backend.forget()

    conversation = talk(server.port, get(ROUTES[route], *WITHOUT_EFFECT[tried]), enough=1)

    faults = [f"answered {conversation.statuses}"] * (conversation.statuses not in ([200], [100, 200], [400]))
    judge({tried: faults + [fault for one in backend.heard() for fault in _differences(plain, one)]})


def _differences(plain: Heard, heard: Heard) -> list[str]:
    """Where a request differs from the same one without the field that was to have no effect."""
    ours = [
        "authorization",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "host",
        "via",
        "accept-encoding",
    ]
    faults = [f"{name}: {heard.all(name)}" for name in ours if heard.all(name) != plain.all(name)]
    faults += [f"heard {heard}"] if (heard.method, heard.target) != (plain.method, plain.target) else []
    faults += [f"{name} is gone" for name in plain.names - heard.names]
    return faults + [f"{name} is new" for name in heard.names - plain.names - KEPT]


@pytest.fixture(scope="module")
def log_of_attacks(backend: Recorder) -> tuple[str, list[str]]:
    """What the service printed while every input tried to write a line of its own, and the answers' statuses."""
    with serve(production(backend.url, PROXY_ALLOW="items, items/*", TRUSTED_PROXIES="1")) as server:
        statuses = [f"{tried}: {talk(server.port, sent, enough=1).statuses}" for tried, sent in LOGGED.items()]
        for place, reply in LOGGED_REPLIES.items():
            backend.reply("GET /api/vehicles", reply, close=True)
            backend.reply("GET /items", reply, close=True)
            statuses += [f"{place}: {talk(server.port, get(path), enough=1).statuses}" for path in ROUTES.values()]
    backend.forget()
    return server.output, statuses


def _login(email: str) -> bytes:
    return request(b"POST", b"/api/auth/login", cookie=b"", body=json.dumps({"email": email, "password": "x"}).encode())


FORGERY = b"FORGED000 127.0.0.1 admin signed in"
RAW_ENDS = {tried: end for tried, end in LINE_ENDS.items() if tried not in {"CRLF", "CRLF and a blank"}}
LOGGED: dict[str, bytes] = {}
for _tried, _end in RAW_ENDS.items():
    _text = _end + FORGERY
    LOGGED |= {
        f"request id, {_tried}": get(b"/api/vehicles", b"X-Request-ID: a" + _text),
        f"traceparent, {_tried}": get(b"/api/vehicles", b"traceparent: a" + _text),
        f"User-Agent, {_tried}": get(b"/api/vehicles", b"User-Agent: a" + _text),
        f"X-Forwarded-For, {_tried}": get(b"/api/vehicles", b"X-Forwarded-For: a" + _text),
        f"X-Forwarded-Host, {_tried}": get(b"/api/vehicles", b"X-Forwarded-Host: a" + _text),
        f"Referer, {_tried}": get(b"/api/vehicles", b"Referer: a" + _text),
        f"Host, {_tried}": get(b"/api/vehicles").replace(b"app.example.com", b"a" + _text),
        f"Origin, {_tried}": get(b"/api/vehicles", b"Origin: a" + _text),
        f"cookie, {_tried}": get(b"/api/vehicles", cookie=COOKIE + _text),
        f"path, {_tried}": get(b"/api/vehicles/a" + _text.replace(b" ", b"%20")),
        f"path of nothing, {_tried}": get(b"/nowhere" + _text.replace(b" ", b"%20")),
        f"path through the proxy, {_tried}": get(b"/api/proxy/items/a" + _text.replace(b" ", b"%20")),
        f"query, {_tried}": get(b"/api/vehicles?a" + _text.replace(b" ", b"%20")),
        f"name of a field, {_tried}": get(b"/api/vehicles", b"X-A" + _text + b": x"),
        f"field without a colon, {_tried}": get(b"/api/vehicles", b"X-A" + _text),
        f"method, {_tried}": get(b"/api/vehicles").replace(b"GET", b"GET" + _text, 1),
        f"version, {_tried}": get(b"/api/vehicles").replace(b"HTTP/1.1", b"HTTP/1.1" + _text, 1),
        f"Content-Length, {_tried}": get(b"/api/vehicles", b"Content-Length: 1" + _text),
        f"Transfer-Encoding, {_tried}": get(b"/api/vehicles", b"Transfer-Encoding: chunked" + _text),
        f"chunk size, {_tried}": get(b"/api/vehicles", b"Transfer-Encoding: chunked") + b"1" + _text + b"\r\n\r\n",
        f"user name, {_tried}": _login("ana" + _text.decode("latin-1")),
    }
LOGGED_REPLIES = {
    "a broken field of the backend's": told(200, {}, b"X-Plain x\n" + FORGERY),
    "a message of the backend's": told(500, {"error": f"x\n{FORGERY.decode()}"}),
    "a reason phrase of the backend's": told(500, {}).replace(b"Told", b"x\n" + FORGERY),
    "no status line": b"x\n" + FORGERY + b"\r\n\r\n",
    "a bad chunk of the backend's": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\n" + FORGERY + b"\r\n",
    "a bad length of the backend's": b"HTTP/1.1 200 OK\r\nContent-Length: x\n" + FORGERY + b"\r\n\r\n",
}


# Each forgery with a number of its own, as long as the one it replaces.
LOGGED = {
    tried: sent.replace(b"FORGED000", b"FORGED%03d" % number) for number, (tried, sent) in enumerate(LOGGED.items())
}
LOGGED_REPLIES = {
    tried: sent.replace(b"FORGED000", b"FORGED%03d" % number)
    for number, (tried, sent) in enumerate(LOGGED_REPLIES.items(), len(LOGGED))
}


def test_no_input_writes_a_line_of_the_log(log_of_attacks, judge):
    """OWASP ASVS 5.0, 16.4.1. `splitlines` knows every line end that a reader of the log might."""
    output, _ = log_of_attacks

    judge(
        {
            tried: _log_faults([line for line in output.split("\n") if f"FORGED{number:03}" in line])
            for number, tried in enumerate([*LOGGED, *LOGGED_REPLIES])
        }
    )


def _log_faults(lines: list[str]) -> list[str]:
    """What is wrong with the lines that hold a forgery."""
    forged = [part for line in lines for part in line.splitlines() if part.lstrip().startswith("FORGED")]
    strange = {character for line in lines for character in line if not character.isprintable()}
    return [f"wrote a line: {part[:60]}" for part in forged] + [f"wrote {sorted(strange)}"] * bool(strange)


def test_no_input_makes_a_defect_of_ours(log_of_attacks):
    """Each was answered, and none with 500."""
    output, statuses = log_of_attacks

    assert [status for status in statuses[: len(LOGGED)] if "[]" in status or "500" in status] == []
    assert "Traceback" not in output
