"""The one door to the backend for the typed route groups: who asks, for what path, with what body."""

import re
import time
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote_to_bytes

import requests
from flask import Flask, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.utils import get_host

from config import Settings
from proxy import headers, strict_json
from proxy.cookies import parse_cookies
from proxy.errors import BadRequest, BffError, NotFound, NotSignedIn, TooLarge
from proxy.hooks import Hooks, Outgoing
from proxy.slots import Slot, Slots
from proxy.tokens import Token, TokenSource
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

View = TypeVar("View", bound=Callable[..., Any])

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class JsonBody(bytes):
    """A JSON object in UTF-8, byte for byte as it came; `fields` is the same, parsed."""

    fields: dict[str, Any]

    def only(self, *names: str) -> "JsonBody":
        """A new body with the named fields alone, as far as they are there."""
        return _json_body_of({name: self.fields[name] for name in names if name in self.fields})


def public(view: View) -> View:
    """Mark a view that is served without a token; every other view is not."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def needs_token() -> bool:
    """Whether the current request met a view that is not `public`."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is not None and not getattr(view, "is_public", False)


def require_token() -> None:
    """Find the token, before anything else about the request is judged.

    Raises:
        NotSignedIn: No cookie, or one that cannot be a token.
        SessionExpired: The token's own `exp` has passed.
    """
    if needs_token() and not is_answered_for_all():
        g.token = find_token()


def is_answered_for_all() -> bool:
    """Whether this is an OPTIONS that asks about us: Flask's, from the URL rules, or a preflight (Fetch §4.8)."""
    if request.method != "OPTIONS":
        return False
    is_flasks = getattr(request.url_rule, "provide_automatic_options", False)
    return is_flasks or "Access-Control-Request-Method" in request.headers


def find_token() -> Token:
    """The token of the current request, from TOKEN_SOURCE.

    Raises:
        NotSignedIn: No cookie, or one that cannot be a token.
        SessionExpired: The token's own `exp` has passed.
    """
    source: TokenSource = current_app.extensions["token_source"]
    return source.find(sent_cookies(), time.time())


def sent_cookies() -> dict[str, str | None]:
    """The cookies of the current request; Werkzeug would take the first of two, and unquote values."""
    return parse_cookies(request.environ.get("HTTP_COOKIE", ""))


def is_signed_in() -> bool:
    """Whether `find_token` finds one; it is left in `g.token`."""
    try:
        g.token = find_token()
    except NotSignedIn:
        return False
    return True


def bff_fetch(method: str, path: str, *, body: bytes | None = None) -> requests.Response:
    """Ask the backend for one thing, as the signed-in user, or as nobody from a `public` view.

    The token leaves as `Authorization: Bearer` (RFC 6750 §2.1); the cookie it came in stays here. The query string of
    the current request goes along, byte for byte.

    Args:
        method: In capitals.
        path: Absolute, percent-encoded (see `backend_path`), without a query.
        body: A JSON document in UTF-8, sent as it is; None sends no body.

    Returns:
        The reply, whatever its status; its body is not read yet, so pass it to `relay` or close it.

    Raises:
        BffError: Whatever a `before_send` hook raises.
        BadRequest: The query holds characters that no request line can carry.
        BackendUnreachable: Refused, reset, DNS or TLS.
        BackendInvalid: What came is not HTTP.
        BackendTimeout: No reply within CONNECT_TIMEOUT, READ_TIMEOUT or REQUEST_DEADLINE.
        BackendSaturated: BACKEND_MAX_REQUESTS are under way, and none ended within BACKEND_QUEUE_TIMEOUT.
        BackendDown: The breaker is open.
    """
    upstream: Upstream = current_app.extensions["upstream"]
    noted = noted_in_g()
    environ = request.environ
    token: Token | None = noted.get("token")
    fields = headers.outgoing(_Sent(environ), asker(), token, has_body=body is not None)
    query: str = environ.get("QUERY_STRING", "")
    target = f"{path}?{query}" if query else path
    outgoing = hooked(Outgoing(group(), method, target, fields, body, token))
    left = start_at_the_backend()
    reply = noted["reply"] = upstream.send(
        outgoing.method, outgoing.target, outgoing.headers, outgoing.body, deadline=left
    )
    return reply


class _Sent:
    """The fields of a request as WSGI has them; Werkzeug's own take twice as long to ask."""

    __slots__ = ("_environ",)

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self._environ = environ

    def get(self, name: str) -> str | None:
        """The field's value; None when it is absent."""
        value: str | None = self._environ.get(_variable(name))
        return value


