"""The headers that every answer carries, and who may call from another origin."""

from dataclasses import replace

import pytest

from app import create_app
from setting_types import ProxyRule, Secret
from tests.proxy.api.endpoints import ENDPOINTS

PAGE = "https://app.example.com"


@pytest.fixture
def browser(settings):
    return create_app(replace(settings, cors_origins=(PAGE,))).test_client()


@pytest.mark.parametrize("path", ["/api/auth/session", "/api/vehicles", "/api/nope", "/healthz"])
def test_no_answer_is_stored_or_guessed_at(anonymous, path):
    """Answers are per user (RFC 9111 §5.2.2.5), and are JSON whatever they look like."""
    response = anonymous.get(path)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/auth/session", "/api/vehicles", "/api/nope", "/healthz", "/api/proxy/x"])
def test_no_answer_is_shown_embedded_or_run_elsewhere(settings, backend, path):
    """OWASP ASVS 5.0, 3.4.3 to 3.4.6 and 3.5.8; each field once, whatever the backend says."""
    backend.answer("GET /x", headers=[("Referrer-Policy", "unsafe-url"), ("X-Frame-Options", "ALLOWALL")])
    app = create_app(replace(settings, proxy_allow=(ProxyRule(None, "*"),), proxy_base_url=settings.api_base_url))
    browser = app.test_client()
    browser.set_cookie("token", "a.b.c")

    fields = browser.get(path).headers

    assert fields.getlist("Referrer-Policy") == ["no-referrer"]
    assert fields.getlist("X-Frame-Options") == ["DENY"]
    assert fields.getlist("Cross-Origin-Resource-Policy") == ["same-origin"]
    assert fields.getlist("Content-Security-Policy") == [
        "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ]
    assert len(fields.getlist("Cache-Control")) == 1


@pytest.mark.parametrize(
    ("app_env", "hops", "told", "is_said"),
    [
        ("production", 1, "https", True),
        ("production", 1, "http", False),
        ("production", 0, "https", False),
        ("testing", 1, "https", False),
    ],
)
def test_over_tls_browsers_are_told_to_stay_there(settings, app_env, hops, told, is_said):
    """RFC 6797 §7.2: not over plain http. A year (OWASP ASVS 5.0, 3.4.1)."""
    app = create_app(replace(settings, app_env=app_env, trusted_proxies=hops))

    response = app.test_client().get("/api/auth/session", headers={"X-Forwarded-Proto": told})

    assert response.headers.get("Strict-Transport-Security") == ("max-age=31536000" if is_said else None)


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/auth/session"), ("GET", "/api/vehicles"), ("GET", "/nope")])
def test_a_page_of_a_configured_origin_may_read_every_answer(browser, method, path):
    """With credentials, errors included: else a page could not tell a 401 from a broken network."""
    response = browser.open(path, method=method, headers={"Origin": PAGE})

    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "X-BFF-Error" in response.headers["Access-Control-Expose-Headers"]
    assert "Origin" in response.vary


def test_what_a_backend_says_its_answer_varies_by_is_not_lost(settings, backend):
    """A cache in front must know of both (RFC 9110 §12.5.5)."""
    backend.answer("GET /x", json=[], headers=[("Vary", "Accept-Language")])
    app = create_app(replace(settings, proxy_allow=(ProxyRule(None, "*"),), proxy_base_url=settings.api_base_url))
    browser = app.test_client()
    browser.set_cookie("token", "a.b.c")

    assert {"Accept-Language", "Origin, Sec-Fetch-Site"} <= set(browser.get("/api/proxy/x").headers.getlist("Vary"))


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
def test_it_may_read_what_the_backend_says_too_and_not_by_the_backends_leave(browser, backend, status):
    """Once each, ours; a backend's own CORS fields would be a second opinion, and browsers take none then."""
    theirs = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "false"), ("Retry-After", "7")]
    backend.answer("GET /api/vehicles", status, json={"error": "x"}, headers=theirs)
    browser.set_cookie("token", "a.b.c")

    response = browser.get("/api/vehicles", headers={"Origin": PAGE})

    assert response.status_code == status
    assert response.headers.getlist("Access-Control-Allow-Origin") == [PAGE]
    assert response.headers.getlist("Access-Control-Allow-Credentials") == ["true"]
    assert {"X-Request-ID", "X-BFF-Error", "Retry-After"} <= set(
        response.headers["Access-Control-Expose-Headers"].split(", ")
    )


