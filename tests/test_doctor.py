"""`make doctor`: what it finds, what it does not take for a fault, and what it never prints."""

import base64
import gc
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

import config
import doctor
from config import Settings
from doctor import Answer, Finding
from setting_types import ProxyRule, Secret
from tests.backend import Backend
from tests.server import ROOT, free_port
from tests.test_config import UNUSABLE

PRODUCTION = Settings(api_base_url="https://api.example.com", web_concurrency=1)
NEXTAUTH = replace(PRODUCTION, token_source="nextauth", auth_secrets=(Secret("weak"),))
RANDOM_KEY = base64.urlsafe_b64encode(bytes(range(0, 256, 8))).decode()
TYPED_KEY = base64.urlsafe_b64encode(b"correct horse battery staple 123").decode()
ZERO_KEY = "A" * 43 + "="
EVERYTHING = (ProxyRule(None, "*"),)


def summary(findings: Iterable[Finding]) -> list[str]:
    """Level and subject of each."""
    return [f"{finding.level} {finding.subject}" for finding in findings]


def findings_about(subject: str, environ: dict[str, str]) -> list[Finding]:
    return [finding for finding in doctor.diagnose(environ) if finding.subject == subject]


@contextmanager
def listener(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """The port of a server that answers what it receives with what `answer` makes of it."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, suppress(ConnectionError):
            while received := connection.recv(4096):
                connection.sendall(answer(received))

    thread = threading.Thread(target=serve)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=5)


# Settings alone


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_cookie_name": "__Host-token"}, ["ok TOKEN_COOKIE_NAME"]),
        ({"token_cookie_name": "__Host-Http-token"}, ["ok TOKEN_COOKIE_NAME"]),
        ({}, ["warn TOKEN_COOKIE_NAME"]),
        ({"token_cookie_name": "__Secure-token"}, ["warn TOKEN_COOKIE_NAME"]),
        ({"token_cookie_secure": False}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_SECURE"]),
        ({"token_cookie_domain": "example.com"}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_DOMAIN"]),
        ({"token_cookie_max_age": 30 * 86_400}, ["warn TOKEN_COOKIE_NAME"]),
        ({"token_cookie_max_age": 31 * 86_400}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_MAX_AGE"]),
    ],
)
def test_the_attributes_of_the_token_cookie(changes, expected):
    """OAuth 2.0 for Browser-Based Applications, §6.1.3.2."""
    assert summary(doctor.check_cookie(replace(PRODUCTION, **changes))) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], "warn TOKEN_COOKIE_KEYS"),
        ([RANDOM_KEY], "ok TOKEN_COOKIE_KEYS"),
        ([RANDOM_KEY, ZERO_KEY], "wrong TOKEN_COOKIE_KEYS"),
        ([TYPED_KEY], "wrong TOKEN_COOKIE_KEYS"),
    ],
)
def test_a_key_that_was_typed_is_no_secret(keys, expected):
    """Of 32 drawn bytes, half are no ASCII, and hardly any two are the same."""
    settings = replace(PRODUCTION, token_cookie_keys=tuple(map(Secret, keys)))

    assert summary(doctor.check_keys(settings)) == [expected]


def test_with_next_auth_there_is_no_cookie_of_ours():
    """Login and logout answer 404."""
    assert [*doctor.check_cookie(NEXTAUTH), *doctor.check_keys(NEXTAUTH)] == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (PRODUCTION, []),
        (replace(PRODUCTION, auth_secrets=(Secret("x"),)), ["warn TOKEN_SOURCE"]),
        (NEXTAUTH, ["ok TOKEN_SOURCE"]),
        (replace(NEXTAUTH, nextauth_cookie_name="__Secure-session"), ["ok TOKEN_SOURCE"]),
        (replace(NEXTAUTH, nextauth_cookie_name="session"), ["ok TOKEN_SOURCE", "warn NEXTAUTH_COOKIE_NAME"]),
        (replace(NEXTAUTH, nextauth_cookie_name="session", app_env="testing"), ["ok TOKEN_SOURCE"]),
    ],
)
def test_the_session_of_next_auth(settings, expected):
    """A secret without TOKEN_SOURCE=nextauth is half of a configuration."""
    assert summary(doctor.check_nextauth(settings)) == expected


@pytest.mark.parametrize(
    ("cors", "csrf", "expected"),
    [
        ([], [], ["ok CORS_ORIGINS"]),
        (["https://a.example.com"], ["https://a.example.com", "https://b.example.com"], []),
        (["http://localhost:3000", "http://127.0.0.1", "http://[::1]:3000"], None, []),
        (["http://a.example.com"], None, ["warn CORS_ORIGINS"]),
        ([], ["http://a.example.com"], ["ok CORS_ORIGINS", "warn CORS_ORIGINS"]),
        (["https://a.example.com"], [], ["warn CSRF_TRUSTED_ORIGINS"]),
    ],
)
def test_the_origins_that_may_call(cors, csrf, expected):
    """A page that came over http may be anybody's."""
    trusted = tuple(cors if csrf is None else csrf)
    settings = replace(PRODUCTION, cors_origins=tuple(cors), csrf_trusted_origins=trusted)

    assert summary(doctor.check_origins(settings)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"token_cookie_samesite": "None"}, ["warn TOKEN_COOKIE_SAMESITE"]),
        ({"token_cookie_samesite": "None", "cors_origins": ("https://a.com", "https://b.com")}, []),
        ({"cors_origins": ("https://a.com", "https://b.com")}, ["warn CORS_ORIGINS"]),
        ({"cors_origins": ("https://app.a.com", "https://www.a.com")}, ["ok CORS_ORIGINS"]),
        ({"cors_origins": ("https://app.a.com.mx", "https://b.com.mx")}, ["warn CORS_ORIGINS"]),
        ({"cors_origins": ("https://app.a.com",), "token_cookie_domain": ".a.com"}, []),
        ({"cors_origins": ("https://app.a.com",), "token_cookie_domain": "b.com"}, ["warn CORS_ORIGINS"]),
        ({"cors_origins": ("http://localhost:3000",)}, []),
        ({"cors_origins": ("https://10.0.0.1", "https://10.1.0.1")}, ["warn CORS_ORIGINS"]),
        ({"cors_origins": ("https://com.mx", "https://intranet")}, ["warn CORS_ORIGINS"]),
    ],
)
def test_a_page_of_another_site_does_not_send_the_cookie(changes, expected):
    """SameSite; two hosts are one site when their registrable domain is the same."""
    assert summary(doctor.check_sites(replace(PRODUCTION, **changes))) == expected


