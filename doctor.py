"""What is wrong with the environment, in words: a line for each check, with the remedy, and never a secret."""

import base64
import difflib
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import fields
from functools import partial
from ipaddress import ip_address
from secrets import token_hex
from threading import Thread
from typing import Literal, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

from limits.storage import storage_from_string

import config
from config import Settings, SettingsError
from proxy.errors import BackendInvalid, BackendTimeout, BffError
from proxy.upstream import Upstream
from setting_types import DEFAULT_PORTS, is_weak

T = TypeVar("T")


class Finding(NamedTuple):
    """One line: how bad, about what (a variable, mostly), and what to do."""

    level: Literal["ok", "warn", "wrong"]
    subject: str
    text: str


ok, warn, wrong = partial(Finding, "ok"), partial(Finding, "warn"), partial(Finding, "wrong")


class Answer(NamedTuple):
    """How a backend answered; `peer` is its IP address, `tls` the version, empty for http."""

    status: int
    headers: Mapping[str, str]
    peer: str
    tls: str
    seconds: float


_CONNECT_SECONDS, _ANSWER_SECONDS, _STORAGE_SECONDS = 3.0, 3.0, 2.0
_STORAGE_OPTIONS: dict[str, float] = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}
_HEROKU_SECONDS = 30  # to the first byte, else its error H12
_PLATFORMS = "DYNO RENDER RAILWAY_ENVIRONMENT FLY_APP_NAME K_SERVICE KUBERNETES_SERVICE_HOST".split()
_FAILURES: list[tuple[type[Exception], str]] = [  # the first that fits
    (socket.gaierror, "the name does not resolve; is it spelt right, and known on this machine?"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted ({}); BACKEND_CA_BUNDLE takes a private authority"),
    (ssl.SSLError, "does not speak TLS there; is it http://, or another port?"),
    (TimeoutError, "no connection in time; is the address wrong, or a firewall in between?"),
    (ConnectionRefusedError, "refuses the connection; is the backend running, and the port right?"),
    (OSError, "cannot be reached; is there a way from this machine?"),
    (BackendTimeout, "takes the connection, but does not answer in time; is it well?"),
    (BackendInvalid, "answers something that is not HTTP; is it https://, or another port?"),
    (BffError, "closes the connection without an answer; is it https://, or another port?"),
]
# All of a Redis address that may be shown. Where a stray / ? or # cuts the password in two, nothing matches.
_HOSTS = r"(?:\w[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
_REDIS = re.compile(rf"(redi[a-z+]+://)(?:[^@/?#]*@)?({_HOSTS}(?:,{_HOSTS})*(?:/\w*)?)(?:\?[^@]*)?")
_SECOND_LEVEL = frozenset({"co", "com", "net", "org", "gov", "gob", "edu", "ac"})  # example.com.mx is one site


def main() -> int:
    """Print what is found, and a summary; the exit status."""
    environ = config.environment()
    levels = []
    for level, subject, text in diagnose(environ):
        levels.append(level)
        line = f"{level:<5} {subject:<22} {text}".encode("ascii", "backslashreplace").decode()
        print("".join(character if character.isprintable() else "?" for character in line), flush=True)
    warnings, faults = levels.count("warn"), levels.count("wrong")
    skipped = "; what needs a value that cannot be used was not checked" if config.problems(environ) else ""
    things = {0: "nothing is", 1: "1 thing is"}.get(faults, f"{faults} things are")
    print(f"{warnings or 'no'} warning{'' if warnings == 1 else 's'}, {things} wrong{skipped}")
    return 1 if faults else 0


def diagnose(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What there is to say about `environ`, as it is found out."""
    problems = dict(problem.split(" ", 1) for problem in config.problems(environ))
    yield from [wrong(*problem) for problem in problems.items()] or [ok("settings", "every value can be used")]
    yield from check_names(environ)

    settings = _usable(environ, frozenset(problems))
    platform = next((name for name in _PLATFORMS if environ.get(name)), "")
    checks = [check_stage(settings, platform), check_backends(settings), check_port(settings), check_storage(settings)]
    checks += [check_timeouts(settings, platform), check_sites(settings), check_nextauth(settings)]
    if "APP_ENV" in problems or settings.app_env == "production":
        checks += [check_cookie(settings), check_keys(settings), check_origins(settings)]
        checks += [check_proxies(settings, platform), check_passthrough(settings), check_metrics(settings)]
    for check in checks:
        with suppress(SettingsError):  # of `_Partial`
            yield from check


class _Partial:
    """Settings less those that cannot be used: a check that asks for one of these ends there."""

    def __init__(self, settings: Settings, unusable: frozenset[str]) -> None:
        self._settings = settings
        self._unusable = unusable

    def __getattr__(self, name: str) -> object:
        if name.upper() in self._unusable:
            raise SettingsError(f"{name.upper()} cannot be used")
        return getattr(self._settings, name)


def _usable(environ: Mapping[str, str], unusable: frozenset[str]) -> Settings:
    stand_ins = {"API_BASE_URL": "https://backend.invalid", "TOKEN_COOKIE_SECURE": "on"}
    stand_ins |= dict.fromkeys(config.AUTH_SECRETS, token_hex())
    usable = {name: text for name, text in environ.items() if name not in unusable}
    usable |= {name: text for name, text in stand_ins.items() if name in unusable}
    return cast(Settings, _Partial(config.from_environ(usable), unusable))


def check_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look like ours, and are not."""
    ours = {setting.name.upper() for setting in fields(Settings) if setting.metadata} | set(config.AUTH_SECRETS)
    for name in sorted(environ.keys() - ours):
        if alike := difflib.get_close_matches(name.upper(), sorted(ours), n=1, cutoff=0.85):
            yield warn(name, f"is not read; {alike[0]} is")


def check_stage(settings: Settings, platform: str) -> Iterator[Finding]:
    """Whether a server runs as one."""
    stage = settings.app_env
    if stage == "production":
        yield ok("APP_ENV", "production; `APP_ENV=development make doctor` is for your own machine")
    elif platform:
        yield warn(
            "APP_ENV", f"{stage}, but {platform} is set: the cookie is not Secure, a weak secret passes; production"
        )
    else:
        yield ok("APP_ENV", f"{stage}; what production alone needs is not checked")


def check_backends(settings: Settings) -> Iterator[Finding]:
    """Whether the backends answer, in a few seconds."""
    if settings.api_base_url is None:
        yield ok("API_BASE_URL", "not set: the sandbox is started, and used")
    else:
        yield from _check_backend("API_BASE_URL", settings.api_base_url, settings)
    if settings.proxy_allow and settings.proxy_base_url and settings.proxy_base_url != settings.api_base_url:
        yield from _check_backend("PROXY_BASE_URL", settings.proxy_base_url, settings)


def _check_backend(subject: str, url: str, settings: Settings) -> Iterator[Finding]:
    host, port = _address(url)
    if port == settings.port and _is_this_machine(host):
        yield wrong(subject, f"{url} is this service itself, by its PORT; set the backend's address")
        return
    try:
        answer = in_time(lambda: _ask(url, settings), _CONNECT_SECONDS + _ANSWER_SECONDS)
    except (OSError, BffError) as error:
        text = next(text for kind, text in _FAILURES if isinstance(error, kind))
        yield wrong(subject, f"{url}: {text.format(getattr(error, 'verify_message', ''))}")
    else:
        yield judge(subject, url, answer)
        yield from check_encryption(subject, url, answer, settings)


def judge(subject: str, url: str, answer: Answer) -> Finding:
    """What the answer to `HEAD /` below the base URL means; a 404 is as good as any."""
    status, media_type = answer.status, answer.headers.get("Content-Type", "")
    if "X-BFF-Error" in answer.headers:
        return wrong(subject, f"{url} is a BFF, perhaps this very one; set the backend's address")
    if 300 <= status < 400:
        return warn(subject, f"{url} redirects ({status}), and redirects are not followed; set where it leads to")
    if status >= 500 and status != 501:
        return warn(subject, f"{url} answers {status}: something is there, but not well; look at the backend's log")
    if status < 300 and media_type.startswith("text/html"):
        return warn(subject, f"{url} answers a web page; is it the front end's address, or a path prefix missing?")
    details = [str(status), f"{answer.seconds * 1000:.0f} ms", answer.tls.replace("v", " ")]
    return ok(subject, f"{url} answers ({', '.join(filter(None, details))})")


def check_encryption(subject: str, url: str, answer: Answer, settings: Settings) -> Iterator[Finding]:
    """Whether tokens cross the internet in clear."""
    if url.startswith("http:") and ip_address(answer.peer).is_global and settings.app_env == "production":
        yield warn(subject, f"{url}: whoever is on the way reads the tokens; https://")


def _ask(url: str, settings: Settings) -> Answer:
    peer, tls = _connect(url, settings)
    started = time.monotonic()
    with closing(Upstream(url, settings)) as upstream:
        reply = upstream.send("HEAD", "/", {"Connection": "close"}, deadline=_ANSWER_SECONDS)
        reply.close()
    return Answer(reply.status_code, reply.headers, peer, tls, time.monotonic() - started)


def _connect(url: str, settings: Settings) -> tuple[str, str]:
    """The IP address and the version of TLS at the other end; a failure is told better here than by an exchange."""
    host, port = _address(url)
    with socket.create_connection((host, port), min(settings.connect_timeout, _CONNECT_SECONDS)) as connection:
        peer: str = connection.getpeername()[0]
        if url.startswith("http:"):
            return peer, ""
        context = ssl.create_default_context(cafile=settings.backend_ca_bundle)
        with context.wrap_socket(connection, server_hostname=host.rstrip(".")) as secured:
            return peer, secured.version() or ""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback or ip_address(host).is_unspecified
    return host == "localhost"


def in_time(ask: Callable[[], T], seconds: float) -> T:
    """What `ask` returns or raises, or a TimeoutError: looking a name up has no time-out of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except Exception as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(seconds)


def check_port(settings: Settings) -> Iterator[Finding]:
    """Whether gunicorn could listen."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1" if settings.app_env == "development" else "", settings.port))
        except OSError as error:
            yield warn("PORT", f"{settings.port} cannot be listened on ({error.strerror}); is this service running?")
        else:
            yield ok("PORT", f"{settings.port} is free")