@cache
def _variable(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def noted_in_g() -> dict[str, Any]:
    """What the parts have noted of the current request in `g`, looked up once: each look through the proxy costs."""
    noted: dict[str, Any] = vars(g._get_current_object())
    return noted


def start_at_the_backend() -> float:
    """Take a slot: the current request is the backend's from now on, until it ends, or the stream of its response.

    Returns:
        What it has left of REQUEST_DEADLINE, in seconds.

    Raises:
        BackendSaturated: There was none in time.
    """
    extensions, noted = current_app.extensions, noted_in_g()
    settings: Settings = extensions["settings"]
    if "slot" in noted:  # a view that asks twice has one thread, too
        return settings.request_deadline
    slots: Slots = extensions["slots"]
    slot = noted["slot"] = slots.take(request.endpoint or "", settings.request_deadline)
    noted["backend_started"] = time.monotonic()
    return settings.request_deadline - slot.waited


def keep_slot() -> Callable[[], None]:
    """Leave the slot and the reply of the current request to its stream, which calls the result at its end."""
    return partial(_let_go, g.pop("slot"), g.pop("reply"))


def _end(_error: BaseException | None) -> None:
    noted = noted_in_g()
    if "slot" in noted:
        _let_go(noted.pop("slot"), noted.pop("reply", None))


def _let_go(slot: Slot, reply: requests.Response | None) -> None:
    """Leave nothing behind, however a request has ended: a connection in use, or one fewer for all others."""
    if reply is not None:
        reply.close()
    slot.give_back()


def init_app(app: Flask) -> None:
    """Want a token of every request that needs one; let go of what it held at its end."""
    app.before_request(require_token)
    app.teardown_request(_end)


def group() -> str:
    """The name of the route group that the current request met; the endpoint's, where there is no blueprint."""
    return request.blueprint or request.endpoint or ""


def hooked(outgoing: Outgoing) -> Outgoing:
    """The request as the team's `before_send` hooks leave it."""
    hooks: Hooks = current_app.extensions["hooks"]
    if hooks.before_send:
        hooks.before_send.run(outgoing.group, outgoing)
    return outgoing


def asker() -> headers.Asker:
    """Who sent the current request, and under which address we were asked."""
    scheme = request.scheme
    return headers.Asker(request.remote_addr, scheme, _host(scheme, request.environ), g.request_id)


def _host(scheme: str, environ: "WSGIEnvironment") -> str:
    """As `request.host`, which would ask for each part of it through Werkzeug."""
    field = environ.get("HTTP_HOST")
    return get_host(scheme, field) if field else request.host


def backend_path(template: str, *segments: str) -> str:
    """A path of the backend: each `{}` of `template` becomes one segment, whatever is in it.

    Args:
        template: The path with a `{}` for each segment.
        segments: As the URL rule gives them: raw, percent-encoded. Each is decoded once, and encoded anew with no
            character left that could end a segment (RFC 3986 §3.3).

    Raises:
        NotFound: A segment is `.` or `..` (RFC 3986 §5.2.4): HTTP clients and servers fold these away.
        BadRequest: A segment holds a broken escape, NUL, or what is not UTF-8.
    """
    return template.format(*map(_encode_anew, segments))


def json_body(*required: str, missing: str = "Faltan campos requeridos") -> JsonBody:
    """The body of the current request, which must be a JSON object (RFC 8259: in UTF-8) and say that it is one.

    Args:
        required: Fields that must be there: neither absent, nor null, nor a blank string.
        missing: The message when one is not.

    Raises:
        BadRequest: It is no such object, or a required field is missing.
        TooLarge: It is longer than MAX_CONTENT_LENGTH.
    """
    body = JsonBody(_whole_body())
    # A cross-site form can send JSON too, but not under this content type without a preflight.
    if request.mimetype != "application/json":
        raise BadRequest("the body is not application/json")
    try:
        body.fields = strict_json.parse_unambiguous(body)
    except ValueError as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(body.fields, dict):
        raise BadRequest("the body is not a JSON object")
    if any(_is_blank(body.fields.get(name)) for name in required):
        raise BadRequest("a required field is missing", message=missing)
    return body


def _whole_body() -> bytes:
    settings: Settings = current_app.extensions["settings"]
    try:
        body = request.get_data()
    except (BffError, HTTPException):
        raise
    except Exception as error:  # each server has its own for a chunk that is none
        raise BadRequest("the browser's body broke off") from error
    if len(body) > settings.max_content_length:
        raise TooLarge
    if request.content_length not in {None, len(body)}:
        raise BadRequest("the browser hung up in its body")
    return body


def _json_body_of(fields: dict[str, Any]) -> JsonBody:
    try:
        body = JsonBody(strict_json.dumps(fields))
    except ValueError as error:
        raise BadRequest("the body cannot be written again") from error
    body.fields = fields
    return body


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _encode_anew(raw_segment: str) -> str:
    if _BROKEN_ESCAPE.search(raw_segment):
        raise BadRequest("a path segment holds a broken escape")
    try:
        segment = unquote_to_bytes(raw_segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("a path segment is not UTF-8") from error
    if "\0" in segment:
        raise BadRequest("a path segment holds NUL")
    if segment in {".", ".."}:
        raise NotFound("a path segment is a dot segment")
    return quote(segment, safe="")
