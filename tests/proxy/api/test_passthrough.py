"""/api/proxy/*: what passes, what is changed on the way, and what is refused."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

import setting_types
from app import create_app
from config import Settings
from proxy.hooks import Hooks
from setting_types import ProxyRule

ANYTHING = (ProxyRule(methods=None, pattern="*"),)


@pytest.fixture
def proxied(settings: Settings, backend) -> Settings:
    return replace(settings, proxy_allow=ANYTHING, proxy_base_url=f"{backend.url}/v1", threads=5)


@pytest.fixture
def client(proxied: Settings) -> FlaskClient:
    """A signed-in browser, with all of the backend below `/v1` allowed."""
    browser = create_app(proxied).test_client()
    browser.set_cookie("token", "a.b.c")
    return browser


# Who and what passes


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"])
def test_any_method_passes_with_path_and_query_byte_for_byte(client, backend, method):
    """Nothing is decoded, sorted or repaired."""
    target = "/a%2Fb/%7e/c%20d?x=%2f&x=&y&&z=a+b%zz;w"
    backend.answer(f"{method} /v1/a%2Fb/%7e/c%20d", json={})

    response = client.open(f"/api/proxy{target}", method=method)

    assert response.status_code == 200
    assert (backend.last.method, backend.last.target) == (method, f"/v1{target}")
    assert backend.last.headers["Authorization"] == "Bearer a.b.c"


@pytest.mark.parametrize("query", ["?", "??", "?/../", "?a#b"])
def test_an_odd_query_is_a_query(client, backend, query):
    """Also an empty one, which is not the same as none (RFC 3986 §3.4)."""
    target = f"/api/proxy/a{query}"

    client.get("/api/proxy/a", environ_overrides={"REQUEST_URI": target, "RAW_URI": target})

    assert backend.last.target == f"/v1/a{query}"


def test_without_a_session_the_backend_hears_nothing(client, backend):
    """401 before path and method are judged."""
    client.delete_cookie("token")

    response = client.open("/api/proxy/../x", method="TRACE")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (401, "no_session")
    assert backend.connections == 0


@pytest.mark.parametrize(
    "path", ["..", "a/../b", "%2e%2e/a", "a//b", "/a", "a%5cb", "%252e", "http://evil.example", "%zz"]
)
def test_a_path_with_two_meanings_is_refused(client, backend, path):
    """Before the allow-list is asked; here it would allow everything."""
    response = client.get(f"/api/proxy/{path}")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (400, "bad_request")
    assert backend.connections == 0


def test_a_whole_url_as_request_target_is_refused(client, backend):
    """RFC 9112 §3.2.2 is for proxies of the other kind."""
    target = "http://evil.example/api/proxy/a"

    response = client.get("/api/proxy/a", environ_overrides={"REQUEST_URI": target, "RAW_URI": target})

    assert response.status_code == 400
    assert backend.connections == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "Items/7", 200, None),
        ("HEAD", "Items/7", 200, None),
        ("PUT", "Items/7", 200, None),
        ("DELETE", "Items/7", 405, {"GET", "HEAD", "PUT"}),
        ("OPTIONS", "Items/7", 405, {"GET", "HEAD", "PUT"}),
        ("GET", "Items", 404, None),
        ("GET", "Items/7/8", 404, None),
        ("GET", "Items/7%2F8", 404, None),
        ("GET", "items/7", 404, None),
    ],
)
def test_the_allow_list_decides(proxied, backend, method, path, status, allow):
    """A path that no entry names is 404; a method that none of its entries names is 405."""
    rules = setting_types.proxy_rules("GET+PUT Items/{id}")
    browser = create_app(replace(proxied, proxy_allow=rules)).test_client()
    browser.set_cookie("token", "a.b.c")
    backend.answer(f"{method} /v1/{path}", json={})

    response = browser.open(f"/api/proxy/{path}", method=method)

    assert response.status_code == status
    assert (set(response.allow) or None) == allow
    assert len(backend.requests) == (1 if status == 200 else 0)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_echo_or_tunnel_never_pass(client, backend, method):
    """TRACE would show the bearer token."""
    response = client.open("/api/proxy/a", method=method)

    assert response.status_code == 405
    assert backend.connections == 0


def test_without_an_allow_list_the_route_is_not_there(proxied):
    """Deny by default."""
    browser = create_app(replace(proxied, proxy_allow=())).test_client()

    assert browser.get("/api/proxy/a").status_code == 404


@pytest.mark.parametrize("path", ["api/auth/login", "API/AUTH/Login/", "api/auth/register", "auth/resetpassword/f00d"])
def test_no_path_to_a_token_is_allowed(client, backend, path):
    """Its answer would hand the script what the cookie keeps from it."""
    response = client.post(f"/api/proxy/{path}", json={})

    assert (response.status_code, response.headers["X-BFF-Error"]) == (404, "not_found")
    assert backend.connections == 0


def test_the_base_urls_own_path_counts_too(proxied, backend):
    """PROXY_BASE_URL may end in the middle of such a path."""
    browser = create_app(replace(proxied, proxy_base_url=f"{backend.url}/api/auth")).test_client()
    browser.set_cookie("token", "a.b.c")

    assert browser.post("/api/proxy/login", json={}).status_code == 404
    assert backend.connections == 0


def test_a_request_that_has_come_through_here_before_is_refused(client, backend):
    """A backend that points back at us would take all threads of both (RFC 9110 §7.6)."""
    client.get("/api/proxy/a")
    via = backend.last.headers["Via"]

    response = client.get("/api/proxy/a", headers={"Via": f"1.1 edge, {via}"})

    assert response.status_code == 400
    assert len(backend.requests) == 1


# What is changed on the way there


def test_fields_of_the_browser_pass_and_ours_are_added(client, backend):
    """End-to-end fields as they came; forwarding fields rebuilt; hop-by-hop ones, also named ones, gone."""
    client.get(
        "/api/proxy/a",
        headers={
            "Accept": "text/x",
            "Accept-Encoding": "br",
            "If-None-Match": '"x"',
            "Range": "bytes=0-1",
            "X-Tenant": "7",
            "Connection": "X-Mine, Authorization, close",
            "X-Mine": "1",
            "TE": "trailers",
            "Upgrade": "h2c",
            "Expect": "100-continue",
            "Origin": "https://evil.example",
            "Forwarded": "for=1.1.1.1",
            "X-Forwarded-For": "1.1.1.1",
            "X-Forwarded-Prefix": "/x",
            "X-Real-IP": "1.1.1.1",
            "X-HTTP-Method-Override": "DELETE",
            "X-Original-URL": "/admin",
            "X-Request-ID": "r-1",
            "Via": "1.0 edge",
            "User-Agent": "curl",
        },
    )

    sent = dict(backend.last.headers.items())
    assert sent.pop("Via").startswith("1.0 edge, 1.1 bff-")
    assert sent == {
        "Accept": "text/x",
        "Accept-Encoding": "br",
        "Authorization": "Bearer a.b.c",
        "Host": backend.url.removeprefix("http://"),
        "If-None-Match": '"x"',
        "Range": "bytes=0-1",
        "User-Agent": "curl",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "localhost",
        "X-Forwarded-Proto": "http",
        "X-Request-ID": "r-1",
        "X-Tenant": "7",
    }


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png"]
)
def test_a_body_of_any_type_passes(client, backend, content_type):
    """With its own length, and no chunks beside it."""
    backend.answer("POST /v1/a", json={})

    client.post("/api/proxy/a", data=b"\x00\xff--x", content_type=content_type)

    assert backend.last.body == b"\x00\xff--x"
    assert backend.last.headers["Content-Type"] == content_type
    assert backend.last.headers.get_all("Content-Length") == ["5"]
    assert "Transfer-Encoding" not in backend.last.headers


def test_a_body_over_the_limit_is_refused_before_a_call(proxied, backend):
    """413 as soon as the length says so."""
    browser = create_app(replace(proxied, proxy_max_content_length=4)).test_client()
    browser.set_cookie("token", "a.b.c")

    response = browser.post("/api/proxy/a", data=b"12345")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (413, "too_large")
    assert backend.connections == 0


# What is changed on the way back


def test_the_reply_comes_back_as_it_is(client, backend):
    """Status, body and end-to-end fields; two fields of one name stay two (RFC 9110 §5.3)."""
    headers = [("ETag", '"x"'), ("Link", "</a>"), ("Link", "</b>"), ("Content-Encoding", "x-odd"), ("Vary", "Accept")]
    backend.answer("GET /v1/a", 418, body=b"\x00\xff", headers=headers)

    response = client.get("/api/proxy/a")

    assert (response.status_code, response.data) == (418, b"\x00\xff")
    assert response.headers.getlist("Link") == ["</a>", "</b>"]
    assert (response.headers["ETag"], response.headers["Content-Encoding"]) == ('"x"', "x-odd")
    assert "X-BFF-Error" not in response.headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_an_error_of_the_backend_is_relayed_and_the_cookie_stays(client, backend, status):
    """It may be about anything; HTML too."""
    backend.answer("GET /v1/a", status, body=b"<h1>no</h1>", headers=[("Retry-After", "7")])

    response = client.get("/api/proxy/a")

    assert (response.status_code, response.data) == (status, b"<h1>no</h1>")
    assert response.headers["Retry-After"] == "7"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    "name",
    [
        *("Set-Cookie", "Clear-Site-Data", "Access-Control-Allow-Origin", "Server", "X-Powered-By", "Via", "Refresh"),
        *("Strict-Transport-Security", "Alt-Svc", "Service-Worker-Allowed", "X-BFF-Error", "Keep-Alive", "X-Named"),
        *("X-Accel-Redirect", "X-Sendfile"),
    ],
)
def test_what_would_act_on_our_origin_or_name_the_backend_stays_out(client, backend, name):
    """Cookies, CORS, policies, server names, hop-by-hop fields, and our own mark."""
    backend.answer("GET /v1/a", json={}, headers=[("Connection", "x-named"), (name, "canary")])

    response = client.get("/api/proxy/a")

    assert "canary" not in str(response.headers)


def test_an_answer_cannot_run_as_a_page_of_ours(client, backend):
    """Whatever its type, and whatever policy it brings."""
    backend.answer("GET /v1/a", body=b"<script>", headers=[("Content-Security-Policy", "script-src *")])

    response = client.get("/api/proxy/a")

    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers.getlist("Content-Security-Policy") == [
        "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ]


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("{backend}/v1/b?x=1#y", "/api/proxy/b?x=1#y"),
        ("{backend}/v1", "/api/proxy"),
        ("/v1/b", "/api/proxy/b"),
        ("b/c?x", "b/c?x"),
        ("?x=1", "?x=1"),
        ("{backend}/v2/b", None),
        ("/v10/b", None),
        ("https://elsewhere.example/b", None),
        ("//elsewhere.example/b", None),
        ("/\\elsewhere.example", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
        ("/v1/../admin", None),
        ("/v1/%2e%2e/admin", None),
        ("../../admin", None),
        ("/v1/b?next={backend}/x", None),
    ],
)
def test_a_redirect_is_relayed_to_our_own_path_or_nowhere(client, backend, location, shown):
    """It is never followed, and never shows where the backend is."""
    backend.answer("GET /v1/a", 302, body=b"", headers=[("Location", location.format(backend=backend.url))])

    response = client.get("/api/proxy/a")

    assert response.status_code == 302
    assert response.headers.get("Location") == shown
    assert len(backend.requests) == 1


@pytest.mark.parametrize(
    "value", ["<{url}/v1/a?page=2>; rel=next", "realm=http://127.0.0.1", "127.0.0.1", "http%3A%2F%2F127.0.0.1"]
)
def test_a_field_that_names_the_backend_is_dropped(client, backend, value):
    """Pagination links are the usual case; with the port or without, escaped or plain."""
    backend.answer("GET /v1/a", json={}, headers=[("X-Link", value.format(url=backend.url))])

    assert "X-Link" not in client.get("/api/proxy/a").headers


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([], "no-store"),
        (["max-age=60"], "private, max-age=60"),
        (["public, s-maxage=9, max-age=60"], "private, max-age=60"),
        (["private", "max-age=60"], "private, max-age=60"),
        (["no-cache"], "private, no-cache"),
        (["no-store"], "no-store"),
        (["public"], "no-store"),
    ],
)
def test_no_shared_cache_keeps_what_is_one_users(client, backend, said, kept):
    """The browser's own cache may, where the backend says so: else ETags were of no use."""
    backend.answer("GET /v1/a", json={}, headers=[("Cache-Control", value) for value in said])

    assert client.get("/api/proxy/a").headers.getlist("Cache-Control") == [kept]