@pytest.mark.parametrize(
    "origin",
    [
        *["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"],
        *["https://app-example.com", "https://evil.example/https://app.example.com", "HTTPS://APP.EXAMPLE.COM", "*"],
    ],
)
def test_a_page_of_another_origin_may_not(browser, origin):
    """Exact origins only."""
    response = browser.get("/api/auth/session", headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_preflight_is_answered_without_token_or_backend(browser, backend):
    """Fetch §4.8: it carries no cookie."""
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}

    response = browser.options("/api/vehicles/X", headers=preflight)

    assert (response.status_code, response.headers["Access-Control-Max-Age"]) == (200, "600")
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    assert backend.connections == 0


def test_without_cors_origins_nobody_may(anonymous):
    """Same-origin only is the default."""
    response = anonymous.get("/api/auth/session", headers={"Origin": PAGE})

    assert "Access-Control-Allow-Origin" not in response.headers


# Requests of other sites: the rule of Go's CrossOriginProtection, and its table

SAME, OTHER, TRUSTED = "http://localhost", "https://attacker.example", "https://trusted.example"


@pytest.fixture
def guarded(settings):
    return create_app(replace(settings, csrf_trusted_origins=(TRUSTED,))).test_client()


@pytest.mark.parametrize(
    ("method", "site", "origin", "status"),
    [
        ("POST", "same-origin", None, 200),
        ("POST", "none", None, 200),
        ("POST", "cross-site", None, 403),
        ("POST", "same-site", None, 403),
        ("POST", None, None, 200),
        ("POST", None, SAME, 200),
        ("POST", None, OTHER, 403),
        ("POST", None, "null", 403),
        ("GET", "cross-site", None, 405),
        ("HEAD", "cross-site", None, 405),
        ("OPTIONS", "cross-site", None, 200),
        ("PUT", "cross-site", None, 403),
        ("PATCH", "cross-site", OTHER, 403),
        ("DELETE", None, OTHER, 403),
        ("POST", None, TRUSTED, 200),
        ("POST", "cross-site", TRUSTED, 200),
        ("POST", "same-site", TRUSTED, 200),
        ("POST", "cross-site", OTHER, 403),
        ("POST", "same-origin", OTHER, 200),
        ("POST", "anything", SAME, 403),
        ("POST", "", SAME, 200),
        ("POST", "", OTHER, 403),
        ("POST", None, "http://localhost:8080", 403),
        ("POST", None, "http://localhost.attacker.example", 403),
        ("POST", None, "http://attacker-localhost", 403),
        ("POST", None, "https://attacker.example/://localhost", 403),
        ("POST", None, f"{TRUSTED}.attacker.example", 403),
        ("POST", None, f"{TRUSTED}/", 403),
        ("POST", None, "", 200),
        ("POST", None, "http://[", 403),
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(guarded, backend, method, site, origin, status):
    """On logout, which needs neither token nor backend; a safe method passes with a cookie that is SameSite=Strict."""
    fields = {"Sec-Fetch-Site": site, "Origin": origin}

    response = guarded.open(
        "/api/auth/logout", method=method, headers={name: value for name, value in fields.items() if value is not None}
    )

    assert response.status_code == status
    assert (response.headers.get("X-BFF-Error") == "cross_site") == (status == 403)
    assert "Origin, Sec-Fetch-Site" in response.headers.getlist("Vary")


@pytest.mark.parametrize("site", ["cross-site", None])
@pytest.mark.parametrize(
    "path",
    [
        *["/api/auth/logout", "/api/auth/logout/", "/api/auth/login", "/api/bypass/", "/api/", "/api", "/bypass"],
        *["/api/foo/../auth/logout", "/api/auth/../auth/logout", "/foo/../bypass/bar", "/healthz/../api/auth/logout"],
        *["/only/123", "/only/123/foo", "/no-trailing", "/no-trailing/", "/yes-trailing/", "/post-only/", "/put-only/"],
        *["/api/auth/logout;x", "/api/auth%2Flogout", "/API/auth/logout", "//healthz", "/api/proxy/x"],
    ],
)
def test_no_path_is_exempt_however_it_is_written(guarded, backend, path, site):
    """Rows 17 to 33 of Go's table are about exempt paths; here an exact origin alone is (CVE-2025-47910)."""
    fields = {"Origin": OTHER} | ({"Sec-Fetch-Site": site} if site else {})

    response = guarded.post("/", headers=fields, environ_overrides={"RAW_URI": path, "REQUEST_URI": path})

    assert (response.status_code, response.headers["X-BFF-Error"]) == (403, "cross_site")
    assert backend.requests == []


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.method != "GET"], ids=lambda e: f"{e.number}")
def test_every_endpoint_that_changes_something_is_guarded(guarded, backend, endpoint):
    """Login and logout included, and before the token is looked for."""
    response = guarded.open(endpoint.path.format("x"), method=endpoint.method, headers={"Sec-Fetch-Site": "same-site"})

    assert (response.status_code, response.json) == (403, {"error": "Solicitud de otro sitio rechazada"})
    assert backend.connections == 0


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 401), (None, 401)]
)
@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/x"])
def test_with_a_lax_cookie_safe_methods_are_asked_too(settings, path, site, status):
    """A link on another site carries next-auth's cookie."""
    nextauth = replace(
        settings,
        token_source="nextauth",
        auth_secrets=(Secret("s" * 32),),
        proxy_allow=(ProxyRule(None, "*"),),
        proxy_base_url=settings.api_base_url,
    )

    response = create_app(nextauth).test_client().get(path, headers={"Sec-Fetch-Site": site} if site else {})

    assert response.status_code == status


