"""HTTP as Express and its middleware speak it: request id, CORS, bodies, path parameters, ETag."""

import json
import re
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qs, unquote

from flask import Response, g, request

from sandbox.errors import ApiError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 100 * 1024
MAX_DEPTH = 100  # far beyond what a field takes; each level costs the parser and the answer a level of the stack
ALLOWED_ORIGINS = frozenset({"https://kilometracker.vercel.app", "http://localhost:3000", "http://localhost:5173"})
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # the parser has joined those that make a pair
_TOO_DEEP = f"A body of more than {MAX_DEPTH} levels is not taken"


class CaseInsensitivePaths:
    """WSGI middleware: the fixed words of a path may be written in any case; parameters stay as they are."""

    def __init__(self, app: "WSGIApplication", words: frozenset[str]) -> None:
        self._app = app
        self._words = words

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Hand on the request with the words it has in lower case."""
        segments = environ["PATH_INFO"].split("/")
        environ["PATH_INFO"] = "/".join(s.lower() if s.lower() in self._words else s for s in segments)
        return self._app(environ, start_response)


def adopt_request_id() -> None:
    """Take over the caller's `X-Request-ID`, or make one."""
    g.request_id = request.headers.get("X-Request-ID") or str(uuid.uuid4())


def check_origin() -> Response | None:
    """Answer a CORS preflight, and refuse an origin that is not on the list.

    Raises:
        ApiError: 500, which is what the `cors` package makes of its own refusal.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin not in ALLOWED_ORIGINS:
        raise ApiError(500, "Not allowed by CORS")
    return Response(status=204) if request.method == "OPTIONS" else None


def read_body() -> None:
    """Parse a JSON or urlencoded body into `g.body`; None when there is no body of either type.

    Raises:
        ApiError: 400, where it is not JSON, nested too deeply, or neither an object nor an array.
        RequestEntityTooLarge: More than `MAX_BODY_BYTES`.
    """
    g.body = None
    if request.content_length is None and "Transfer-Encoding" not in request.headers:
        return
    if request.mimetype == "application/json":
        g.body = _json_fields(request.get_data())
    elif request.mimetype == "application/x-www-form-urlencoded":
        pairs = parse_qs(request.get_data(as_text=True), keep_blank_values=True)
        g.body = {name: values if len(values) > 1 else values[0] for name, values in pairs.items()}


def decode_parameters() -> None:
    """Decode each parameter of the path into `g.params`, once; a view gets them by `check`, like all that was sent.

    Raises:
        ApiError: 400, where an escape is broken or is not UTF-8.
    """
    g.params = {name: _decoded(raw) for name, raw in (request.view_args or {}).items()}
    request.view_args = {}


def finish(response: Response) -> Response:
    """Add what every answer carries, and turn it into a 304 where the caller has it already."""
    response.headers["X-Request-ID"] = g.request_id
    origin = request.headers.get("Origin")
    if origin in ALLOWED_ORIGINS:
        response.headers["Access-Control-Allow-Origin"] = str(origin)
        response.headers["Access-Control-Allow-Credentials"] = "true"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET,POST,PUT,PATCH,DELETE,OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type,Authorization,X-Request-ID"
    response.vary.add("Origin")
    response.add_etag(weak=True)
    if response.status_code == 200:
        response.make_conditional(request)
    return response


def _json_fields(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        parsed = _storable(json.loads(body, parse_constant=_refuse_constant))
    except ValueError as error:
        raise ApiError(400, f"{error} is not valid JSON") from error
    except RecursionError as error:
        raise ApiError(400, _TOO_DEEP) from error
    if not isinstance(parsed, dict | list):
        raise ApiError(400, f"Unexpected token, {json.dumps(parsed)} is not valid JSON")
    return parsed if isinstance(parsed, dict) else {}  # an array has none of the fields that are asked for


def _storable(value: Any, depth: int = 0) -> Any:
    """The value in texts that UTF-8 can write: like Node, with U+FFFD for half a surrogate pair (RFC 3629 §3)."""
    if depth > MAX_DEPTH:
        raise ApiError(400, _TOO_DEEP)
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_storable(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item, depth + 1) for name, item in value.items()}
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"Unexpected token {name}")


def _decoded(raw: str) -> str:
    refusal = ApiError(400, f"Failed to decode param '{raw}'")
    if _BROKEN_ESCAPE.search(raw):
        raise refusal
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise refusal from error
