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
from checks import diagnose
from checks.access import check_metrics, check_origins, check_passthrough
from checks.backends import Answer, judge
from checks.cookie import check_cookie, check_keys, check_nextauth
from checks.environment import check_names
from checks.findings import Finding
from checks.hosting import check_proxies, check_stage, check_storage
from checks.network import in_time
from config import Settings
from setting_types import ProxyRule, Secret
from tests.backend import Backend
from tests.server import ROOT
from tests.test_config import UNUSABLE

PRODUCTION = Settings(api_base_url="https://api.example.com", web_concurrency=1)
SECRETS = (Secret("weak"),)
NEXTAUTH = {"token_source": "nextauth", "auth_secrets": SECRETS}
RANDOM_KEY = base64.urlsafe_b64encode(bytes(range(0, 256, 8))).decode()
TYPED_KEY = base64.urlsafe_b64encode(b"canary in a coal mine, 32 bytes!").decode()
ZERO_KEY = "A" * 43 + "="


def summary(findings: Iterable[Finding]) -> list[str]:
    """Level and subject of each."""
    return [f"{finding.level} {finding.subject}" for finding in findings]


def finding_about(subject: str, environ: dict[str, str]) -> Finding:
    """The one there is."""
    [finding] = [finding for finding in diagnose(environ) if finding.subject == subject]
    return finding


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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_cookie_name": "__Host-token"}, ["ok TOKEN_COOKIE_NAME"]),
        ({}, ["warn TOKEN_COOKIE_NAME"]),
        ({"token_cookie_name": "__Secure-token"}, ["warn TOKEN_COOKIE_NAME"]),
        ({"token_cookie_secure": False}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_SECURE"]),
        ({"token_cookie_domain": "example.com"}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_DOMAIN"]),
        ({"token_cookie_max_age": 31 * 86_400}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_MAX_AGE"]),
        ({"token_cookie_samesite": "None"}, ["warn TOKEN_COOKIE_NAME", "warn TOKEN_COOKIE_SAMESITE"]),
        ({"token_cookie_samesite": "None", "cors_origins": ("https://a.com",)}, ["warn TOKEN_COOKIE_NAME"]),
    ],
)
def test_the_attributes_of_the_token_cookie(changes, expected):
    """OAuth 2.0 for Browser-Based Applications, §6.1.3.2."""
    assert summary(check_cookie(replace(PRODUCTION, **changes))) == expected


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

    assert summary(check_keys(settings)) == [expected]


@pytest.mark.parametrize(
    ("cors", "csrf", "changes", "expected"),
    [
        ((), (), {}, ["ok CORS_ORIGINS"]),
        (("https://a.com",), ("https://a.com", "https://b.com"), {}, ["ok CORS_ORIGINS"]),
        (("http://localhost:3000", "http://127.1.2.3", "http://[::1]:3000"), None, {}, ["ok CORS_ORIGINS"]),
        (("http://a.com",), None, {}, ["warn CORS_ORIGINS", "ok CORS_ORIGINS"]),
        ((), ("http://a.com",), {}, ["warn CORS_ORIGINS", "ok CORS_ORIGINS"]),
        (("https://a.com",), (), {}, ["warn CSRF_TRUSTED_ORIGINS", "ok CORS_ORIGINS"]),
        (("https://a.com",), None, {"token_cookie_samesite": "None"}, []),
        (("https://a.com",), None, {"token_cookie_samesite": "None", "token_source": "nextauth"}, ["ok CORS_ORIGINS"]),
    ],
)
def test_the_origins_that_may_call(cors, csrf, changes, expected):
    """A page that came over http may be anybody's; next-auth's cookie is Lax, whatever TOKEN_COOKIE_SAMESITE says."""
    trusted = cors if csrf is None else csrf
    settings = replace(PRODUCTION, auth_secrets=SECRETS, cors_origins=cors, csrf_trusted_origins=trusted, **changes)

    assert summary(check_origins(settings)) == expected


@pytest.mark.parametrize(
    ("check", "changes", "expected"),
    [
        (check_nextauth, {}, []),
        (check_nextauth, {"auth_secrets": SECRETS}, ["warn TOKEN_SOURCE"]),
        (check_nextauth, NEXTAUTH, ["ok TOKEN_SOURCE"]),
        (check_cookie, NEXTAUTH, []),
        (check_keys, NEXTAUTH, []),
        (check_passthrough, {}, ["ok PROXY_ALLOW"]),
        (check_passthrough, {"proxy_allow": (ProxyRule(None, "Items/*"),)}, ["ok PROXY_ALLOW"]),
        (check_passthrough, {"proxy_allow": (ProxyRule(frozenset({"GET"}), "*"),)}, ["warn PROXY_ALLOW"]),
        (check_metrics, {}, ["ok METRICS_TOKEN"]),
        (check_metrics, {"metrics_token": Secret("s3cret")}, ["warn METRICS_TOKEN"]),
        (check_metrics, {"metrics_token": Secret(RANDOM_KEY)}, ["ok METRICS_TOKEN"]),
        (check_storage, {}, []),
        (check_storage, {"web_concurrency": 2}, ["warn RATELIMIT_STORAGE_URI"]),
    ],
)
def test_what_is_half_set_or_weak_is_a_warning(check, changes, expected):
    """With next-auth there is no cookie of ours; two processes that count for themselves let twice as much pass."""
    assert summary(check(replace(PRODUCTION, **changes))) == expected


@pytest.mark.parametrize(
    ("check", "changes", "platform", "expected"),
    [
        (check_stage, {}, "DYNO", "ok APP_ENV"),
        (check_stage, {"app_env": "development"}, "", "ok APP_ENV"),
        (check_stage, {"app_env": "development"}, "DYNO", "warn APP_ENV"),
        (check_proxies, {}, "", "ok TRUSTED_PROXIES"),
        (check_proxies, {}, "DYNO", "warn TRUSTED_PROXIES"),
        (check_proxies, {"trusted_proxies": 1}, "DYNO", "ok TRUSTED_PROXIES"),
    ],
)
def test_a_platform_runs_production_behind_a_router(check, changes, platform, expected):
    """It is no developer's machine; and without a trusted proxy all users have one address."""
    assert summary(check(replace(PRODUCTION, **changes), platform)) == [expected]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("TRUSTED_PROXY", "TRUSTED_PROXIES"), ("api_base_url", "API_BASE_URL"), ("AUTH_SECRET_4", "AUTH_SECRET_3")],
)
def test_a_name_that_is_nearly_ours_is_named(name, meant):
    """A misspelt variable is silence otherwise."""
    assert list(check_names({name: "canary"})) == [Finding("warn", name, f"is not read; {meant} is")]


