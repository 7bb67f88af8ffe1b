"""What each kind of setting takes: one function a kind, from the variable's text to its value.

Each raises ValueError with what the variable takes, worded to stand behind "NAME takes"; none repeats the text, which
may be a secret.
"""

import base64
import binascii
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import limits
import yaml

AppEnv = Literal["production", "development", "testing"]
TokenSource = Literal["cookie", "nextauth"]
BackendTransport = Literal["lean", "urllib3"]
WorkerClass = Literal["gthread", "gevent"]
LogLevel = Literal["debug", "info", "warning", "error"]
SameSite = Literal["Strict", "Lax", "None"]

_COOKIE_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 6265 §4.1.1: a token of RFC 9110 §5.6.2
# RFC 1035 §2.3.4, and the underscore, with which container networks name hosts.
_LABEL = r"(?=[^.]{1,63}(?:\.|$))[0-9A-Za-z_]([0-9A-Za-z_-]*[0-9A-Za-z_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")  # RFC 3986 §3.3
DEFAULT_PORTS = {"http": 80, "https": 443}
_SAMPLE_SECRET = re.compile(r"(?i)change.?me|your.|example|placeholder|sample|secret.(here|key)|not.for.prod")
# RFC 9110 §9, PATCH (RFC 5789), QUERY, and those of WebDAV; TRACE and CONNECT never pass.
_METHODS = frozenset(
    "GET HEAD POST PUT PATCH DELETE OPTIONS QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH".split()
)
_PROXY_PATTERN = re.compile(r"(?:[A-Za-z0-9._~!$&'()+,;=:@/*-]|%[0-9A-Fa-f]{2}|\{[A-Za-z_][A-Za-z0-9_]*\})*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_ZERO = re.compile(r"(?<![0-9])0+(?![0-9])")
_SIZE = re.compile(r"([0-9]{1,15})\s*(|KiB|MiB|GiB)")
# What the rule for paths refuses before any entry is asked: an entry with it is a mistake.
_NEVER_MATCHES = re.compile(r"^/|//|%2f|%5c|(?:^|/)\.{1,2}(?:/|$)", re.IGNORECASE)
_PARAMETER = re.compile(r"\{[^/{}]+\}")
_SIZE_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_YES = frozenset({"1", "true", "on", "yes"})
_NO = frozenset({"0", "false", "off", "no"})
_RATELIMIT_STORAGES = ("memory://", "redis://", "rediss://", "redis+sentinel://", "redis+cluster://")
BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token, RFC 6750 §2.1: nothing else fits behind `Bearer`


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that must not be printed: `repr` and `str` give `***`."""

    value: str

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class ProxyRule:
    """One entry of PROXY_ALLOW: `methods` in capitals (None: any), and a path pattern without its leading slash."""

    methods: frozenset[str] | None
    pattern: str


def app_env(text: str) -> AppEnv:
    """Where the service runs."""
    match text:
        case "production" | "development" | "testing":
            return text
    raise ValueError("production, development or testing")


def token_source(text: str) -> TokenSource:
    """Where the token is looked for."""
    match text:
        case "cookie" | "nextauth":
            return text
    raise ValueError("cookie or nextauth")


def backend_transport(text: str) -> BackendTransport:
    """What speaks HTTP to the backend, below requests."""
    match text:
        case "lean" | "urllib3":
            return text
    raise ValueError("lean or urllib3")


def worker_class(text: str) -> WorkerClass:
    """What an exchange waits in: a thread, or a greenlet."""
    match text:
        case "gthread" | "gevent":
            return text
    raise ValueError("gthread or gevent")


def log_level(text: str) -> LogLevel:
    """The least of what is logged, in any case."""
    match text.lower():
        case "debug" | "info" | "warning" | "error" as value:
            return value
    raise ValueError("debug, info, warning or error")


def same_site(text: str) -> SameSite:
    """A SameSite attribute, in any case (RFC 6265bis §5.6.7)."""
    match text.capitalize() if text.isascii() else text:  # a long s has the capital S
        case "Strict" | "Lax" | "None" as value:
            return value
    raise ValueError("Strict, Lax or None")


def yes_or_no(text: str) -> bool:
    """A switch, in any case."""
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError("yes or no (1/0, true/false, on/off, yes/no)")


def port(text: str) -> int:
    """A TCP port."""
    return _whole_number(text, 1, 65_535, "a port, 1 to 65535")


def at_least_one(text: str) -> int:
    """A number of things of which there must be one."""
    return _whole_number(text, 1, 10**9, "a whole number, 1 or more")


def few(text: str) -> int:
    """A number of processes or threads."""
    return _whole_number(text, 1, 10_000, "a whole number, 1 to 10000")


def hops(text: str) -> int:
    """A number of proxies; none is a number too."""
    return _whole_number(text, 0, 100, "a whole number, 0 to 100")


def some_or_none(text: str) -> int:
    """A number of failures; 0 where there is to be no limit."""
    return _whole_number(text, 0, 1000, "a whole number, 0 to 1000")


def seconds(text: str) -> float:
    """A duration, with or without a fraction."""
    if not _NUMBER.fullmatch(text) or not 0 < float(text) <= 86_400:
        raise ValueError("seconds, greater than 0 and at most 86400")
    return float(text)


def size(text: str) -> int:
    """A number of bytes, with or without a unit of IEC 80000-13."""
    match = _SIZE.fullmatch(text)
    if not match or int(match[1]) == 0:
        raise ValueError("a number of bytes greater than 0, with or without KiB, MiB or GiB behind it")
    return int(match[1]) * _SIZE_UNITS[match[2]]


def base_url(text: str) -> str:
    """An address that paths are appended to, without a trailing slash."""
    url = _http_url(text)
    is_plain = _PATH.fullmatch(url.path) and not {".", ".."} & set(url.path.split("/")) if url else False
    if not url or not is_plain or not text.isprintable() or " " in text or "?" in text or "#" in text:
        raise ValueError("an http:// or https:// URL without user name, query or fragment")
    return f"{url.scheme}://{url.netloc}{url.path}".rstrip("/")


def ca_bundle(text: str) -> str:
    """The path of a file that OpenSSL reads certificate authorities from."""
    try:
        ssl.create_default_context(cafile=text)
    except (OSError, ValueError):  # ssl.SSLError is the one; the other is for a path with NUL
        raise ValueError("a readable file of certificate authorities in PEM") from None
    return text


def cookie_name(text: str) -> str:
    """The name of a cookie."""
    if not _COOKIE_NAME.fullmatch(text):
        raise ValueError("a cookie name: letters, digits and !#$%&'*+-.^_`|~")
    return text


def domain(text: str) -> str:
    """A Domain attribute; a leading dot is allowed and means nothing (RFC 6265 §5.2.3)."""
    if not _HOST.fullmatch(text.removeprefix(".")):
        raise ValueError("a domain name, such as example.com")
    return text


def keys(text: str) -> tuple[Secret, ...]:
    """Encryption keys, the current one first."""
    parts = [part.strip() for part in text.split(",")]
    if not all(map(_is_key, parts)):
        raise ValueError("keys of 32 bytes in urlsafe base64, separated by commas")
    return tuple(map(Secret, parts))


def claim(text: str) -> tuple[str, ...]:
    """The one claim to look for; a dotted path reaches into an object."""
    if not all(text.split(".")):
        raise ValueError("the name of a claim, or a dotted path to it, such as user.token")
    return (text,)


def names(text: str) -> tuple[str, ...]:
    """Names of Python's kind, each once."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(name.isidentifier() for name in found):
        raise ValueError("names, separated by commas: auth, vehicles")
    return found


def origins(text: str) -> tuple[str, ...]:
    """Origins as browsers write them (RFC 6454 §6.2), so that to compare strings is to compare origins."""
    return tuple(_origin(part.strip()) for part in text.split(","))


def proxy_rules(text: str) -> tuple[ProxyRule, ...]:
    """The allow-list of `/api/proxy/*`: entries, or `@` and an OpenAPI file, whose paths and methods are the list."""
    if text.startswith("@"):
        return _openapi_rules(Path(text[1:]))
    return tuple(_proxy_rule(part.strip()) for part in text.split(","))


def rate_limit(text: str) -> str:
    """One limit or several, in the notation of the `limits` library."""
    try:
        is_limit = bool(limits.parse_many(text)) and not _ZERO.search(text)  # the library takes 0 minutes for one
    except ValueError:
        is_limit = False
    if not is_limit:
        raise ValueError("a limit such as '10 per minute'")
    return text


def rate_limit_storage(text: str) -> Secret:
    """Where attempts are counted; the address of a Redis may hold its password."""
    if not text.startswith(_RATELIMIT_STORAGES):
        raise ValueError("memory:// or a redis:// address")
    return Secret(text)


def bearer_token(text: str) -> Secret:
    """A token that fits into an Authorization field."""
    if not BEARER.fullmatch(text):
        raise ValueError("a token of letters, digits and -._~+/")
    return Secret(text)


def is_weak(secret: str) -> bool:
    """Whether a secret can be guessed: short, a sample of somebody's documentation, or hardly any different characters.

    Scanners try well-known secrets on session cookies.
    """
    return (
        not secret.isprintable()
        or len(secret) < 32
        or len(set(secret)) < 10
        or _SAMPLE_SECRET.search(secret) is not None
    )


def _whole_number(text: str, lowest: int, highest: int, wanted: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or not lowest <= int(text) <= highest:
        raise ValueError(wanted)
    return int(text)


def _http_url(text: str) -> SplitResult | None:
    """The parts of an http or https URL that names a host, a usable port at most, and nothing besides."""
    try:
        url = urlsplit(text)
        end = f":{url.port}" if url.port else ""
    except ValueError:
        return None
    host = url.hostname or ""
    is_ipv6 = _IPV6.fullmatch(host) is not None
    # urlsplit reads past a user, past text between `]` and the port, and past a port that is empty or begins with 0.
    is_plain = url.netloc.lower() == (f"[{host}]{end}" if is_ipv6 else f"{host}{end}")
    is_host = is_ipv6 or _HOST.fullmatch(host) is not None
    return url if url.scheme in DEFAULT_PORTS and is_host and is_plain else None


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _origin(text: str) -> str:
    url = _http_url(text)
    if not url or text != f"{url.scheme}://{url.netloc}":
        raise ValueError("origins such as https://app.example.com, separated by commas; no path, no final slash, no *")
    default = f":{DEFAULT_PORTS[url.scheme]}"
    return f"{url.scheme}://{url.netloc.lower().removesuffix(default)}"


def _openapi_rules(file: Path) -> tuple[ProxyRule, ...]:
    """Every path of the document with its methods (OpenAPI 3.1 §4.8.8); `servers` is not asked, PROXY_BASE_URL is."""
    try:
        items = yaml.safe_load(file.read_text("utf-8"))["paths"].items()
        methods = {path: _methods(item) for path, item in items if not path.startswith("x-")}
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("behind @ the path of an OpenAPI file, in YAML or JSON") from None
    rules = [_rule(names, _openapi_pattern(path)) for path, names in methods.items() if names]
    if not rules:
        raise ValueError("behind @ an OpenAPI file with a path and a method")
    return tuple(rules)


def _methods(item: Mapping[str, object]) -> set[str]:
    return {name.upper() for name in item} & _METHODS


def _openapi_pattern(path: str) -> str:
    pattern = _PARAMETER.sub("{name}", path).removeprefix("/")
    if not path.startswith("/") or "*" in pattern or not _is_pattern(pattern):
        raise ValueError(f"behind @ an OpenAPI file; its path {path!r} cannot be an entry")
    return pattern


def _is_pattern(text: str) -> bool:
    return _PROXY_PATTERN.fullmatch(text) is not None and _NEVER_MATCHES.search(text) is None


def _proxy_rule(text: str) -> ProxyRule:
    methods, _, pattern = text.rpartition(" ")
    names = set(methods.split("+")) if methods else set()
    # An entry that is a method alone is the half of `GET,PUT Items/*`, where `GET+PUT Items/*` was meant.
    if not pattern or not _is_pattern(pattern) or pattern in _METHODS or not names <= _METHODS:
        raise ValueError("entries such as 'GET+PUT Items/{id}' or 'Reports/*', separated by commas; no leading slash")
    return _rule(names, pattern)


def _rule(methods: set[str], pattern: str) -> ProxyRule:
    with_head = {*methods, "HEAD"} if "GET" in methods else methods
    return ProxyRule(methods=frozenset(with_head) or None, pattern=pattern)
