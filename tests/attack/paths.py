"""Paths that two programs read in two ways: what is judged here must be what is asked there (CWE-22, CWE-436).

A path parameter is one segment, whatever is in it. What passes through `/api/proxy` passes byte for byte, and only
where every way of reading it stays below an entry of PROXY_ALLOW.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote_to_bytes

import pytest

from tests.attack.recorder import Heard, Recorder
from tests.attack.stage import COOKIE, HOST, production, request, serve
from tests.attack.wire import Line, NotHttpError, connect, listen
from tests.proxy.api.endpoints import ENDPOINTS, Endpoint
from tests.server import Server

WITH_PARAMETER = [endpoint for endpoint in ENDPOINTS if "{}" in endpoint.path]

# What stands in the place of one segment. (Orange Tsai, "Breaking parser logic", 2018; CVE-2021-41773, CVE-2021-42013,
# CVE-2020-5902, CVE-2022-22965 and others: each of these has opened some server.)
SEGMENTS: dict[str, list[bytes]] = {
    "dot segments": [
        b".", b"..", b"...", b"....", b"..a", b"a..", b".a", b"a.", b"./", b"../", b"./x", b"../x", b"x/.", b"x/..",
        b"../auth/users", b"../../auth/users", b"x/../../auth/users", b"..//x", b".//x", b"....//x", b"..../x",
    ],
    "escaped dot segments": [
        b"%2e", b"%2E", b"%2e%2e", b"%2E%2E", b"%2e%2E", b".%2e", b"%2e.", b"%2e%2e/x", b"%2e%2e%2fx", b"%2E%2E%2Fx",
        b"..%2fx", b"..%2Fauth%2Fusers", b".%2fx", b"%2e%2fx", b"x%2f..", b"x%2f..%2f..%2fauth%2fusers", b"%2e%2e%5cx",
        b"%2e%2e%00", b"%2e%2e%20", b"%20..", b"..%09", b"..%0a", b"..%3bx", b"..%3fx", b"..%23x", b"..%c2%a0",
    ],
    "escaped twice": [
        b"%252e", b"%252e%252e", b"%252e%252e%252f", b"..%252f", b"%25252e%25252e", b"%252f", b"%255c", b"%2500",
        b"%25%32%65%25%32%65", b"%%32%65%%32%65", b"%2%65%2%65", b"%25", b"%2525", b"100%25", b"%253f", b"%2523x",
    ],
    "separators": [
        b"%2f", b"%2F", b"a%2fb", b"a%2Fb", b"%2fa", b"a%2f", b"%2f%2fevil.example", b"\\", b"%5c", b"%5C", b"a\\b",
        b"a%5cb", b"..\\x", b"..%5cx", b"..%5c..%5cauth%5cusers", b"%5c%5cevil.example", b"a/b", b"/", b"/a", b"a/",
        b"//", b"a//b", b"//evil.example/", b"a%2f%2fb", b"a%2f/b",
    ],
    "parameters": [
        b";", b";a", b"a;b", b"a;b=c", b".;a", b"..;", b"..;a", b"..;/", b"..;/x", b"..;a=b/x", b"%2e%2e;/x", b"x;/..",
        b"x/..;/auth", b"a%3bb", b"..%3b", b"..%3b/x", b";/../x", b"a;jsessionid=1", b"a,b", b"a&b=c", b"a=b",
    ],
    "controls": [
        b"%00", b"a%00", b"%00a", b"a%00.json", b"..%00/x", b"%0a", b"%0d", b"%0d%0a", b"a%0d%0ab", b"%09", b"%20",
        b"a%20", b"%20a", b"%0b", b"%0c", b"%1b", b"%7f", b"%85", b"%c2%85", b"%e2%80%a8", b"%a0", b"%c2%a0",
        b"%0d%0aX-Injected:%201", b"%20HTTP/1.1%0d%0aHost:%20evil", b"a%1fb", b"%08",
    ],
    "UTF-8 that is none": [
        b"%c0%ae", b"%c0%ae%c0%ae", b"%c0%ae%c0%ae/x", b"%c0%af", b"..%c0%af", b"..%c0%afx", b"%c0%2f", b"%c1%9c",
        b"..%c1%9c", b"%e0%80%af", b"..%e0%80%afx", b"%e0%80%ae", b"%e0%40%ae", b"%f0%80%80%af", b"%f8%80%80%80%af",
        b"%fc%80%80%80%80%af", b"%ff", b"%fe", b"%80", b"%c3", b"%c3%28", b"%ed%a0%80", b"%f4%90%80%80", b"%c0%80",
    ],
    "look-alikes": [
        b"%ef%bc%8e%ef%bc%8e", b"%ef%bc%8e", b"%ef%bc%8f", b"..%ef%bc%8fx", b"%e2%88%95", b"..%e2%88%95x", b"%e2%81%84",
        b"%ef%bc%bc", b"..%ef%bc%bcx", b"%e2%80%a4%e2%80%a4", b"%ef%b9%92", b"%c4%ae%c4%ae", b"%c4%af", b"%e2%84%aa",
        b"%e3%80%82", b"%u002e%u002e", b"%u002f", b"..%u2215x", b"%uff0e%uff0e", b"%uff0f", b"e%cc%81", b"%ef%bb%bf",
        b"%e2%80%ae", b"%e2%80%8b", b"%c5%bf", b"%f0%9f%9a%97",
    ],
    "broken escapes": [
        b"%", b"a%", b"%2", b"%a", b"%zz", b"%2g", b"%g2", b"%%", b"%%2e", b"%-1", b"%+2", b"% 2", b"%2e%", b"%2e%2",
        b"%x2e", b"0x2e0x2e", b"%5", b"a%2", b"%\xb2e",
    ],
    "delimiters": [
        b"%3f", b"a%3fb=c", b"%23", b"a%23b", b"#", b"a#b", b"%3a", b"a:b", b":80", b"@evil.example", b"a@b",
        b"%40evil.example", b"http:", b"http:%2f%2fevil.example", b"http://evil.example/", b"[::1]", b"%5b::1%5d",
        b"{}", b"%7b%7d", b"{alias}", b"<script>", b"%3cscript%3e", b"a|b", b"a^b", b"`", b"'", b'"', b"$", b"$(id)",
        b"!", b"*", b"(a)", b"~", b"~root", b"-", b"_", b"+", b"a+b", b"%2b",
    ],
    "raw bytes": [
        b"\xc3\xb1", b"\xf1", b"\xc0\xae\xc0\xae", b"\xef\xbc\x8e\xef\xbc\x8e", b"..\xef\xbc\x8fx", b"\x85", b"\xa0",
        b"\xff", b"a b", b"a\tb", b"a\x00b", b"a\x7fb", b"a\x1bb", b"a\rb", b"a\nb", b"a\r\nX: y",
    ],
    "lengths": [
        b"", b"a", b"a" * 1000, b"a" * 4000, b"%41" * 1000, b"." * 1000, b"%2e" * 1000, b"../" * 500,
        b"%2e%2e%2f" * 400, b"/" * 1000, b"%2f" * 1000, b"a/" * 1000, b"%25" * 1000, b";" * 1000, b"\\" * 1000,
        b"%00" * 1000, b"a" * 9000, b"%c3%b1" * 1000,
    ],
}  # fmt: skip

ONE_SEGMENT = re.compile(rb"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+")  # RFC 3986 §2.3, §6.2.2.1: nothing left to interpret


@pytest.fixture(scope="module")
def server(backend: Recorder) -> Iterator[Server]:
    """The service in production, its proxied backend below a path of its own."""
    environ = production(backend.url, PROXY_BASE_URL=f"{backend.url}/base", PROXY_ALLOW=ALLOWED)
    with serve(environ) as server:
        yield server


@pytest.fixture(scope="module")
def line(server: Server) -> Iterator[Line]:
    """One connection for thousands of requests, as the front end's server holds it."""
    with Line(server.port) as line:
        yield line