def test_other_names_are_left_alone():
    """What is set on developers' machines, by platforms, and for the front end."""
    names = (
        "PATH HOME USER HOSTNAME HTTPS_PROXY http_proxy SSL_CERT_FILE SECRET_KEY NODE_ENV FLASK_APP DATABASE_URL DYNO "
        "NEXTAUTH_URL NEXT_PUBLIC_API_BASE_URL AUTH_URL AUTH_TRUST_HOST KUBERNETES_SERVICE_PORT GUNICORN_CMD_ARGS"
    ).split()

    assert list(check_names(dict.fromkeys([*names, "AUTH_SECRET", "NEXTAUTH_SECRET", "PORT"], "x"))) == []


@pytest.mark.parametrize(
    ("status", "headers", "level", "words"),
    [
        (200, {"Content-Type": "application/json"}, "ok", "answers (200)"),
        (404, {"Content-Type": "text/html"}, "ok", "404"),
        (501, {}, "ok", "501"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, "warn", "web page"),
        (301, {"Location": "https://canary@example.com"}, "warn", "redirects (301)"),
        (503, {}, "warn", "503"),
        (404, {"X-BFF-Error": "not_found"}, "wrong", "is a BFF"),
    ],
)
def test_what_a_backend_s_answer_means(status, headers, level, words):
    """Express answers an unknown path with a page of 404; a page of 200 is somebody else's."""
    finding = judge("API_BASE_URL", "https://x", Answer(status, headers, "8.8.8.8"))

    assert finding.level == level
    assert words in finding.text
    assert "canary" not in finding.text


@pytest.mark.parametrize(
    ("peer", "level"),
    [("8.8.8.8", "warn"), ("2600::1", "warn"), ("10.1.2.3", "ok"), ("100.64.0.1", "ok"), ("fe80::1%eth0", "ok")],
)
def test_over_the_internet_tokens_are_encrypted(peer, level):
    """Within a private network plain HTTP is fine."""
    assert judge("API_BASE_URL", "http://x", Answer(200, {}, peer)).level == level


def test_a_bff_is_known_by_its_answer(anonymous):
    """By the header that the backend's answers never have."""
    assert "X-BFF-Error" in anonymous.head("/").headers