def test_the_session_of_next_auth_is_lax():
    """Whatever TOKEN_COOKIE_SAMESITE says."""
    settings = replace(NEXTAUTH, token_cookie_samesite="None", cors_origins=("https://a.com", "https://b.com"))

    [finding] = doctor.check_sites(settings)

    assert "SameSite=Lax" in finding.text


@pytest.mark.parametrize(
    ("hops", "platform", "level"),
    [(0, "", "ok"), (0, "DYNO", "warn"), (1, "DYNO", "ok"), (3, "", "ok"), (4, "", "warn")],
)
def test_behind_a_platform_s_router_there_is_a_proxy(hops, platform, level):
    """Else all users have one address."""
    findings = doctor.check_proxies(replace(PRODUCTION, trusted_proxies=hops), platform)

    assert summary(findings) == [f"{level} TRUSTED_PROXIES"]


@pytest.mark.parametrize(
    ("changes", "platform", "expected"),
    [
        ({}, "DYNO", []),
        ({"request_deadline": 30.0}, "RENDER", []),
        ({"request_deadline": 30.0}, "DYNO", ["warn REQUEST_DEADLINE"]),
        ({"connect_timeout": 26.0}, "", ["warn CONNECT_TIMEOUT"]),
        ({"read_timeout": 26.0}, "", ["warn READ_TIMEOUT"]),
        ({"read_timeout": 26.0, "proxy_allow": EVERYTHING}, "", []),
    ],
)
def test_a_timeout_that_cannot_matter(changes, platform, expected):
    """The deadline ends the exchange first; a body streamed through /api/proxy/* has none."""
    assert summary(doctor.check_timeouts(replace(PRODUCTION, **changes), platform)) == expected


@pytest.mark.parametrize(
    ("rules", "level"),
    [
        ([], "ok"),
        ([ProxyRule(None, "Items/*")], "ok"),
        ([ProxyRule(None, "*")], "warn"),
        ([ProxyRule(frozenset({"GET", "HEAD"}), "*")], "warn"),
    ],
)
def test_the_whole_backend_is_a_long_allow_list(rules, level):
    """The BCP asks for "explicitly permitted hosts and paths"."""
    findings = doctor.check_passthrough(replace(PRODUCTION, proxy_allow=tuple(rules)))

    assert summary(findings) == [f"{level} PROXY_ALLOW"]