@pytest.mark.parametrize("group", SEGMENTS)
@pytest.mark.parametrize("endpoint", WITH_PARAMETER, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_a_parameter_is_one_segment_or_refused(backend, line, judge, endpoint, group):
    """The backend is asked for this endpoint, with what the browser meant, and for no other."""
    judge({_shown(segment): _parameter_faults(backend, line, endpoint, segment) for segment in SEGMENTS[group]})


def _shown(text: bytes) -> str:
    return f"{text!r}" if len(text) <= 60 else f"{text[:60]!r}... of {len(text)} bytes"


def _parameter_faults(backend: Recorder, line: Line, endpoint: Endpoint, segment: bytes) -> list[str]:
    backend.forget()
    target = endpoint.path.encode().replace(b"{}", segment)
    body = b'{"a": 1}' if endpoint.has_body else None
    try:
        answer = line.ask(request(endpoint.method.encode(), target, body=body))
    except NotHttpError as error:
        return _faults_of_raw_line_ends(segment, backend.heard(), str(error))
    heard = backend.heard()
    if not heard:
        return [] if answer.status in {400, 404, 405, 414} else [f"answered {answer.status}"]
    return [f"heard {one}" for one in heard if one.fault] or _segment_faults(endpoint, segment, heard)


def _faults_of_raw_line_ends(segment: bytes, heard: list[Heard], said: str) -> list[str]:
    """Where the attacker ends the request line, what follows is theirs to be answered, with an error."""
    return [said] if b"\r\n" not in segment or heard else []


def _segment_faults(endpoint: Endpoint, segment: bytes, heard: list[Heard]) -> list[str]:
    """Whether what was heard is the endpoint's own request, with this segment in it."""
    method, _, template = endpoint.backend_route.partition(" ")
    before, _, behind = template.partition("{}")
    target = heard[0].target
    if len(heard) > 1 or heard[0].method != method or not (target.startswith(before) and target.endswith(behind)):
        return [f"heard {', '.join(map(str, heard))}"]
    sent_on = target[len(before) : len(target) - len(behind)].encode("latin-1")
    decoded = unquote_to_bytes(sent_on)
    faults = [] if ONE_SEGMENT.fullmatch(sent_on) else [f"is not one segment any more: {sent_on[:80]!r}"]
    faults += [f"is a dot segment: {sent_on!r}"] if decoded in {b".", b".."} else []
    faults += [f"holds NUL: {sent_on[:80]!r}"] if b"\0" in decoded else []
    faults += [f"is another one: {sent_on[:80]!r}"] if decoded != unquote_to_bytes(segment) else []
    return faults


# PROXY_ALLOW of this file, and what it says in plain Python below.
ALLOWED = "items/*, GET reports/{id}, GET files/{name}/raw, GET auth/*"

# Below `/api/proxy/`: each segment above at the beginning, in the middle and at the end of an allowed path.
PLACES = {
    "behind an allowed prefix": b"items/%b",
    "between allowed segments": b"items/%b/raw",
    "before an allowed segment": b"%b/items/x",
    "in the place of a placeholder": b"reports/%b",
    "in the place of a placeholder in the middle": b"files/%b/raw",
    "glued to an allowed prefix": b"items%b",
    "out of an allowed prefix": b"items/%b/../../secrets",
    "alone": b"%b",
}
# Ways out of what is allowed, and to what no entry can allow.
OTHERS = [
    b"secrets", b"items", b"Items/x", b"ITEMS/x", b"%69tems/x", b"items%2fx", b"items%2Fx", b"items%252fx",
    b"items%5cx", b"items\\x", b"items;x/y", b"items;/x", b"items/../secrets", b"items/..%2fsecrets",
    b"items/%2e%2e/secrets", b"items/..;/secrets", b"items/.../secrets", b"items//secrets", b"items/./x", b"./items/x",
    b"../items/x", b"/items/x", b"//evil.example/items/x", b"/evil.example", b"@evil.example/items/x",
    b"items@evil.example/x", b":80/items/x", b"http://evil.example/items/x", b"http:%2f%2fevil.example/items/x",
    b"reports", b"reports/",
    b"reports/1/2", b"reports/1%2f2", b"reports/1%2F", b"reports/%2f", b"reports/1;2", b"reports/1?x=/../../secrets",
    b"files//raw", b"files/a/b/raw", b"files/a%2fb/raw", b"files/a/raw/", b"files/a/raw/..", b"files/../files/a/raw",
    b"auth/login", b"auth/Login", b"auth/LOGIN/", b"auth/%6cogin", b"auth/login;x", b"auth/login%20", b"auth/login.",
    b"auth/register", b"auth/resetpassword/x", b"auth/reset-password/x", b"auth/x/../login", b"auth//login",
    b"auth%2flogin", b"auth/login%2f", b"auth/login?x", b"items/auth/login",
]  # fmt: skip
# The prefix itself, in every spelling but its own. None of these is below it.
PREFIXES = [
    b"/API/proxy/items/x", b"/Api/Proxy/items/x", b"/api/PROXY/items/x", b"/api%2fproxy/items/x",
    b"/api%2Fproxy/items/x", b"/%61pi/proxy/items/x", b"/api/%70roxy/items/x", b"/api/prox%79/items/x",
    b"/api/proxy%2fitems/x",
    b"/api/proxy%2Fitems/x", b"/api//proxy/items/x", b"//api/proxy/items/x", b"///api/proxy/items/x",
    b"/api/./proxy/items/x", b"/./api/proxy/items/x", b"/api/x/../proxy/items/x", b"/x/../api/proxy/items/x",
    b"/../api/proxy/items/x", b"/api/proxy/../proxy/items/x", b"/api/proxy;/items/x", b"/api/proxy;x=y/items/x",
    b"/api;/proxy/items/x", b"/;/api/proxy/items/x", b"/api\\proxy/items/x", b"/api\\proxy\\items\\x",
    b"/api/proxy\\items/x", b"\\api\\proxy\\items", b"/api%5cproxy/items/x", b"/api/proxy%00/items/x",
    b"/api/proxy%20/items/x", b"/api/proxy./items/x", b"/api/proxy%2e/items/x", b"/api/proxy?items/x",
    b"/api/proxy%3fitems/x", b"/api/proxy#items/x", b"/api/proxy%23/items/x", b"/api/proxy", b"/api/proxyitems/x",
    b"/api/proxy_/items/x", b"/api/proxy%09/items/x", b"/%2fapi/proxy/items/x", b"/%2e/api/proxy/items/x",
    b"/healthz/../api/proxy/items/x", b"/api/vehicles/../proxy/items/x", b"/api/vehicles/..%2fproxy/items/x",
    b"http://app.example.com/api/proxy/items/x", b"http://evil.example/api/proxy/items/x",
    b"https://app.example.com/api/proxy/items/x", b"http://app.example.com//api/proxy/items/x",
    b"http://app.example.com@evil.example/api/proxy/items/x", b"http:/api/proxy/items/x", b"http:///api/proxy/items/x",
    b"api/proxy/items/x", b"?/api/proxy/items/x", b"*/api/proxy/items/x", b"/%u0061pi/proxy/items/x",
    b"/\xc3\xa1pi/proxy/items/x", b"/api/proxy\xef\xbc\x8fitems/x", b"/%ef%bc%8fapi/proxy/items/x",
]  # fmt: skip


def may_pass(path: bytes) -> bool:
    """Whether PROXY_ALLOW of this file allows a path below `/api/proxy/`, by rules written down a second time.

    However often a backend decodes it, and whether or not it takes an escaped slash for one: no segment leads up or is
    empty, nothing is cut off, and the path is in the allow-list.
    """
    readings = [path]
    for _ in range(3):
        readings.append(unquote_to_bytes(readings[-1]))
    for reading in readings:
        segments = [segment.partition(b";")[0] for segment in reading.split(b"/")]
        if b"" in segments[:-1] or {b".", b".."} & set(segments) or re.search(rb"[\x00-\x1f\x7f\\]", reading):
            return False
    ends_in_escaped_slash = path[-3:].lower() == b"%2f"
    return not ends_in_escaped_slash and not _holds_token(readings[-1]) and all(map(_is_named, {path, readings[-1]}))


def _is_named(path: bytes) -> bool:
    match path.split(b"/"):
        case [b"items", _, *_] | [b"auth", _, *_]:
            return True
        case [b"reports", name] | [b"files", name, b"raw"]:
            return name != b""
    return False


def _holds_token(path: bytes) -> bool:
    """Whether the backend's answer would hold a token that belongs into the cookie."""
    segments = [segment.partition(b";")[0].rstrip(b" .").lower() for segment in path.split(b"/")]
    pairs = list(pairwise(segments))
    return any((b"auth", name) in pairs for name in (b"login", b"register", b"resetpassword", b"reset-password"))


@pytest.mark.parametrize("group", SEGMENTS)
@pytest.mark.parametrize("place", PLACES)
def test_a_proxied_path_passes_as_it_is_or_not_at_all(backend, line, judge, place, group):
    """The allow-list is asked about the very bytes that go out, and about every other reading of them."""
    paths = [PLACES[place].replace(b"%b", segment) for segment in SEGMENTS[group]]

    judge({_shown(path): _proxied_faults(backend, line, b"/api/proxy/" + path) for path in paths})


def test_no_way_leads_out_of_the_allow_list(backend, line, judge):
    """Paths that are near what is allowed, and logins, whose answers hold a token."""
    judge({f"{path!r}": _proxied_faults(backend, line, b"/api/proxy/" + path) for path in OTHERS})


def test_no_other_spelling_of_the_prefix_leads_below_it(backend, line, judge):
    """A rule in front of us for `/api/proxy` would not see it."""
    judge({f"{target!r}": _proxied_faults(backend, line, target) for target in PREFIXES})


def _proxied_faults(backend: Recorder, line: Line, target: bytes) -> list[str]:
    backend.forget()
    try:
        answer = line.ask(request(b"GET", target))
    except NotHttpError as error:
        return _faults_of_raw_line_ends(target, backend.heard(), str(error))
    heard = backend.heard()
    if not heard:
        return [] if answer.status in {400, 404, 405, 414} else [f"answered {answer.status}"]
    path = target.removeprefix(b"/api/proxy/").partition(b"?")[0]
    wanted = "/base/" + target.removeprefix(b"/api/proxy/").decode("latin-1")
    faults = [f"heard {', '.join(map(str, heard))}"] if [one.target for one in heard] != [wanted] else []
    faults += [f"is malformed: {one}" for one in heard if one.fault]
    return faults + ([] if target.startswith(b"/api/proxy/") and may_pass(path) else ["was allowed"])


@pytest.mark.parametrize(
    "path",
    [
        b"items/a", b"items/a/b/", b"items/a%20b", b"items/%C3%B1", b"items/a~b", b"items/a;b", b"items/a:b@c",
        b"items/a%2Fb", b"reports/7", b"reports/7?from=%2e%2e%2f&x=%zz", b"files/a.txt/raw", b"items/100%25",
        b"auth/me",
    ],
)  # fmt: skip
def test_an_allowed_path_arrives_byte_for_byte(backend, line, judge, path):
    """Else a service that refuses everything would pass."""
    backend.forget()

    answer = line.ask(request(b"GET", b"/api/proxy/" + path))

    arrived = [one.target.encode() for one in backend.heard()]
    is_good = answer.status == 200 and arrived == [b"/base/" + path]
    judge({f"{path!r}": [] if is_good else [f"answered {answer.status}, heard {arrived}"]})


@pytest.mark.parametrize("endpoint", WITH_PARAMETER, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_an_ordinary_parameter_arrives(backend, line, judge, endpoint):
    """With a slash, a blank and an accent in it: vehicles have such names."""
    backend.forget()
    target = endpoint.path.encode().replace(b"{}", b"El%20a%C3%B1o%2F7")

    answer = line.ask(request(endpoint.method.encode(), target, body=b'{"a": 1}' if endpoint.has_body else None))

    wanted = endpoint.backend_route.replace("{}", "El%20a%C3%B1o%2F7")
    is_good = answer.status == 200 and [str(one) for one in backend.heard()] == [wanted]
    judge({"an ordinary name": [] if is_good else [f"answered {answer.status}, heard {backend.heard()}"]})


def test_a_pipeline_of_confusing_paths_is_answered_in_order(server, backend):
    """Nothing that one of them leaves behind reaches the next."""
    backend.forget()
    paths = [b"/api/vehicles/a", b"/api/vehicles/..", b"/api/vehicles/b", b"/api/vehicles/%00", b"/api/vehicles/c"]
    head = b"GET %b HTTP/1.1\r\nHost: " + HOST + b"\r\nCookie: " + COOKIE + b"\r\n\r\n"

    with connect(server.port) as connection:
        connection.sendall(b"".join(head % path for path in paths))
        conversation = listen(connection, enough=5)

    assert conversation.statuses == [200, 404, 200, 400, 200]
    assert [one.target for one in backend.heard()] == ["/api/vehicles/a", "/api/vehicles/b", "/api/vehicles/c"]