@pytest.mark.parametrize("target", ["//api/auth/logout", "///api/auth/logout", "http://localhost/api/auth/logout"])
def test_no_other_way_to_write_a_path_gets_past(guarded, target):
    """What was matched is what is guarded, however it was written (CVE-2025-47910 was a check of another path)."""
    raw = {"REQUEST_URI": target, "RAW_URI": target}

    response = guarded.post("/", headers={"Sec-Fetch-Site": "cross-site"}, environ_overrides=raw)

    assert response.headers["X-BFF-Error"] == "cross_site"


@pytest.mark.parametrize(("same_site", "status"), [("Strict", 200), ("Lax", 403)])
def test_our_own_cookie_may_be_lax_too(settings, backend, same_site, status):
    """Then a link on another site carries it (RFC 6265bis §5.6.7.2), and safe methods are asked."""
    backend.answer("GET /api/vehicles", json=[])
    browser = create_app(replace(settings, token_cookie_samesite=same_site)).test_client()
    browser.set_cookie("token", "a.b.c")

    response = browser.get("/api/vehicles", headers={"Sec-Fetch-Site": "cross-site"})

    assert (response.status_code, len(backend.requests)) == (status, int(status == 200))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("source", ["cookie", "nextauth"])
def test_the_platform_is_never_refused(settings, path, source):
    """Whatever it sends, and whatever cookie browsers have."""
    app = create_app(replace(settings, token_source=source, auth_secrets=(Secret("s" * 32),)))

    response = app.test_client().get(path, headers={"Sec-Fetch-Site": "cross-site", "Origin": OTHER})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("site", "origin", "detail"),
    [("same-site", SAME, "Sec-Fetch-Site says so"), (None, OTHER, "Origin is not our host")],
)
def test_a_refusal_says_who_asked_and_which_field_told(guarded, events, site, origin, detail):
    """An attack, or a page of ours that is not trusted yet."""
    guarded.post("/api/auth/logout", headers={"Origin": origin} | ({"Sec-Fetch-Site": site} if site else {}))

    [refused, request] = events
    assert refused == {
        "event": "cross_site_refused",
        "log_level": "warning",
        "site": site,
        "origin": origin,
        "host": "localhost",
        "client": "127.0.0.1",
        "request_id": request["request_id"],
    }
    assert (request["code"], request["detail"]) == ("cross_site", detail)


def test_our_host_is_the_public_one_as_far_as_proxies_are_trusted(settings):
    """Behind one that ends TLS, the browser's Origin names the host that it sees."""
    forwarded = {"Origin": "https://app.example.com", "X-Forwarded-Host": "app.example.com"}
    trusting = create_app(replace(settings, trusted_proxies=1)).test_client()

    believed = trusting.post("/api/auth/logout", headers=forwarded)
    forged = create_app(settings).test_client().post("/api/auth/logout", headers=forwarded)

    assert (believed.status_code, forged.status_code) == (200, 403)