@pytest.mark.parametrize(("token", "level"), [(None, "ok"), ("s3cret", "warn"), (RANDOM_KEY, "ok")])
def test_the_metrics_token(token, level):
    """None is fine: the page is a 404 then."""
    findings = doctor.check_metrics(replace(PRODUCTION, metrics_token=token and Secret(token)))

    assert summary(findings) == [f"{level} METRICS_TOKEN"]


@pytest.mark.parametrize(
    ("app_env", "platform", "level"),
    [
        ("production", "DYNO", "ok"),
        ("development", "", "ok"),
        ("development", "DYNO", "warn"),
        ("testing", "RENDER", "warn"),
    ],
)
def test_a_server_runs_in_production(app_env, platform, level):
    """What a platform runs is no developer's machine."""
    assert summary(doctor.check_stage(replace(PRODUCTION, app_env=app_env), platform)) == [f"{level} APP_ENV"]


# Names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TOKEN_COOKIE_KEY", "TOKEN_COOKIE_KEYS"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("API_BASEURL", "API_BASE_URL"),
        ("api_base_url", "API_BASE_URL"),
        ("CONNECTION_TIMEOUT", "CONNECT_TIMEOUT"),
        ("AUTH_SECRET_4", "AUTH_SECRET_3"),
    ],
)
def test_a_name_that_is_nearly_ours_is_named(name, meant):
    """A misspelt variable is silence otherwise."""
    assert list(doctor.check_names({name: "canary"})) == [Finding("warn", name, f"is not read; {meant} is")]


def test_other_names_are_left_alone():
    """What is set on developers' machines, by platforms, and for the front end."""
    names = (
        "PATH HOME PWD USER LANG TERM SHELL SHLVL _ HOSTNAME EDITOR PYTHONPATH VIRTUAL_ENV HTTPS_PROXY NO_PROXY "
        "http_proxy REQUESTS_CA_BUNDLE SSL_CERT_FILE DATABASE_URL REDIS_URL SECRET_KEY NODE_ENV FLASK_APP FLASK_ENV "
        "NEXTAUTH_URL NEXT_PUBLIC_API_BASE_URL AUTH_URL AUTH_TRUST_HOST DYNO RENDER RENDER_SERVICE_NAME SSH_AUTH_SOCK "
        "RAILWAY_ENVIRONMENT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT GUNICORN_CMD_ARGS PROMETHEUS_MULTIPROC_DIR"
    ).split()

    assert list(doctor.check_names(dict.fromkeys([*names, "AUTH_SECRET", "NEXTAUTH_SECRET", "PORT"], "x"))) == []


# The backend


@pytest.mark.parametrize(
    ("status", "headers", "level", "words"),
    [
        (200, {"Content-Type": "application/json"}, "ok", "answers (200, 12 ms, TLS 1.3)"),
        (404, {"Content-Type": "text/html"}, "ok", "404"),
        (401, {}, "ok", "401"),
        (501, {}, "ok", "501"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, "warn", "web page"),
        (301, {"Location": "https://canary@example.com"}, "warn", "redirects (301)"),
        (503, {}, "warn", "503"),
        (404, {"X-BFF-Error": "not_found"}, "wrong", "is a BFF"),
    ],
)
def test_what_a_backend_s_answer_means(status, headers, level, words):
    """Express answers an unknown path with a page of 404; a page of 200 is somebody else's."""
    finding = doctor.judge("API_BASE_URL", "https://x", Answer(status, headers, "192.0.2.1", "TLSv1.3", 0.012))

    assert finding.level == level
    assert words in finding.text
    assert "canary" not in finding.text


def test_a_bff_is_known_by_its_answer(anonymous):
    """By the header that the backend's answers never have."""
    assert "X-BFF-Error" in anonymous.head("/").headers


def test_a_backend_that_answers(backend):
    """The whole way, with a prefix; one exchange below it."""
    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": f"{backend.url}/v1/", "PORT": str(free_port())})

    assert finding.level == "ok"
    assert [f"{request.method} {request.target}" for request in backend.requests] == ["HEAD /v1/"]
    assert backend.last.headers["Authorization"] is None


def test_the_backend_behind_the_proxy_is_asked_too(backend):
    """When it is another, and anything can reach it."""
    environ = {"API_BASE_URL": backend.url, "PROXY_BASE_URL": f"{backend.url}/x", "PORT": str(free_port())}

    assert findings_about("PROXY_BASE_URL", environ) == []
    assert summary(findings_about("PROXY_BASE_URL", {**environ, "PROXY_ALLOW": "Items/*"})) == ["ok PROXY_BASE_URL"]