def check_storage(settings: Settings) -> Iterator[Finding]:
    """Where attempts to sign in are counted."""
    uri, workers = settings.ratelimit_storage_uri.value, settings.web_concurrency
    if uri.startswith("memory://"):
        if settings.app_env == "production" and workers > 1:
            text = (
                f"memory:// counts in each of {workers} processes: {workers} times RATELIMIT_AUTH; a redis:// address"
            )
            yield warn("RATELIMIT_STORAGE_URI", text)
        return
    shown = "".join(match.groups()) if (match := _REDIS.fullmatch(uri)) else "Redis"
    answers = False
    with suppress(Exception):  # whose text may quote the password
        answers = in_time(lambda: storage_from_string(uri, **_STORAGE_OPTIONS).check() is True, _STORAGE_SECONDS)
    if answers:
        yield ok("RATELIMIT_STORAGE_URI", f"{shown} answers")
    else:
        text = f"{shown} does not answer, or refuses the password: attempts are not counted; is the address right?"
        yield wrong("RATELIMIT_STORAGE_URI", text)


def check_timeouts(settings: Settings, platform: str) -> Iterator[Finding]:
    """Whether each of them can ever matter."""
    deadline = settings.request_deadline
    if platform == "DYNO" and deadline >= _HEROKU_SECONDS:
        yield warn("REQUEST_DEADLINE", f"{deadline:g} s, but Heroku gives up after {_HEROKU_SECONDS}; 25 or less")
    never = f"is longer than REQUEST_DEADLINE ({deadline:g} s), and so never waited out; less"
    if settings.connect_timeout > deadline:
        yield warn("CONNECT_TIMEOUT", never)
    if settings.read_timeout > deadline and not settings.proxy_allow:  # which a streamed body may outlive
        yield warn("READ_TIMEOUT", never)


