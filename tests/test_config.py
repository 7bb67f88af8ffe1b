"""The environment: what each variable takes, what stops the start, and what is never printed."""

import re
from dataclasses import fields

import certifi
import pytest

import config
from config import Settings, SettingsError, from_environ
from setting_types import ProxyRule, Secret

REQUIRED = {"API_BASE_URL": "https://api.example.com"}
KEY = "A" * 43 + "="

# Every variable of the public interface, with a value it takes and what becomes of it.
USABLE = {
    "APP_ENV": ("testing", "testing"),
    "API_BASE_URL": ("http://[::1]:3001/prefix/", "http://[::1]:3001/prefix"),
    "PORT": ("10000", 10_000),
    "WEB_CONCURRENCY": ("3", 3),
    "THREADS": ("16", 16),
    "WORKER_CLASS": ("gevent", "gevent"),
    "CPU_AFFINITY": ("on", True),
    "BACKEND_CA_BUNDLE": (certifi.where(), certifi.where()),
    "TOKEN_COOKIE_NAME": ("__Host-token", "__Host-token"),
    "TOKEN_COOKIE_SAMESITE": ("lax", "Lax"),
    "TOKEN_COOKIE_SECURE": ("YES", True),
    "TOKEN_COOKIE_DOMAIN": ("example.com", "example.com"),
    "TOKEN_COOKIE_MAX_AGE": ("60", 60),
    "TOKEN_COOKIE_KEYS": (f"{KEY}, {KEY}", (Secret(KEY), Secret(KEY))),
    "TOKEN_SOURCE": ("cookie", "cookie"),
    "NEXTAUTH_TOKEN_CLAIM": ("user.token", ("user.token",)),
    "NEXTAUTH_COOKIE_NAME": ("session", "session"),
    "ROUTE_GROUPS": ("auth, tasks,auth", ("auth", "tasks")),
    "CORS_ORIGINS": (
        "https://App.example.com:443, http://[::1]:3000",
        ("https://app.example.com", "http://[::1]:3000"),
    ),
    "CSRF_TRUSTED_ORIGINS": ("https://b.example.com", ("https://b.example.com",)),
    "TRUSTED_PROXIES": ("2", 2),
    "CONNECT_TIMEOUT": ("0.5", 0.5),
    "READ_TIMEOUT": ("10", 10.0),
    "BACKEND_TRANSPORT": ("urllib3", "urllib3"),
    "POOL_IDLE_TIMEOUT": ("55", 55.0),
    "BACKEND_MAX_REQUESTS": ("16", 16),
    "BACKEND_QUEUE_TIMEOUT": ("0.5", 0.5),
    "BREAKER_FAILURES": ("0", 0),
    "BREAKER_ON_5XX": ("yes", True),
    "REQUEST_DEADLINE": ("12.5", 12.5),
    "MAX_CONTENT_LENGTH": ("2 MiB", 2 * 2**20),
    "PROXY_ALLOW": (
        "Exercises/*, GET+PUT Items/{id}",
        (ProxyRule(None, "Exercises/*"), ProxyRule(frozenset({"GET", "HEAD", "PUT"}), "Items/{id}")),
    ),
    "PROXY_BASE_URL": ("https://other.example.com", "https://other.example.com"),
    "PROXY_MAX_CONTENT_LENGTH": ("1024", 1024),
    "RATELIMIT_AUTH": ("5 per 15 minutes", "5 per 15 minutes"),
    "RATELIMIT_STORAGE_URI": ("redis://:secret@localhost:6379/0", Secret("redis://:secret@localhost:6379/0")),
    "DOCS": ("On", True),
    "LOG_LEVEL": ("Warning", "warning"),
    "METRICS_TOKEN": ("s3cret", Secret("s3cret")),
}