def test_plain_http_within_a_private_network_is_fine(backend):
    """Loopback is one."""
    assert summary(findings_about("API_BASE_URL", {"API_BASE_URL": backend.url})) == ["ok API_BASE_URL"]


@pytest.mark.parametrize(
    ("url", "peer", "app_env", "is_told"),
    [
        ("http://api.example.com", "8.8.8.8", "production", True),
        ("http://api.example.com", "2600::1", "production", True),
        ("http://api.example.com", "8.8.8.8", "testing", False),
        ("http://api.example.com", "10.1.2.3", "production", False),
        ("http://api.example.com", "100.64.0.1", "production", False),
        ("http://api.example.com", "fd12::1", "production", False),
        ("http://api.example.com", "fe80::1%eth0", "production", False),
        ("https://api.example.com", "8.8.8.8", "production", False),
    ],
)
def test_plain_http_over_the_internet_is_not(url, peer, app_env, is_told):
    """Every token would be read on the way."""
    answer = Answer(200, {}, peer, "", 0.01)

    findings = list(doctor.check_encryption("API_BASE_URL", url, answer, replace(PRODUCTION, app_env=app_env)))

    assert summary(findings) == ["warn API_BASE_URL"] * is_told


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "0.0.0.0"])
def test_the_backend_is_not_this_service(host):
    """Each request would call itself until no thread is left."""
    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": f"http://{host}:8000"})

    assert finding.level == "wrong"
    assert "is this service itself" in finding.text


def test_a_backend_that_is_not_there():
    """A closed port."""
    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": f"http://127.0.0.1:{free_port()}"})

    assert finding.level == "wrong"
    assert "refuses the connection" in finding.text


def test_a_name_that_does_not_resolve():
    """RFC 6761 §6.4: `invalid` never does."""
    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": "http://backend.invalid"})

    assert finding.level == "wrong"
    assert "does not resolve" in finding.text


@pytest.mark.parametrize(
    ("reply", "words"),
    [(b"SSH-2.0-canary\r\n", "not HTTP"), (b"", "without an answer"), (None, "does not answer in time")],
)
def test_something_else_at_the_backend_s_port(backend, reply, words):
    """Each way of not being a backend has its own words, none of them the stranger's."""
    still = threading.Event()
    backend.script("HEAD /", lambda _: still.wait() and None)
    if reply is not None:
        backend.answer_bytes("HEAD /", reply)

    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": backend.url, "READ_TIMEOUT": "0.1"})
    still.set()

    assert finding.level == "wrong"
    assert words in finding.text
    assert "canary" not in finding.text


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_backend(authority: trustme.CA) -> Iterator[Backend]:
    """A backend for `localhost`, whose certificate `authority` issued."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context) as backend:
        yield backend


def test_a_private_authority_is_trusted_when_configured(tls_backend, authority, tmp_path: Path):
    """BACKEND_CA_BUNDLE."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    environ = {"API_BASE_URL": tls_backend.url, "BACKEND_CA_BUNDLE": str(tmp_path / "ca.pem")}

    [finding] = findings_about("API_BASE_URL", environ)

    assert finding.level == "ok"
    assert "TLS 1.3" in finding.text


def test_an_unknown_authority_is_not(tls_backend):
    """With the remedy."""
    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": tls_backend.url})

    assert finding.level == "wrong"
    assert "not trusted" in finding.text
    assert "BACKEND_CA_BUNDLE" in finding.text


def test_a_certificate_for_another_name_is_not(tls_backend, authority, tmp_path: Path):
    """The name it lacks is told."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    url = tls_backend.url.replace("localhost", "127.0.0.1")

    [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": url, "BACKEND_CA_BUNDLE": str(tmp_path / "ca.pem")})

    assert finding.level == "wrong"
    assert "127.0.0.1" in finding.text.partition("(")[2]


def test_https_where_there_is_none():
    """The other way round a server answers 400, or nothing."""
    with listener(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        [finding] = findings_about("API_BASE_URL", {"API_BASE_URL": f"https://localhost:{port}"})

    assert finding.level == "wrong"
    assert "http://" in finding.text


def test_nothing_waits_for_ever():
    """Looking a name up may hang, where no time-out of ours reaches."""
    still = threading.Event()

    with pytest.raises(TimeoutError):
        doctor.in_time(still.wait, 0.01)
    still.set()


# Port and storage


def test_a_port_that_is_taken_may_be_ours():
    """A warning: the doctor also visits while the service runs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        findings = list(doctor.check_port(replace(PRODUCTION, port=taken.getsockname()[1])))

    assert summary(findings) == ["warn PORT"]