def check_sites(settings: Settings) -> Iterator[Finding]:
    """Whether the cookie comes along with what the pages of CORS_ORIGINS ask for."""
    same_site = settings.token_cookie_samesite if settings.token_source == "cookie" else "Lax"
    sites = {_site(_address(origin)[0]) for origin in settings.cors_origins} - {"localhost"}
    own = _site(settings.token_cookie_domain.strip(".")) if settings.token_cookie_domain else None
    others = ", ".join(sorted(sites - {own}))
    if same_site == "None" and not settings.cors_origins:
        yield warn("TOKEN_COOKIE_SAMESITE", "None sends the cookie for any site, and CORS_ORIGINS lets none in; Strict")
    elif same_site != "None" and (len(sites) > 1 or (own and others)):
        text = f"{others}: from another site than this service's own comes no SameSite={same_site} cookie; use one site"
        yield warn("CORS_ORIGINS", text)
    elif same_site != "None" and others:
        yield ok("CORS_ORIGINS", f"the SameSite={same_site} cookie comes along if this service is on {others} too")


def _site(host: str) -> str:
    """The registrable domain, roughly: the list of public suffixes would be one more dependency."""
    with suppress(ValueError):
        return str(ip_address(host))
    labels = host.lower().split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and labels[-2] in _SECOND_LEVEL else labels[-2:])


