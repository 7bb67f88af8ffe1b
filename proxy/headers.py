"""Which header fields cross, in each direction.

The typed groups know their backend: a short list crosses, and nothing besides it (`outgoing`, `incoming`). Through
`/api/proxy/*` everything end-to-end crosses but what is named here (`outgoing_all`, `incoming_all`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from proxy.allowlist import require_one_meaning
from proxy.errors import BadRequest
from proxy.tokens import Token
from setting_types import DEFAULT_PORTS

# What the backend can use of a browser's request. Its rate limits count by address and User-Agent together.
_FORWARDED = ("User-Agent", "Accept-Language", "traceparent", "tracestate")
_RETURNED = ("Retry-After",)

# RFC 9110 §7.6.1; the Proxy-Auth pair by §11.7; Trailer by RFC 2616 §13.5.1; Proxy-Connection by nobody but browsers.
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade http2-settings".split()
)
# What the browser says of itself to us alone, what would forge who asks, and what would change method or path after
# the allow-list was asked. (An `Origin` is answered with an error by backends that keep a CORS list of their own.)
_NOT_FORWARDED = HOP_BY_HOP | frozenset(
    "authorization content-length cookie expect host origin proxy via forwarded forwarded-for x-forwarded "
    "x-forward-for client-ip true-client-ip proxy-client-ip wl-proxy-client-ip x-client-ip x-real-ip "
    "x-cluster-client-ip x-proxyuser-ip x-azure-clientip x-envoy-external-address cf-connecting-ip fastly-client-ip "
    "remote-user x-remote-user x-host x-original-host x-http-method x-http-method-override x-method-override "
    "x-original-method x-original-url x-rewrite-url x-envoy-original-path x-request-id".split()
)
# What would set state or policy for our origin, steer a server in front, name the one behind, hold a token, or be taken
# for our own word.
_NOT_RETURNED = HOP_BY_HOP | frozenset(
    "set-cookie set-cookie2 set-login secure-session-registration clear-site-data strict-transport-security "
    "public-key-pins alt-svc nel report-to reporting-endpoints content-security-policy "
    "content-security-policy-report-only x-frame-options cross-origin-resource-policy referrer-policy refresh "
    "service-worker-allowed origin-trial accept-ch "
    "critical-ch edge-control x-sendfile x-lighttpd-send-file x-litespeed-location x-reproxy-url date server via "
    "x-powered-by x-served-by x-backend-server x-upstream x-aspnet-version x-aspnetmvc-version x-runtime "
    "x-content-type-options x-bff-error x-request-id authorization x-auth-token x-access-token".split()
)
_NOT_RETURNED_PREFIXES = ("access-control-", "x-accel-", "surrogate-")  # nginx and caches in front would obey
_CACHE_CONTROL = "cache-control"  # and CDN-Cache-Control (RFC 9213), which outranks it
_ADDRESSES = frozenset({"location", "content-location"})
_SHARED = frozenset({"public", "s-maxage"})
_DIRECTIVE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=[!#$%&'*+.^_`|~0-9A-Za-z-]+)?")  # RFC 9111 §5.2, unquoted
_SHORT_TEXT = re.compile(r"[\x20-\x7e]{1,64}")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.1, §5.5
_NOT_A_REFERENCE = re.compile(r"[\x00-\x20\x7f\\]")  # browsers read a backslash as a slash

# Answers are per user, and are data: no cache keeps them, no page of another site shows or embeds them, and a page of
# the backend's does not run as a page of ours.
ON_EVERY_RESPONSE = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),  # for browsers that do not know frame-ancestors
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
)


class Fields(Protocol):
    """Header fields, looked up by name in any case."""

    def get(self, name: str, /) -> str | None:
        """The field's value; None when it is absent."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked, and under which address we were asked, as TRUSTED_PROXIES lets us believe."""

    client: str | None
    scheme: str
    host: str
    request_id: str


def outgoing(incoming: Fields, asker: Asker, token: Token | None, *, has_body: bool) -> dict[str, str]:
    """The fields of a typed group's request to the backend.

    First what the browser may say, less what it names in `Connection` (RFC 9110 §7.6.1), then what we say: so no
    browser can remove or replace the bearer token or the forwarding fields.
    """
    named = connection_options(incoming.get("Connection"))
    fields = {name: value for name in _FORWARDED if name.lower() not in named and (value := incoming.get(name))}
    fields["Accept"] = "application/json"
    fields["Accept-Encoding"] = "identity"  # we look into every body; a compressed one would go back unpacked
    if has_body:
        fields["Content-Type"] = "application/json"
    return fields | _our_own(asker, token)


def incoming(reply: Fields) -> dict[str, str]:
    """The fields of a reply that a typed group gives back; what describes the body is written anew."""
    return {name: value for name in _RETURNED if (value := reply.get(name)) and _SHORT_TEXT.fullmatch(value)}


def outgoing_all(incoming: Iterable[tuple[str, str]], asker: Asker, token: Token, pseudonym: str) -> dict[str, str]:
    """The fields of a request through `/api/proxy/*`: all that is end-to-end, then ours, as in `outgoing`.

    Args:
        incoming: The browser's fields; WSGI has joined those of one name already.
        asker: Who asked.
        token: The user's.
        pseudonym: What `Via` calls us (RFC 9110 §7.6.3).
    """
    received = {name.lower(): (name, value) for name, value in incoming}
    named = connection_options(received.get("connection", ("", ""))[1])
    fields = {
        name: value
        for lower, (name, value) in received.items()
        if lower not in named and lower not in _NOT_FORWARDED and not lower.startswith("x-forwarded-")
    }
    _, via = received.get("via", ("", ""))
    fields["Via"] = f"{via}, 1.1 {pseudonym}" if via else f"1.1 {pseudonym}"
    return fields | _our_own(asker, token)


