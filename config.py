"""The environment, read once into frozen settings; a value that cannot be used ends the start in one clear line."""

import math
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

import setting_types as types
from setting_types import AppEnv, BackendTransport, LogLevel, ProxyRule, SameSite, Secret, TokenSource, WorkerClass

AUTH_SECRETS = ("AUTH_SECRET_3", "AUTH_SECRET_2", "AUTH_SECRET_1", "AUTH_SECRET", "NEXTAUTH_SECRET")

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: microseconds, and the period they are of
_OF_THIS_SERVER = secrets.token_bytes(32)  # workers are forked from the process that has read this file


class SettingsError(ValueError):
    """Settings that cannot be used: `args` is a line for each, which names the variable and shows no secret.

    The message is the first of them.
    """

    def __str__(self) -> str:
        return str(self.args[0])


def _takes(parse: Callable[[str], Any]) -> dict[str, Callable[[str], Any]]:
    """Field metadata: how the text of the variable becomes the value."""
    return {"parse": parse}


def _usable_cpus() -> int:
    """The processors this process may use: of a container its quota, which neither count below knows, rounded up."""
    affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = _CPU_QUOTA.read_text().split()
        return max(1, min(processors, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # not Linux, cgroup v1, or "max"
        return processors


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service can be told: each field is the variable of that name in capitals.

    Durations are in seconds, sizes in bytes. `api_base_url` and `proxy_base_url` have no trailing slash.
    """

    app_env: AppEnv = field(default="production", metadata=_takes(types.app_env))
    api_base_url: str | None = field(default=None, metadata=_takes(types.base_url))
    port: int = field(default=8000, metadata=_takes(types.port))
    web_concurrency: int = field(default_factory=_usable_cpus, metadata=_takes(types.few))
    threads: int = field(default=512, metadata=_takes(types.few))
    worker_class: WorkerClass = field(default="gthread", metadata=_takes(types.worker_class))
    cpu_affinity: bool = field(default=False, metadata=_takes(types.yes_or_no))
    backend_ca_bundle: str | None = field(default=None, metadata=_takes(types.ca_bundle))
    backend_transport: BackendTransport = field(default="lean", metadata=_takes(types.backend_transport))

    token_cookie_name: str = field(default="token", metadata=_takes(types.cookie_name))
    token_cookie_samesite: SameSite = field(default="Strict", metadata=_takes(types.same_site))
    token_cookie_secure: bool = field(default=True, metadata=_takes(types.yes_or_no))
    token_cookie_domain: str | None = field(default=None, metadata=_takes(types.domain))
    token_cookie_max_age: int = field(default=7 * 86_400, metadata=_takes(types.at_least_one))
    token_cookie_keys: tuple[Secret, ...] = field(default=(), metadata=_takes(types.keys))

    token_source: TokenSource = field(default="cookie", metadata=_takes(types.token_source))
    auth_secrets: tuple[Secret, ...] = ()  # from NEXTAUTH_SECRET and AUTH_SECRET…, see _auth_secrets
    nextauth_token_claim: tuple[str, ...] = field(default=("accessToken", "access_token"), metadata=_takes(types.claim))
    nextauth_cookie_name: str | None = field(default=None, metadata=_takes(types.cookie_name))

    route_groups: tuple[str, ...] = field(default=(), metadata=_takes(types.names))  # none named: all of them
    cors_origins: tuple[str, ...] = field(default=(), metadata=_takes(types.origins))
    csrf_trusted_origins: tuple[str, ...] = field(default=(), metadata=_takes(types.origins))
    trusted_proxies: int = field(default=0, metadata=_takes(types.hops))

    connect_timeout: float = field(default=3.05, metadata=_takes(types.seconds))
    read_timeout: float = field(default=20.0, metadata=_takes(types.seconds))
    request_deadline: float = field(default=25.0, metadata=_takes(types.seconds))
    pool_idle_timeout: float = field(default=4.0, metadata=_takes(types.seconds))  # Node closes after 5
    backend_max_requests: int | None = field(default=None, metadata=_takes(types.few))
    backend_queue_timeout: float = field(default=0.05, metadata=_takes(types.seconds))
    breaker_failures: int = field(default=5, metadata=_takes(types.some_or_none))
    breaker_on_5xx: bool = field(default=False, metadata=_takes(types.yes_or_no))
    max_content_length: int = field(default=2**20, metadata=_takes(types.size))

    proxy_allow: tuple[ProxyRule, ...] = field(default=(), metadata=_takes(types.proxy_rules))
    proxy_base_url: str | None = field(default=None, metadata=_takes(types.base_url))
    proxy_max_content_length: int = field(default=100 * 2**20, metadata=_takes(types.size))

    ratelimit_auth: str = field(default="10 per minute", metadata=_takes(types.rate_limit))
    ratelimit_storage_uri: Secret = field(default=Secret("memory://"), metadata=_takes(types.rate_limit_storage))
    docs: bool = field(default=False, metadata=_takes(types.yes_or_no))
    log_level: LogLevel = field(default="info", metadata=_takes(types.log_level))
    metrics_token: Secret | None = field(default=None, metadata=_takes(types.bearer_token))

    otel: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)  # OTEL_*, see proxy/telemetry.py

    def slots(self) -> tuple[int, int]:
        """How many requests of a worker may be the backend's at once, and how many may wait until one is not.

        The threads that are left answer what needs no backend, and refuse the rest.
        """
        spare = max(1, self.threads // 8) if self.threads > 1 else 0
        at_once = self.backend_max_requests or self.threads - spare
        return at_once, (self.threads - at_once) // 2

    def log_key(self) -> bytes:
        """What pseudonyms in the log are made with: one for all with the same secrets, else for this server alone."""
        secret = next(iter((*self.token_cookie_keys, *self.auth_secrets)), None)
        return _OF_THIS_SERVER if secret is None else blake2b(secret.value.encode(), person=b"bff log").digest()

    def __post_init__(self) -> None:
        """Refuse what one variable alone cannot show."""
        if found := list(self._contradictions()):
            raise SettingsError(*found)

    def _contradictions(self) -> Iterator[str]:
        """The cookie's rules are those of RFC 6265bis §4.1.3."""
        name = self.token_cookie_name.lower()
        wants_secure = name.startswith(("__secure-", "__host-", "__http-")) or self.token_cookie_samesite == "None"
        if wants_secure and not self.token_cookie_secure:
            yield "TOKEN_COOKIE_SECURE takes on here: browsers drop a prefixed or SameSite=None cookie without Secure"
        if name.startswith("__host-") and self.token_cookie_domain is not None:
            yield "TOKEN_COOKIE_DOMAIN takes nothing here: browsers drop a __Host- cookie with a Domain"
        if self.token_source == "nextauth" and not self.auth_secrets:
            yield "NEXTAUTH_SECRET is not set; TOKEN_SOURCE=nextauth needs it, or AUTH_SECRET"
        if (self.backend_max_requests or 0) > self.threads:
            yield "BACKEND_MAX_REQUESTS takes at most THREADS: each holds one"
        if self.api_base_url is None and self.app_env != "development":
            yield "API_BASE_URL is not set; it takes the backend's address: https://api.example.com"


def load() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: A value cannot be used, or one that is needed is missing.
    """
    return from_environ(environment())


def environment() -> dict[str, str]:
    """What `load` reads. In development a `.env` file in the working directory fills what is not set."""
    if os.environ.get("APP_ENV") != "development":
        return dict(os.environ)
    from_file = {name: value for name, value in dotenv_values(Path(".env")).items() if value is not None}
    for name in [name for name in from_file if name.startswith("OTEL_")]:
        os.environ.setdefault(name, from_file[name])  # OpenTelemetry reads the environment by itself
    return {**from_file, **os.environ}


def metrics_folder() -> str | None:
    """Where the worker processes of one server keep their metrics; None outside of gunicorn."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def forget(name: str) -> bool:
    """Take a variable out of the environment; whether there was one."""
    return bool(os.environ.pop(name, ""))


def forget_blank(name: str) -> None:
    """Take a blank variable out of the environment, for programs that read it by themselves."""
    if not os.environ.get(name, "set").strip():
        del os.environ[name]


def from_environ(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ` describes; a blank value counts as not set.

    Raises:
        SettingsError: A value cannot be used, or one that is needed is missing.
    """
    parsed, unusable = _parse(environ)
    is_lenient = parsed.get("app_env", "production") != "production"
    if parsed.get("token_source") == "nextauth" and not is_lenient:
        unusable |= _weak_secrets(environ)
    defaults: dict[str, Any] = {
        "auth_secrets": _auth_secrets(environ),
        "otel": {name: value for name, value in environ.items() if name.startswith("OTEL_")},
        "csrf_trusted_origins": parsed.get("cors_origins", ()),
        "proxy_base_url": parsed.get("api_base_url"),
    }
    if is_lenient:
        defaults["token_cookie_secure"] = False
    if parsed.get("app_env") == "development":
        defaults["proxy_allow"] = (ProxyRule(methods=None, pattern="*"),)
        defaults["docs"] = True
    try:
        settings = Settings(**{**defaults, **parsed})
    except SettingsError as error:
        for line in error.args:
            unusable.setdefault(line.partition(" ")[0], line)  # an unusable API_BASE_URL is not missing too
    if unusable:
        raise SettingsError(*unusable.values())
    return settings


def problems(environ: Mapping[str, str]) -> list[str]:
    """Every setting that cannot be used, or is needed and missing: the lines of which `from_environ` shows the first.

    With an unusable APP_ENV, the rest is judged as in production.
    """
    try:
        from_environ(environ)
    except SettingsError as error:
        return list(error.args)
    return []


def _parse(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that can be used, by field, and the complaints about those that cannot, by variable."""
    parsed, unusable = {}, {}
    for setting in fields(Settings):
        name = setting.name.upper()
        if setting.metadata and (text := environ.get(name, "").strip()):
            try:
                parsed[setting.name] = setting.metadata["parse"](text)
            except ValueError as error:
                unusable[name] = f"{name} takes {error}"
    return parsed, unusable


def _auth_secrets(environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Every next-auth secret that is set, once, the highest number first, as Auth.js orders them."""
    return tuple(dict.fromkeys(Secret(environ[name]) for name in AUTH_SECRETS if environ.get(name)))


def _weak_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: f"{name} takes 32 random characters or more: openssl rand -base64 32"
        for name in AUTH_SECRETS
        if environ.get(name) and types.is_weak(environ[name])
    }
