"""The service without its event in the log and without metrics: what `bench.overhead` compares it with."""

from functools import partial

from flask import Flask, Response, g

from app import create_app
from proxy import observability


def _without(app: Flask) -> Flask:
    guards, ends = app.before_request_funcs[None], app.after_request_funcs[None]
    guards[:] = [_begin, *(guard for guard in guards if not _is(guard, "_begin"))]
    ends[:] = [_end, *(end for end in ends if not _is(end, "_end"))]
    return app


def _is(function: object, name: str) -> bool:
    return isinstance(function, partial) and function.func is getattr(observability, name)


def _begin() -> None:
    g.request_id = "quiet"


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    return response


app = _without(create_app())