def test_head_has_the_length_and_no_body(client, backend):
    """As the backend says; none where it says none."""
    backend.answer_bytes("HEAD /v1/a", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", close=False)
    backend.answer_bytes("HEAD /v1/b", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", close=False)

    known, unknown = client.head("/api/proxy/a"), client.head("/api/proxy/b")

    assert (known.data, known.content_length) == (b"", 99)
    assert (unknown.data, unknown.content_length) == (b"", None)


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_without_a_body_stays_without(client, backend, status):
    """RFC 9110 §6.4.1; what makes a 304 useful is kept."""
    dated = 'ETag: "x"\r\nLast-Modified: Fri, 20 Nov 2026 10:00:00 GMT\r\n'
    backend.answer_bytes("GET /v1/a", f"HTTP/1.1 {status} X\r\n{dated}\r\n".encode(), close=False)

    response = client.get("/api/proxy/a")

    assert (response.status_code, response.data, response.headers["ETag"]) == (status, b"", '"x"')
    assert response.headers["Last-Modified"] == "Fri, 20 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_where_none_belongs_is_nobodys(client, backend, method, status):
    """Late, on a connection that another user has by then, it would be the answer to them: so nobody gets that one."""
    backend.answer_bytes(f"{method} /v1/a", f"HTTP/1.1 {status} X\r\nContent-Length: 6\r\n\r\n".encode(), close=False)
    backend.answer("GET /v1/b", json=[2])

    client.open("/api/proxy/a", method=method)
    client.get("/api/proxy/b")

    assert [request.connection for request in backend.requests] == [1, 2]


@pytest.mark.parametrize(
    "framing",
    [
        *("Content-Length: -5", "Content-Length: +2", "Content-Length: 1_0", "Content-Length: abc", "Content-Length:"),
        *("Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2, 3", f"Content-Length: {'9' * 30}"),
        *("Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, chunked"),
    ],
)
def test_a_reply_whose_end_is_in_doubt_is_none(client, backend, framing):
    """RFC 9112 §6.3; relayed, the browser would read the next answer as the rest of this one."""
    backend.answer_bytes("GET /v1/a", f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())

    responses = [client.get("/api/proxy/a") for _ in range(5)]  # more than there are slots

    assert {(response.status_code, response.headers.get("X-BFF-Error")) for response in responses} == {
        (502, "backend_invalid")
    }


def test_chunks_win_over_a_length(client, backend):
    """RFC 9112 §6.3; and one length said twice is one."""
    both = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"
    backend.answer_bytes("GET /v1/a", both)
    backend.answer_bytes("GET /v1/b", twice)

    chunked, long = client.get("/api/proxy/a"), client.get("/api/proxy/b")

    assert (chunked.data, chunked.headers.getlist("Content-Length")) == (b"{}", [])
    assert (long.data, long.headers.getlist("Content-Length")) == (b"{}", ["2"])


@pytest.mark.parametrize(("name", "value"), [("X-Bad", "caf\u20ac"), ("X y", "1")])
def test_a_field_that_a_server_refuses_does_not_keep_the_slot(proxied, backend, name, value):
    """A hook's mistake, here: the server raises where the response should begin."""
    hooks = Hooks()
    hooks.before_response()(lambda response: response.headers.set(name, value))
    app = create_app(proxied, hooks)
    slots = app.extensions["slots"]
    backend.answer("GET /v1/a", json={})

    def refuse(status, headers, exc_info=None):
        raise ValueError("a server's own check")

    environ = EnvironBuilder("/api/proxy/a", headers=Headers({"Cookie": "token=a.b.c"})).get_environ()
    with pytest.raises(ValueError, match="own check"):
        app(environ, refuse)

    assert slots.taken == 0


def test_the_token_does_not_come_back(client, backend):
    """A backend that renews or echoes it would hand it to the script."""
    echoes = [("Authorization", "Bearer new"), ("X-Access-Token", "new"), ("X-Echo", "was a.b.c")]
    backend.answer("GET /v1/a", json={}, headers=echoes)

    response = client.get("/api/proxy/a")

    assert {"Authorization", "X-Access-Token", "X-Echo"} & set(response.headers.keys()) == set()


@pytest.mark.parametrize(
    "name", ["CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control", "Edge-Control"]
)
def test_no_cache_in_front_is_told_otherwise(client, backend, name):
    """RFC 9213: these outrank Cache-Control."""
    backend.answer("GET /v1/a", json={}, headers=[(name, "public, max-age=600")])

    assert name not in client.get("/api/proxy/a").headers


def test_events_are_neither_compressed_nor_buffered_on_the_way(client, backend):
    """Next's server and nginx would hold them back until the end."""
    backend.answer("GET /v1/a", body=b"data: 1\n\n", headers=[("Content-Type", "text/event-stream;charset=utf-8")])

    response = client.get("/api/proxy/a")

    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_an_options_that_may_go_no_further_is_ours(client, backend):
    """RFC 9110 §7.6.2."""
    response = client.options("/api/proxy/a", headers={"Max-Forwards": "0"})

    assert (response.status_code, backend.requests) == (204, [])


def test_a_transfer_coding_that_would_be_lost_is_refused(client, backend):
    """We send chunks, and no other coding."""
    response = client.post("/api/proxy/a", headers={"Transfer-Encoding": "gzip, chunked"})

    assert (response.status_code, backend.requests) == (400, [])


def test_a_failure_of_the_network_is_ours(client, backend):
    """Before the first byte there is still an answer to give."""
    backend.answer_bytes("GET /v1/a", b"garbage\r\n\r\n")

    response = client.get("/api/proxy/a")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (502, "backend_invalid")


def test_beyond_its_slots_it_answers_at_once(client, backend):
    """Three of four threads may stream; the fourth is the other routes'."""
    backend.answer("GET /v1/a", json={})
    open_streams = [client.get("/api/proxy/a", buffered=False) for _ in range(3)]

    refused = client.get("/api/proxy/a")
    open_streams[0].close()
    taken = client.get("/api/proxy/a")

    assert (refused.status_code, refused.headers["X-BFF-Error"]) == (503, "saturated")
    assert refused.headers["Retry-After"] == "1"
    assert taken.status_code == 200
    for stream in open_streams[1:]:
        stream.close()


def test_what_fails_gives_its_slot_back(client, backend):
    """Else the route would die after so many failures."""
    backend.answer_bytes("GET /v1/a", b"")

    statuses = {client.get("/api/proxy/a").status_code for _ in range(5)}

    assert statuses == {502}


@pytest.mark.parametrize(
    ("dest", "kept"), [("document", "no-store"), ("empty", "private, max-age=60"), (None, "private, max-age=60")]
)
def test_a_reply_that_is_opened_as_a_page_is_not_kept(client, backend, dest, kept):
    """In a browser it would be there after logout, behind the back button: sandboxed, no Clear-Site-Data reaches it."""
    backend.answer("GET /v1/a", json={}, headers=[("Cache-Control", "private, max-age=60")])

    response = client.get("/api/proxy/a", headers={"Sec-Fetch-Dest": dest} if dest else {})

    assert response.headers.getlist("Cache-Control") == [kept]
    assert "Sec-Fetch-Dest" in response.headers.getlist("Vary")