def test_a_backend_that_answers(backend):
    """The whole way, with a prefix; one exchange below it."""
    finding = finding_about("API_BASE_URL", {"API_BASE_URL": f"{backend.url}/v1/"})

    assert finding.level == "ok"
    assert [f"{request.method} {request.target}" for request in backend.requests] == ["HEAD /v1/"]
    assert backend.last.headers["Authorization"] is None


def test_the_backend_behind_the_proxy_is_asked_too(backend):
    """When it is another, and anything can reach it."""
    environ = {"API_BASE_URL": backend.url, "PROXY_BASE_URL": f"{backend.url}/x"}

    assert not any("PROXY_BASE_URL" in line for line in summary(diagnose(environ)))
    assert "ok PROXY_BASE_URL" in summary(diagnose({**environ, "PROXY_ALLOW": "Items/*"}))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        *[(f"http://{host}:8000", "is this service itself") for host in ("localhost", "127.1.2.3", "[::1]", "0.0.0.0")],
        ("http://backend.invalid:8000", "does not resolve"),  # RFC 6761 §6.4
        ("http://127.0.0.1:1", "refuses the connection"),
    ],
)
def test_an_address_where_no_backend_is(url, words):
    """Asked by this service itself, it would answer each request with another until no thread is left."""
    finding = finding_about("API_BASE_URL", {"API_BASE_URL": url})

    assert finding.level == "wrong"
    assert words in finding.text


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

    finding = finding_about("API_BASE_URL", {"API_BASE_URL": backend.url, "READ_TIMEOUT": "0.1"})
    still.set()

    assert finding.level == "wrong"
    assert words in finding.text
    assert "canary" not in finding.text


