"""The service without its event in the log and without metrics: what `bench.overhead` compares it with.

Both give each request its id, which the backend and the browser are told.
"""

from functools import partial

from flask import Flask, Response, g

from app import create_app
from proxy import observability
from proxy.metrics import Metrics


def _without(app: Flask) -> Flask:
    ends = app.after_request_funcs[None]
    ends[:] = [partial(_end, app.extensions["metrics"]), *(end for end in ends if not _is_its_end(end))]
    return app


def _is_its_end(function: object) -> bool:
    return isinstance(function, partial) and function.func is observability._end


def _end(metrics: Metrics, response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    metrics.under_way.discard(g.ticket)
    return response


app = _without(create_app())