def test_a_port_that_is_free():
    """And stays free: the probe lets go of it."""
    settings = replace(PRODUCTION, port=free_port())

    assert summary([*doctor.check_port(settings), *doctor.check_port(settings)]) == ["ok PORT", "ok PORT"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"web_concurrency": 2}, ["warn RATELIMIT_STORAGE_URI"]),
        ({"web_concurrency": 2, "app_env": "development"}, []),
    ],
)
def test_memory_counts_for_one_process(changes, expected):
    """Two workers let twice as many attempts pass."""
    assert summary(doctor.check_storage(replace(PRODUCTION, **changes))) == expected


def test_a_redis_that_answers():
    """It takes the password, whatever else it is asked for, and answers PING."""

    def answer(commands: bytes) -> bytes:
        return b"".join(b"+PONG\r\n" if b"PING" in one else b"+OK\r\n" for one in commands.split(b"*")[1:])

    with listener(answer) as port:
        uri = Secret(f"redis://:canary@127.0.0.1:{port}/0?protocol=2")
        [finding] = doctor.check_storage(replace(PRODUCTION, ratelimit_storage_uri=uri))
        gc.collect()  # of the client, whose connection is open as long as it lives

    assert finding == Finding("ok", "RATELIMIT_STORAGE_URI", f"redis://127.0.0.1:{port}/0 answers")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("redis://:canary@127.0.0.1:1/0", "redis://127.0.0.1:1/0"),
        ("rediss://user:canary@127.0.0.1:1/0?password=canary", "rediss://127.0.0.1:1/0"),
        ("redis+cluster://:canary@127.0.0.1:1,[::1]:1", "redis+cluster://127.0.0.1:1,[::1]:1"),
        ("redis://:can/ary-canary@127.0.0.1:1/0", "Redis"),
        ("redis://:can?canary@127.0.0.1:1/0", "Redis"),
        ("redis://:can#canary@127.0.0.1:1/0", "Redis"),
        ("redis://:can@canary@127.0.0.1:1/0", "Redis"),
        ("redis://user:canary", "Redis"),
        ("redis://:canary", "Redis"),
        ("redis://127.0.0.1:1/0?x=@canary", "Redis"),
        ("redis://[canary", "Redis"),
    ],
)
def test_a_redis_that_does_not(uri, shown):
    """The service lets every attempt pass then. Of the address, host, port and database are shown, or nothing."""
    [finding] = doctor.check_storage(replace(PRODUCTION, ratelimit_storage_uri=Secret(uri)))

    assert finding.level == "wrong"
    assert finding.text.startswith(f"{shown} does not answer")
    assert "canary" not in finding.text


# Settings that cannot be used


def test_every_setting_that_cannot_be_used_is_told():
    """The service names the first alone."""
    environ = {name: texts[0] for name, texts in UNUSABLE}

    problems = config.problems(environ)

    assert sorted(line.split()[0] for line in problems) == sorted(environ)
    assert summary(doctor.diagnose(environ))[: len(environ)] == [f"wrong {line.split()[0]}" for line in problems]


def test_what_contradicts_another_setting_is_told_too():
    """All of it, once."""
    environ = {
        "TOKEN_COOKIE_NAME": "__Host-t",
        "TOKEN_COOKIE_SECURE": "no",
        "TOKEN_COOKIE_DOMAIN": "a.com",
        "PORT": "x",
    }

    problems = config.problems({**environ, "TOKEN_SOURCE": "nextauth"})

    names = ["PORT", "TOKEN_COOKIE_SECURE", "TOKEN_COOKIE_DOMAIN", "NEXTAUTH_SECRET", "API_BASE_URL"]
    assert [line.split()[0] for line in problems] == names


def test_an_address_that_cannot_be_used_is_not_missing_too():
    """One line for one variable."""
    assert len(config.problems({"API_BASE_URL": "canary"})) == 1
    assert config.problems({"API_BASE_URL": "https://api.example.com"}) == []