def check_nextauth(settings: Settings) -> Iterator[Finding]:
    """Whether next-auth's session is read; how strong its secret is, `config` has judged."""
    if settings.token_source == "cookie":
        if settings.auth_secrets:
            yield warn("TOKEN_SOURCE", "is cookie, though a next-auth secret is set; nextauth reads its session")
        return
    yield ok("TOKEN_SOURCE", f"nextauth; secrets to try: {len(settings.auth_secrets)}")
    name = settings.nextauth_cookie_name
    if name and settings.app_env == "production" and not name.lower().startswith(("__secure-", "__host-")):
        yield warn("NEXTAUTH_COOKIE_NAME", f'"{name}" can be set over http; __Secure-{name} cannot')


def check_cookie(settings: Settings) -> Iterator[Finding]:
    """The token cookie's name and attributes (OAuth 2.0 for Browser-Based Applications, §6.1.3.2)."""
    if settings.token_source == "nextauth":
        return
    name, domain = settings.token_cookie_name, settings.token_cookie_domain
    days = settings.token_cookie_max_age / 86_400
    if name.lower().startswith("__host-"):
        yield ok("TOKEN_COOKIE_NAME", f'"{name}" cannot be set by a sibling subdomain')
    else:
        text = (
            f'"{name}" can be set by a sibling subdomain; __Host-token cannot (but the front end may look for "{name}")'
        )
        yield warn("TOKEN_COOKIE_NAME", text)
    if not settings.token_cookie_secure:
        yield warn("TOKEN_COOKIE_SECURE", "off: the cookie goes over http too, where anyone can read it; on")
    if domain:
        yield warn("TOKEN_COOKIE_DOMAIN", f"gives the token to every host below {domain}; leave it out")
    if days > 30:
        yield warn("TOKEN_COOKIE_MAX_AGE", f"{days:.0f} days, in which a stolen cookie is good; 7 is the default")


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Whether a copy of the cookie is a copy of the token."""
    if settings.token_source == "nextauth":
        return
    keys = [base64.urlsafe_b64decode(key.value) for key in settings.token_cookie_keys]
    remedy = "openssl rand -base64 32 | tr +/ -_"
    if any(len(set(key)) < 10 or key.isascii() for key in keys):  # typed, not drawn
        yield wrong("TOKEN_COOKIE_KEYS", f"one is not random, and so no secret; {remedy}")
    elif keys:
        yield ok("TOKEN_COOKIE_KEYS", f"the cookie is encrypted; keys that read it: {len(keys)}")
    else:
        yield warn("TOKEN_COOKIE_KEYS", f"none: who copies the browser's cookie file has the token; {remedy}")


def check_origins(settings: Settings) -> Iterator[Finding]:
    """Who may call from another origin."""
    if not settings.cors_origins:
        yield ok("CORS_ORIGINS", "none: pages of the same origin alone")
    for origin in dict.fromkeys(settings.cors_origins + settings.csrf_trusted_origins):
        if origin.startswith("http:") and not _is_this_machine(_address(origin)[0]):
            yield warn("CORS_ORIGINS", f"{origin}: a page sent over http may be anyone's on the way; https://")
    for origin in settings.cors_origins:
        if origin not in settings.csrf_trusted_origins:
            yield warn("CSRF_TRUSTED_ORIGINS", f"lacks {origin} of CORS_ORIGINS: what it changes is refused (403)")


def check_proxies(settings: Settings, platform: str) -> Iterator[Finding]:
    """Whether the client's address is the client's."""
    hops = settings.trusted_proxies
    if platform and not hops:
        yield warn("TRUSTED_PROXIES", f"0, but {platform} is set: all users share a router's address and rate limit; 1")
    elif hops > 3:
        yield warn("TRUSTED_PROXIES", f"{hops}: if fewer are in front, clients can choose their address; count them")
    else:
        yield ok("TRUSTED_PROXIES", "none in front" if not hops else f"{hops} in front")


def check_passthrough(settings: Settings) -> Iterator[Finding]:
    """What `/api/proxy/*` lets through."""
    patterns = [rule.pattern for rule in settings.proxy_allow]
    if "*" in patterns:
        yield warn("PROXY_ALLOW", "* opens every path of the backend to the browser; name those that are needed")
    elif patterns:
        yield ok("PROXY_ALLOW", f"{len(patterns)} {'entry' if len(patterns) == 1 else 'entries'}")
    else:
        yield ok("PROXY_ALLOW", "not set: /api/proxy/* answers 404")


def check_metrics(settings: Settings) -> Iterator[Finding]:
    """Who may read `/metrics`."""
    if settings.metrics_token is None:
        yield ok("METRICS_TOKEN", "not set: /metrics answers 404")
    elif is_weak(settings.metrics_token.value):
        yield warn("METRICS_TOKEN", "can be guessed; openssl rand -hex 32")
    else:
        yield ok("METRICS_TOKEN", "set: /metrics wants it")


if __name__ == "__main__":
    sys.exit(main())
