"""Which header fields cross, in each direction, for the typed route groups: a short list, and nothing besides it."""

from dataclasses import dataclass
from typing import Protocol

from proxy.tokens import Token

# What the backend can use of a browser's request. Its rate limits count by address and User-Agent together.
_FORWARDED = ("User-Agent", "Accept-Language", "traceparent", "tracestate")
_RETURNED = ("Retry-After",)


class Fields(Protocol):
    """Header fields, looked up by name in any case."""

    def get(self, name: str, /) -> str | None:
        """The field's value; None when it is absent."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, and under which address we were asked, as TRUSTED_PROXIES lets us believe."""

    client: str | None
    scheme: str
    host: str
    request_id: str


def outgoing(incoming: Fields, origin: Origin, token: Token | None, *, has_body: bool) -> dict[str, str]:
    """The fields of the request to the backend.

    First what the browser may say, less what it names in `Connection` (RFC 9110 §7.6.1), then what we say: so no
    browser can remove or replace the bearer token or the forwarding fields.
    """
    named = connection_options(incoming)
    fields = {name: value for name in _FORWARDED if name.lower() not in named and (value := incoming.get(name))}
    fields |= {
        "Accept": "application/json",
        "Accept-Encoding": "identity",  # we look into every body; a compressed one would be unpacked and sent plain
        "X-Forwarded-Proto": origin.scheme,
        "X-Forwarded-Host": origin.host,
        "X-Request-ID": origin.request_id,
    }
    if origin.client:
        fields["X-Forwarded-For"] = origin.client
    if has_body:
        fields["Content-Type"] = "application/json"
    if token:
        fields["Authorization"] = f"Bearer {token.value}"
    return fields


def incoming(reply: Fields) -> dict[str, str]:
    """The fields of the backend's reply that the browser gets; what describes the body is written anew."""
    return {name: value for name in _RETURNED if (value := reply.get(name))}


def connection_options(fields: Fields) -> frozenset[str]:
    """The names in `Connection`, in lower case: fields that are for this hop alone (RFC 9110 §7.6.1)."""
    return frozenset(name.strip().lower() for name in (fields.get("Connection") or "").split(","))