UNUSABLE = [
    ("APP_ENV", ["prod", "Production"]),
    (
        "API_BASE_URL",
        [
            *("api.example.com", "ftp://api.example.com", "https://", "https://u:p@api.example.com", "https://api:0"),
            *(
                "https://api:99999",
                "https://api?x=1",
                "https://api#x",
                "https://api/../x",
                "https://a b",
                "https://api/%zz",
            ),
            *("https://api/\u00f1", "//api.example.com", "https://[::1", "https://-api", "http://a\nb", "http://a/\tb"),
            *(f"https://{'a' * 64}.example.com", "http://[::1].evil.example:3000", "http://[::1]x", "http://api:"),
        ],
    ),
    ("PORT", ["0", "65536", "http", "8000.0", "-1", "\u0661"]),
    ("WEB_CONCURRENCY", ["0", "two", "1e3"]),
    ("THREADS", ["0", "many", "1000000000"]),
    ("WORKER_CLASS", ["sync", "Gevent"]),
    ("CPU_AFFINITY", ["0-3", "all"]),
    ("BACKEND_CA_BUNDLE", ["/nowhere.pem", "tests/conftest.py", "a\0.pem"]),
    ("TOKEN_COOKIE_NAME", ["to ken", "token;", "t=n", "\u00f1"]),
    ("TOKEN_COOKIE_SAMESITE", ["yes", "Stricter", "\u017ftrict"]),
    ("TOKEN_COOKIE_SECURE", ["maybe", "2"]),
    ("TOKEN_COOKIE_DOMAIN", ["example.com/x", "a;b", "https://example.com"]),
    ("TOKEN_COOKIE_MAX_AGE", ["0", "week"]),
    ("TOKEN_COOKIE_KEYS", ["short", "A" * 44, f"{KEY},"]),
    ("TOKEN_SOURCE", ["jwt"]),
    ("NEXTAUTH_TOKEN_CLAIM", ["user..token", "."]),
    ("NEXTAUTH_COOKIE_NAME", ["a b"]),
    (
        "CORS_ORIGINS",
        [
            "*",
            "https://*.example.com",
            "https://a.example.com/",
            "a.example.com",
            "null",
            "https://a.example.com,",
            ".*",
            "https://a.example.com:",
            "https://a.example.com:0443",
            "https://[::1]x",
        ],
    ),
    ("CSRF_TRUSTED_ORIGINS", ["*", "https://a.example.com/path"]),
    ("TRUSTED_PROXIES", ["-1", "all"]),
    ("CONNECT_TIMEOUT", ["0", "-1", "nan", "inf", "fast", "1_0", "\u0661"]),
    ("READ_TIMEOUT", ["0"]),
    ("BACKEND_TRANSPORT", ["fast", "Lean"]),
    ("POOL_IDLE_TIMEOUT", ["0", "never"]),
    ("BACKEND_MAX_REQUESTS", ["0", "many", "513"]),
    ("BACKEND_QUEUE_TIMEOUT", ["0", "none"]),
    ("BREAKER_FAILURES", ["-1", "some"]),
    ("BREAKER_ON_5XX", ["500"]),
    ("REQUEST_DEADLINE", ["0", "1e9"]),
    ("MAX_CONTENT_LENGTH", ["0", "-1", "1 MB", "lots"]),
    (
        "PROXY_ALLOW",
        [
            "/Items/*",
            "get Items/*",
            "GET Items /x",
            "Items/{",
            "Items,",
            "Items/%2",
            "a/../b",
            "./x",
            "a//b",
            "a%2Fb",
            "TRACE x",
        ],
    ),
    ("PROXY_BASE_URL", ["other.example.com"]),
    ("PROXY_MAX_CONTENT_LENGTH", ["0"]),
    ("RATELIMIT_AUTH", ["ten", "10", "0 per minute", "10 per 0 minute", "5 per minute; 0 per hour"]),
    ("RATELIMIT_STORAGE_URI", ["localhost:6379", "mysql://x"]),
    ("DOCS", ["swagger", "2"]),
    ("ROUTE_GROUPS", ["auth,", "auth tasks", "/api/auth"]),
    ("LOG_LEVEL", ["verbose", "10"]),
    ("METRICS_TOKEN", ["a b", "\u00f1"]),
]


@pytest.mark.parametrize("name", [setting.name.upper() for setting in fields(Settings) if setting.metadata])
def test_a_usable_value_is_taken(name):
    """Every setting has a line in the table above; a new one without one fails here."""
    text, value = USABLE[name]

    settings = from_environ({**REQUIRED, name: text})

    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in UNUSABLE for text in texts])
def test_an_unusable_value_stops_the_start_in_one_line(name, text):
    """The line names the variable and what it takes."""
    with pytest.raises(SettingsError) as error:
        from_environ({**REQUIRED, name: text})

    assert re.fullmatch(rf"{name} takes .+", str(error.value))


