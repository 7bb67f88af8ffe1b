"""The two JSON envelopes, and the HTML page that Express sends for what it does not know."""

import html

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.context import log
from sandbox.errors import ApiError
from sandbox.wire import MAX_BODY_BYTES


def success(data: object = None, *, status: int = 200, **members: object) -> Response:
    """`{"success": true, …}`, with `data` unless it is None."""
    body = {"success": True, **members} if data is None else {"success": True, **members, "data": data}
    response = jsonify(body)
    response.status_code = status
    return response


def handle_errors(app: Flask) -> None:
    """Give every failure of the application the shape that the original gives it."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)


def _failure(status: int, error: str, **extra: object) -> Response:
    response = jsonify({"success": False, "error": error, **extra})
    response.status_code = status
    return response


def _refused(error: ApiError) -> Response:
    response = _failure(error.status, error.error, **error.extra)
    response.headers.update(error.headers)
    return response


def _http_error(error: HTTPException) -> Response:
    if error.code == 413:
        return _failure(413, "request entity too large")
    if error.code not in (404, 405):
        return _failure(error.code or 500, error.description or error.name)
    message = html.escape(f"Cannot {request.method} {request.path}")
    page = f"<title>Error</title>\n<body>\n<pre>{message}</pre>\n</body>\n</html>\n"
    return Response(f'<!DOCTYPE html>\n<html lang="en">\n{page}', status=404, mimetype="text/html")


def _failed(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.url_rule)
    return _failure(500, str(error))