def incoming_all(
    reply: Iterable[tuple[str, str]], base_url: str, prefix: str, token: Token
) -> Iterator[tuple[str, str]]:
    """The fields of a reply that `/api/proxy/*` gives back: all that is end-to-end and not the backend's own affair.

    Args:
        reply: As received: fields of one name apart, in their order (RFC 9110 §5.3).
        base_url: Of the backend. Where a field names its host, it is mapped to `prefix`, or the field is dropped.
        prefix: Our path in the place of `base_url`.
        token: A field that holds it is dropped.
    """
    received = [(name, name.lower(), value) for name, value in reply]
    named = {option for _, lower, value in received if lower == "connection" for option in connection_options(value)}
    address = _address_of(base_url)
    for name, lower, value in received:
        is_ours = lower in _NOT_RETURNED or lower in named or lower.startswith(_NOT_RETURNED_PREFIXES)
        if is_ours or lower.endswith(_CACHE_CONTROL) or not _FIELD.fullmatch(f"{name}:{value}"):
            continue
        shown = _mapped(value, base_url, prefix) if lower in _ADDRESSES else value
        if shown is not None and not _tells(shown, address, token):
            yield name, shown
    caching = _for_one_user([value for _, lower, value in received if lower == _CACHE_CONTROL])
    if _tells(caching, address, token):
        caching = "no-store"
    if any(lower == "content-type" and value.lower().startswith("text/event-stream") for _, lower, value in received):
        # Compressing or buffering on the way (Next's server, nginx) would hold events back until the end.
        caching += ", no-transform"
        yield "X-Accel-Buffering", "no"
    yield "Cache-Control", caching


def connection_options(value: str | None) -> frozenset[str]:
    """The names in a `Connection` field, in lower case: fields that are for this hop alone (RFC 9110 §7.6.1)."""
    return frozenset(name.strip().lower() for name in (value or "").split(","))


def _our_own(asker: Asker, token: Token | None) -> dict[str, str]:
    fields = {
        "X-Forwarded-Proto": asker.scheme,
        "X-Request-ID": asker.request_id,
    }
    if asker.host:
        fields["X-Forwarded-Host"] = asker.host
    if asker.client:
        fields["X-Forwarded-For"] = asker.client
    if token:
        fields["Authorization"] = f"Bearer {token.value}"
    return fields


@lru_cache(maxsize=8)
def _address_of(base_url: str) -> re.Pattern[str]:
    """Finds the backend's host as a word of its own; one without a dot only where an address would have it.

    A dot at its end changes nothing (RFC 3986 §3.2.2): it may stand here, there, or in both.
    """
    url = urlsplit(base_url)
    name = (url.hostname or "").removesuffix(".")
    host = re.escape(name)
    is_word = not re.search(r"[.:]", name)
    before = r"//(?:[^/\s]*@)?" if is_word else r"(?<![\w.-])"
    with_port = rf"|(?<![\w.-]){host}\.?:{url.port}" if url.port else ""
    return re.compile(rf"{before}\[?{host}(?![\w-]){with_port}", re.IGNORECASE)


def _tells(value: str, address: re.Pattern[str], token: Token) -> bool:
    """Whether a value holds the backend's host or the token, as it is or percent-encoded."""
    return any(token.value in reading or address.search(reading) for reading in {value, unquote(value)})


def _mapped(reference: str, base_url: str, prefix: str) -> str | None:
    """A reference of the backend (RFC 3986 §4.1) as one of ours; None where it leads elsewhere."""
    base = urlsplit(base_url)
    try:
        target = urlsplit(reference)
        is_ours = not target.netloc or _authority(target) == _authority(base)
        is_ours = is_ours and (not target.scheme or (bool(target.netloc) and target.scheme == base.scheme))
    except ValueError:
        return None
    if _NOT_A_REFERENCE.search(reference) or not is_ours:
        return None
    is_absolute = target.path.startswith("/") or bool(target.netloc)
    if is_absolute and target.path != base.path and not target.path.startswith(f"{base.path}/"):
        return None
    below = target.path.removeprefix(base.path) if is_absolute else target.path
    try:
        require_one_meaning(below.removeprefix("/"))
    except BadRequest:
        return None
    return target._replace(scheme="", netloc="", path=prefix + below if is_absolute else below).geturl()


def _authority(url: SplitResult) -> tuple[str | None, int | None]:
    return url.hostname, url.port or DEFAULT_PORTS.get(url.scheme)


def _for_one_user(values: Sequence[str]) -> str:
    """What the backend says of caching, less what is for caches that several users share; nothing said, no-store.

    So is what is quoted, for a comma in it may end a directive; and what is none: `public ;x` may pass for `public`.
    """
    parts = [part.strip(" \t") for value in values for part in value.split(",")]
    directives = [_DIRECTIVE.fullmatch(part) for part in parts if part]
    kept = [match[0] for match in directives if match and match[1].lower() not in _SHARED]
    if not kept or None in directives:
        return "no-store"
    is_said = {"private", "no-store"} & {part.lower() for part in kept}
    return ", ".join(kept if is_said else ["private", *kept])
