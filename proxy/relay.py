"""What the browser gets back: the backend's reply, or an error, always as JSON."""

import json
import re
import time
from functools import partial
from http import HTTPStatus

import orjson
import requests
import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from lean_flask import LeanResponse
from proxy import headers, strict_json
from proxy.errors import BackendInvalid, BadRequest, BffError, MethodNotAllowed, NotFound, TooLarge
from proxy.hooks import Hooks
from proxy.upstream import read_body

log = structlog.get_logger()

_DUPLICATE_KEY = re.compile(r"E11000 duplicate key .*?\bindex: (?P<field>\w+?)_1\b")
_LONGEST_DATABASE_ERROR = 1000
_COMPACT = (",", ":")
_BY_STATUS = {error.status: error for error in (BadRequest, NotFound, MethodNotAllowed, TooLarge)}


def relay(reply: requests.Response, *, otherwise: str) -> Response:
    """The backend's reply as the browser's response, its status kept.

    A JSON body goes back byte for byte. An error is reduced to `{"error": message}`: what the backend says in `error`,
    else in `message`.

    Args:
        reply: From `bff_fetch`; its body is read here.
        otherwise: The message when the backend gives none.

    Raises:
        BackendInvalid: A redirect, or a body that is not JSON or ends too early. 204 and errors may come without one.
        BackendTimeout: The body did not end in time.
    """
    body = read_body(reply)
    g.backend_ended = time.monotonic()
    status = reply.status_code
    if not 200 <= status < 300 and not 400 <= status < 600:
        raise BackendInvalid(f"the backend answered {status}")
    if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BackendInvalid("the backend compresses though it was asked not to")
    try:
        response = _error(body, status, otherwise) if status >= 400 else _success(body, status)
    except ValueError as error:
        raise BackendInvalid("the backend's body is not JSON") from error
    if fields := headers.incoming(reply.headers):
        response.headers.update(fields)
    return response


def _success(body: bytes, status: int) -> Response:
    if body or status != HTTPStatus.NO_CONTENT:
        strict_json.require(body)
    response = LeanResponse(body, status, content_type="application/json")
    if not body:
        del response.headers["Content-Type"]
    return response


def _error(body: bytes, status: int, otherwise: str) -> Response:
    return _json(status, {"error": _message(strict_json.parse(body) if body else None, status, otherwise)})


def _json(status: int, fields: dict[str, str]) -> Response:
    try:
        body = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, in a message of the backend's
        body = f"{current_app.json.dumps(fields, separators=_COMPACT)}\n".encode()
    return LeanResponse(body, status, content_type="application/json")


def without_token(response: Response) -> Response:
    """The response, less every field named `token`: a session belongs into the cookie, out of the script's reach."""
    found: list[object] = []

    def drop(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found.extend(value for name, value in pairs if name == "token")
        return {name: value for name, value in pairs if name != "token"}

    if response.data:
        try:
            document = json.loads(response.data, object_pairs_hook=drop)
            response.data = current_app.json.dumps(document) if found else response.data
        except RecursionError:  # at a depth that could just be read
            return _show(BackendInvalid("the backend's body is nested too deep"))
    return response


def init_app(app: Flask, hooks: Hooks) -> None:
    """Answer every exception in the one shape, and let the team's `before_response` hooks have the last word."""
    if hooks.before_response:
        app.after_request(partial(_run_hooks, hooks))
    app.register_error_handler(BffError, _show)
    app.register_error_handler(HTTPException, _show_http)
    app.register_error_handler(Exception, _show_defect)


def _run_hooks(hooks: Hooks, response: Response) -> Response:
    """After a hook that fails, nothing of the response it was given is shown: it may be what the hook was to hide."""
    group = request.blueprint or request.endpoint
    if group is None or group == "health":
        return response
    try:
        hooks.before_response.run(group, response)
    except ConnectionError:  # the hook read a stream that the backend cut short
        response.close()
        return _show(BackendInvalid("cut short while a hook read it"))
    except Exception as error:  # Flask would answer with a page of its own, and leave out what later steps add
        response.close()
        return _show(error) if isinstance(error, BffError) else _show_defect(error)
    return response


def _message(document: object, status: int, otherwise: str) -> str:
    """What went wrong, in words meant for the user."""
    if status == TooLarge.status:
        return TooLarge.message  # the backend's own is its parser's, in English
    said = document if isinstance(document, dict) else {}
    texts = (text for text in (said.get("error"), said.get("message")) if isinstance(text, str) and text.strip())
    text = next(texts, otherwise)
    # The database's words, with the names of its collections and indexes.
    duplicate = _DUPLICATE_KEY.match(text[:_LONGEST_DATABASE_ERROR])
    return f"El {duplicate['field']} ya existe" if duplicate else text


def _show(error: BffError) -> Response:
    g.error_code, g.error_detail = error.code, str(error)
    response = _json(error.status, {"error": error.message, **error.more})
    response.headers["X-BFF-Error"] = error.code
    response.headers.update(error.headers)
    return response


def _show_http(error: HTTPException) -> Response:
    """What Flask and Werkzeug raise by themselves: no such path or method, a body too long, a request cut short."""
    status = error.code or 500
    kind = _BY_STATUS.get(status, BadRequest if status < 500 else BffError)
    response = _show(kind(error.name))
    response.headers.extend(field for field in error.get_headers() if field[0] == "Allow")
    return response


def _show_defect(error: Exception) -> Response:
    log.error("defect", detail=type(error).__name__, request_id=g.get("request_id"), exc_info=error)
    return _show(BffError(type(error).__name__))