@pytest.mark.parametrize("name", [name for name, _ in UNUSABLE])
@pytest.mark.parametrize("app_env", ["production", "development"])
def test_one_unusable_setting_leaves_the_other_checks(backend, app_env, name):
    """What needs it is not judged by its default."""
    usable = {"APP_ENV": app_env, "API_BASE_URL": backend.url, "PORT": str(free_port())}

    findings = list(doctor.diagnose({**usable, name: "canary..\u00a7 x"}))

    assert summary(findings).count(f"wrong {name}") == 1
    assert [finding for finding in findings if finding.subject == name and finding.level != "wrong"] == []
    assert [finding for finding in findings if "canary" in finding.text] == []
    assert "ok" in {finding.level for finding in findings}


@pytest.mark.parametrize(
    "environ",
    [
        {"TOKEN_SOURCE": "nextauth"},
        {"TOKEN_SOURCE": "nextauth", "AUTH_SECRET_1": "weak"},
        {"APP_ENV": "testing", "TOKEN_COOKIE_NAME": "__Host-token"},
        {"APP_ENV": "development", "TOKEN_COOKIE_SAMESITE": "None"},
    ],
)
def test_what_is_missing_leaves_the_other_checks(environ):
    """There is no backend either; the port can be tried all the same."""
    findings = list(doctor.diagnose({"PORT": str(free_port()), **environ}))

    assert findings[0].level == "wrong"
    assert "ok PORT" in summary(findings)


# The command


def run(environ: dict[str, str], folder: Path) -> tuple[int, list[str]]:
    """The exit status, and the lines printed on either stream."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "doctor.py")],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
    )
    return result.returncode, result.stdout.splitlines()


def test_warnings_are_no_failure(backend, tmp_path):
    """Exit 0, and a last line that counts; a `.env` file is for development."""
    (tmp_path / ".env").write_text("TOKEN_COOKIE_NAME=from-file\n")
    environ = {"API_BASE_URL": backend.url, "PORT": str(free_port()), "DYNO": "web.1", "WEB_CONCURRENCY": "1"}

    status, lines = run(environ, tmp_path)

    assert status == 0
    assert lines[0] == "ok    settings               every value can be used"
    assert lines[-1] == "3 warnings, nothing is wrong"
    assert [line.split()[1] for line in lines if line.startswith("warn")] == [
        "TOKEN_COOKIE_NAME",
        "TOKEN_COOKIE_KEYS",
        "TRUSTED_PROXIES",
    ]
    assert not any("from-file" in line for line in lines)


def test_what_is_wrong_fails_and_no_secret_is_printed(tmp_path):
    """Canaries in every secret; those that cannot be used, in a `.env` file too."""
    (tmp_path / ".env").write_text("API_BASE_URL=https://user:canary@api.example.com\nTOKEN_COOKIE_KEY=canary\n")
    key = base64.urlsafe_b64encode(b"canary-canary-canary-canary-cana").decode()
    environ = {
        "APP_ENV": "development",
        "TOKEN_SOURCE": "nextauth",
        "NEXTAUTH_SECRET": "canary",
        "AUTH_SECRET_4": "canary",
        "TOKEN_COOKIE_KEYS": f"{key},canary",
        "METRICS_TOKEN": "canary canary",
        "RATELIMIT_STORAGE_URI": f"redis://canary:canary@127.0.0.1:{free_port()}/0",
    }

    status, lines = run(environ, tmp_path)

    assert status == 1
    assert [line.split()[1] for line in lines if line.startswith("wrong")] == [
        "API_BASE_URL",
        "TOKEN_COOKIE_KEYS",
        "METRICS_TOKEN",
        "RATELIMIT_STORAGE_URI",
    ]
    assert lines[-1].startswith("2 warnings, 4 things are wrong; ")
    assert all(line.isascii() for line in lines)
    assert "canary" not in "".join(lines)
    assert key not in "".join(lines)


def test_the_usable_secrets_are_not_printed_either(tmp_path):
    """In production, where each of them is judged."""
    key = base64.urlsafe_b64encode(b"canary-canary-canary-canary-cana").decode()
    environ = {
        "API_BASE_URL": f"http://127.0.0.1:{free_port()}",
        "NEXTAUTH_SECRET": "canary",
        "TOKEN_COOKIE_KEYS": key,
        "METRICS_TOKEN": "canary",
        "RATELIMIT_STORAGE_URI": f"redis://canary:canary@127.0.0.1:{free_port()}/0",
    }

    status, lines = run(environ, tmp_path)

    assert status == 1
    assert lines[-1].endswith("3 things are wrong")
    assert "canary" not in "".join(lines)
    assert key not in "".join(lines)