@pytest.fixture
def tls_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A backend for `localhost`; its certificate is of the private authority in `ca.pem`, in the current folder."""
    monkeypatch.chdir(tmp_path)
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path("ca.pem")
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context) as backend:
        yield backend


@pytest.mark.parametrize(
    ("host", "changes", "level", "words"),
    [
        ("localhost", {"BACKEND_CA_BUNDLE": "ca.pem"}, "ok", "answers"),
        ("127.0.0.1", {"BACKEND_CA_BUNDLE": "ca.pem"}, "wrong", "'127.0.0.1'"),
        ("localhost", {}, "wrong", "BACKEND_CA_BUNDLE"),
    ],
)
def test_the_backend_s_certificate_is_judged(tls_backend, host, changes, level, words):
    """A private authority is trusted when configured; what a certificate lacks is told."""
    finding = finding_about("API_BASE_URL", {"API_BASE_URL": tls_backend.url.replace("localhost", host), **changes})

    assert finding.level == level
    assert words in finding.text


def test_https_where_there_is_none():
    """The other way round a server answers 400, or nothing."""
    with listener(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        finding = finding_about("API_BASE_URL", {"API_BASE_URL": f"https://localhost:{port}"})

    assert finding.level == "wrong"
    assert "does not speak TLS" in finding.text


def test_nothing_waits_for_ever():
    """Looking a name up may hang, where no time-out of ours reaches."""
    still = threading.Event()

    with pytest.raises(TimeoutError):
        in_time(still.wait, 0.01)
    still.set()


def test_a_redis_that_answers():
    """It takes the password, whatever else it is asked for, and answers PING."""

    def answer(commands: bytes) -> bytes:
        return b"".join(b"+PONG\r\n" if b"PING" in one else b"+OK\r\n" for one in commands.split(b"*")[1:])

    with listener(answer) as port:
        uri = Secret(f"redis://:canary@127.0.0.1:{port}/0?protocol=2")
        [finding] = check_storage(replace(PRODUCTION, ratelimit_storage_uri=uri))
        gc.collect()  # of the client, whose connection is open as long as it lives

    assert finding == Finding("ok", "RATELIMIT_STORAGE_URI", "Redis answers")


@pytest.mark.parametrize("uri", ["redis://:canary@127.0.0.1:1/0", "redis://:can/ary@127.0.0.1:1", "redis://[canary"])
def test_a_redis_that_does_not(uri):
    """The service lets every attempt pass then."""
    [finding] = check_storage(replace(PRODUCTION, ratelimit_storage_uri=Secret(uri)))

    assert finding.level == "wrong"
    assert "canary" not in finding.text


def test_every_setting_that_cannot_be_used_is_told():
    """The service names the first alone."""
    environ = {name: texts[0] for name, texts in UNUSABLE}

    problems = config.problems(environ)

    assert sorted(line.split()[0] for line in problems) == sorted(environ)
    assert summary(diagnose(environ))[: len(environ)] == [f"wrong {line.split()[0]}" for line in problems]


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"API_BASE_URL": "http://127.0.0.1:1", "AUTH_SECRET": RANDOM_KEY}, []),
        ({"API_BASE_URL": "canary", "AUTH_SECRET": RANDOM_KEY}, ["API_BASE_URL"]),
        ({"PORT": "x", "AUTH_SECRET_1": "weak"}, ["PORT", "AUTH_SECRET_1", "API_BASE_URL"]),
        ({"APP_ENV": "development", "TOKEN_COOKIE_SAMESITE": "None"}, ["TOKEN_COOKIE_SECURE", "NEXTAUTH_SECRET"]),
        (
            {"TOKEN_COOKIE_NAME": "__Host-t", "TOKEN_COOKIE_SECURE": "no", "TOKEN_COOKIE_DOMAIN": "a.com"},
            ["TOKEN_COOKIE_SECURE", "TOKEN_COOKIE_DOMAIN", "NEXTAUTH_SECRET", "API_BASE_URL"],
        ),
    ],
)
def test_what_is_missing_or_contradicts_another_setting_is_told_too(environ, names):
    """All of it, once; and the rest is checked."""
    findings = list(diagnose({"TOKEN_SOURCE": "nextauth", **environ}))

    assert [finding.subject for finding in findings][: len(names) + 1] == [*names, "settings"]
    assert "ok TOKEN_SOURCE" in summary(findings)


@pytest.mark.parametrize("name", [name for name, _ in UNUSABLE])
@pytest.mark.parametrize("app_env", ["production", "development"])
def test_one_unusable_setting_leaves_the_other_checks(backend, app_env, name):
    """What needs it is not judged by its default."""
    usable = {"APP_ENV": app_env, "API_BASE_URL": backend.url}

    findings = list(diagnose({**usable, name: "canary..\u00a7 x"}))

    assert [finding.level for finding in findings if finding.subject == name] == ["wrong"]
    assert [finding for finding in findings if "canary" in finding.text] == []
    assert "ok" in {finding.level for finding in findings}


def run(environ: dict[str, str], folder: Path) -> tuple[int, list[str]]:
    """The exit status, and the lines printed on either stream."""
    command = [sys.executable, str(ROOT / "doctor.py")]
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=30)
    return result.returncode, (result.stdout + result.stderr).splitlines()


def test_warnings_are_no_failure(backend, tmp_path):
    """Exit 0, and a last line that counts; a `.env` file is for development."""
    (tmp_path / ".env").write_text("TOKEN_COOKIE_NAME=from-file\n")
    environ = {"API_BASE_URL": backend.url, "DYNO": "web.1", "WEB_CONCURRENCY": "1"}

    status, lines = run(environ, tmp_path)

    warned = [line.split()[1] for line in lines if line.startswith("warn ")]
    assert status == 0
    assert lines[0] == "ok    settings               every value can be used"
    assert sorted(warned) == ["TOKEN_COOKIE_KEYS", "TOKEN_COOKIE_NAME", "TRUSTED_PROXIES"]
    assert lines[-1] == "wrong: 0, warnings: 3"
    assert not any("from-file" in line for line in lines)


@pytest.mark.parametrize(
    ("environ", "last_line"),
    [
        (
            {
                "APP_ENV": "development",
                "TOKEN_SOURCE": "nextauth",
                "AUTH_SECRET_4\x1b": "canary",
                "TOKEN_COOKIE_KEYS": f"{TYPED_KEY},canary",
                "METRICS_TOKEN": "canary canary",
                "RATELIMIT_STORAGE_URI": "canary://",
            },
            "wrong: 4, warnings: 3",
        ),
        (
            {
                "API_BASE_URL": "http://127.0.0.1:1",
                "TOKEN_COOKIE_KEYS": TYPED_KEY,
                "METRICS_TOKEN": "canary",
                "RATELIMIT_STORAGE_URI": "redis://canary:canary@127.0.0.1:1/0",
            },
            "wrong: 3, warnings: 3",
        ),
    ],
)
def test_what_is_wrong_fails_and_no_secret_is_printed(tmp_path, environ, last_line):
    """Canaries in every secret: those that cannot be used, in a `.env` file too, and those that are judged."""
    (tmp_path / ".env").write_text("API_BASE_URL=https://user:canary@api.example.com\nTOKEN_COOKIE_KEY=canary\n")

    status, lines = run({"NEXTAUTH_SECRET": "canary", **environ}, tmp_path)

    assert (status, lines[-1]) == (1, last_line)
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert "canary" not in "".join(lines)
    assert TYPED_KEY not in "".join(lines)