@pytest.mark.parametrize("name", [name for name, _ in UNUSABLE])
def test_the_complaint_does_not_repeat_the_value(name):
    """It may be a secret, or a secret pasted into the wrong variable."""
    with pytest.raises(SettingsError) as error:
        from_environ({**REQUIRED, name: "canary..\u00a7 x"})

    assert "canary" not in str(error.value)


def test_every_setting_has_values_that_it_refuses():
    """The table of unusable values is complete."""
    settings = [setting.name.upper() for setting in fields(Settings) if setting.metadata]

    assert sorted(name for name, _ in UNUSABLE) == sorted(settings)


def test_the_settings_are_those_of_the_public_interface():
    """The table of usable values names each variable; one that the code does not read fails here."""
    assert sorted(USABLE) == sorted(setting.name.upper() for setting in fields(Settings) if setting.metadata)


def test_production_is_the_default_and_wants_a_backend():
    """Secure by default: development is what is opted into."""
    with pytest.raises(SettingsError, match=r"^API_BASE_URL is not set"):
        from_environ({})


def test_the_scheme_of_an_address_may_be_in_capitals():
    """RFC 3986 §3.1; what compares it later finds it in lower case."""
    assert from_environ({"API_BASE_URL": "HTTPS://api.example.com/V1/"}).api_base_url == "https://api.example.com/V1"


def test_a_blank_value_counts_as_not_set():
    """A PaaS form leaves `PORT=` behind."""
    settings = from_environ({**REQUIRED, "PORT": " ", "TOKEN_COOKIE_NAME": ""})

    assert (settings.port, settings.token_cookie_name) == (8000, "token")


@pytest.mark.parametrize(
    ("app_env", "secure", "proxy_allow", "docs"),
    [
        ("production", True, (), False),
        ("testing", False, (), False),
        ("development", False, (ProxyRule(None, "*"),), True),
    ],
)
def test_development_alone_is_lenient(app_env, secure, proxy_allow, docs):
    """Over plain http on localhost a Secure cookie would be lost."""
    settings = from_environ({**REQUIRED, "APP_ENV": app_env})

    assert (settings.token_cookie_secure, settings.proxy_allow, settings.docs) == (secure, proxy_allow, docs)


def test_what_is_not_said_follows_what_is():
    """The origins that may call are trusted to change things; the proxy's backend is the backend."""
    settings = from_environ({**REQUIRED, "CORS_ORIGINS": "https://a.example.com"})

    assert settings.csrf_trusted_origins == ("https://a.example.com",)
    assert settings.proxy_base_url == "https://api.example.com"


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({"TOKEN_COOKIE_NAME": "__Host-token", "TOKEN_COOKIE_SECURE": "off"}, "TOKEN_COOKIE_SECURE takes on here"),
        ({"TOKEN_COOKIE_NAME": "__Http-token", "TOKEN_COOKIE_SECURE": "off"}, "TOKEN_COOKIE_SECURE takes on here"),
        ({"TOKEN_COOKIE_NAME": "__secure-token", "TOKEN_COOKIE_SECURE": "off"}, "TOKEN_COOKIE_SECURE takes on here"),
        ({"TOKEN_COOKIE_SAMESITE": "None", "TOKEN_COOKIE_SECURE": "off"}, "TOKEN_COOKIE_SECURE takes on here"),
        ({"TOKEN_COOKIE_NAME": "__Host-t", "TOKEN_COOKIE_DOMAIN": "example.com"}, "TOKEN_COOKIE_DOMAIN takes nothing"),
        ({"TOKEN_SOURCE": "nextauth"}, "NEXTAUTH_SECRET is not set"),
    ],
)
def test_a_cookie_that_browsers_would_drop_stops_the_start(environ, complaint):
    """RFC 6265bis §4.1.3; each value is fine alone."""
    with pytest.raises(SettingsError, match=f"^{complaint}"):
        from_environ({**REQUIRED, **environ})


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        "a" * 64,
        "your-secret-goes-here-your-secret-goes-here",
        "CHANGE_ME_0123456789_0123456789",
        "\udcff" * 40,
    ],
)
def test_a_guessable_next_auth_secret_stops_the_start_in_production(secret):
    """Whoever knows it makes sessions of their own. Development and tests may have one."""
    environ = {**REQUIRED, "TOKEN_SOURCE": "nextauth", "NEXTAUTH_SECRET": secret}

    with pytest.raises(SettingsError, match=r"^NEXTAUTH_SECRET takes 32 random"):
        from_environ(environ)

    assert from_environ({**environ, "APP_ENV": "testing"}).auth_secrets == (Secret(secret),)
    assert from_environ({**environ, "TOKEN_SOURCE": "cookie"}).auth_secrets == (Secret(secret),)


