"""Our transport below Flask, and nothing else: no checks, header rules, ids, log or metrics of requests.

What the service costs more than this is all that it does. The worker is the service's own, and asks for its parts.
"""

from types import SimpleNamespace

from flask import Flask, Response, request

import config
from proxy.metrics import Metrics
from proxy.upstream import Upstream, read_body

_FIELDS = {"Accept": "*/*", "Accept-Encoding": "identity", "Authorization": "Bearer a.eyJzdWIiOiIxIn0.c"}
_WITH_BODY = {**_FIELDS, "Content-Type": "application/json"}


def create_app() -> Flask:
    """The application; its settings are the service's."""
    settings = config.load()
    assert settings.api_base_url is not None
    app = Flask(__name__, static_folder=None)
    app.extensions["settings"] = settings
    app.extensions["metrics"] = Metrics(config.metrics_folder())
    app.extensions["readiness"] = SimpleNamespace()
    upstream = Upstream(settings.api_base_url, settings)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def forward(path: str) -> Response:
        body = request.get_data() or None
        reply = upstream.send(request.method, f"/{path}", _WITH_BODY if body else _FIELDS, body)
        return Response(read_body(reply), reply.status_code, mimetype="application/json")

    return app


app = create_app()