def test_every_next_auth_secret_is_kept_once_the_newest_first():
    """Rotation as Auth.js does it: the highest number encrypts, all decrypt."""
    environ = {"AUTH_SECRET": "a", "AUTH_SECRET_1": "b", "AUTH_SECRET_2": "c", "NEXTAUTH_SECRET": "a"}

    settings = from_environ({**REQUIRED, **environ, "APP_ENV": "testing"})

    assert [secret.value for secret in settings.auth_secrets] == ["c", "b", "a"]


def test_no_secret_is_in_the_settings_repr():
    """Settings end up in tracebacks and debuggers."""
    environ = {
        "TOKEN_COOKIE_KEYS": KEY,
        "AUTH_SECRET": "canary-1",
        "RATELIMIT_STORAGE_URI": "redis://:canary-2@localhost",
        "METRICS_TOKEN": "canary-3",
    }

    shown = repr(from_environ({**REQUIRED, **environ, "APP_ENV": "testing"}))

    assert "canary" not in shown
    assert KEY not in shown
    assert shown.count("***") == 4


def test_a_file_fills_what_the_environment_leaves_open_in_development(tmp_path, monkeypatch):
    """What is said on the command line wins; production is configured by the environment alone."""
    (tmp_path / ".env").write_text("PORT=9001\nTHREADS=7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"APP_ENV": "development", "PORT": "9002"})

    settings = config.load()

    assert (settings.port, settings.threads) == (9002, 7)


def test_a_file_is_not_read_in_production(tmp_path, monkeypatch):
    """A forgotten .env must not configure a server."""
    (tmp_path / ".env").write_text("PORT=9001\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", dict(REQUIRED))

    assert config.load().port == 8000


OPENAPI = """
openapi: 3.1.0
paths:
  /: {get: {}}
  /items: {get: {}, post: {}, summary: Items}
  /shared: {$ref: "other.yaml"}
  /traced: {trace: {}}
  /a,b: {head: {}}
  x-internal: {owner: us}
  /items/{item-id}/parts/{part}.json: {parameters: [], delete: {}}
"""


def test_an_openapi_file_can_be_the_allow_list(tmp_path):
    """Its paths and methods, and nothing else of it; GET includes HEAD as in an entry. No method, no entry."""
    file = tmp_path / "openapi.yaml"
    file.write_text(OPENAPI)

    settings = from_environ({**REQUIRED, "PROXY_ALLOW": f"@{file}"})

    assert settings.proxy_allow == (
        ProxyRule(frozenset({"GET", "HEAD"}), ""),
        ProxyRule(frozenset({"GET", "HEAD", "POST"}), "items"),
        ProxyRule(frozenset({"HEAD"}), "a,b"),
        ProxyRule(frozenset({"DELETE"}), "items/{name}/parts/{name}.json"),
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "openapi: 3.1.0", "paths: {}", "paths: []", "paths: {/a: null}", "paths: {/a: {summary: x}}"),
        *(
            "paths: {a: {get: {}}}",
            "paths: {/a*: {get: {}}}",
            "paths: {'/a b': {get: {}}}",
            "!!python/object:os.x {}",
        ),
    ],
)
def test_a_file_that_is_no_allow_list_stops_the_start(tmp_path, text):
    """An empty list would look like one that allows nothing by intention."""
    file = tmp_path / "openapi.yaml"
    file.write_text(text)

    with pytest.raises(SettingsError, match=r"^PROXY_ALLOW takes behind @"):
        from_environ({**REQUIRED, "PROXY_ALLOW": f"@{file}"})


def test_a_path_that_cannot_be_an_entry_is_named(tmp_path):
    """It is no secret, and else nobody would find it."""
    file = tmp_path / "openapi.yaml"
    file.write_text("paths: {/a: {get: {}}, '/b c': {get: {}}}")

    with pytest.raises(SettingsError, match=r"its path '/b c' cannot be an entry"):
        from_environ({**REQUIRED, "PROXY_ALLOW": f"@{file}"})


def test_a_file_that_is_not_there_stops_the_start():
    """In the same line."""
    with pytest.raises(SettingsError, match=r"^PROXY_ALLOW takes behind @"):
        from_environ({**REQUIRED, "PROXY_ALLOW": "@/nowhere.yaml"})
