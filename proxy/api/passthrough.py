"""/api/proxy/*: an allow-listed path of the backend, streamed through both ways."""

import hashlib
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import requests
from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import BaseConverter, Rule

from config import Settings
from proxy import headers
from proxy.allowlist import AllowList, leads_to_credentials, require_one_meaning
from proxy.errors import BadRequest, NotFound
from proxy.fetch import asker, group, hooked, is_answered_for_all, keep_slot, start_at_the_backend
from proxy.hooks import Outgoing
from proxy.streams import RequestBody, ResponseBody
from proxy.upstream import Upstream, Watch, has_body
from raw_path import raw_target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/api/proxy"
_NEVER = frozenset({"TRACE", "CONNECT"})


class Passthrough:
    """What the route needs: the backend, the allow-list, and a name by which to see a loop."""

    def __init__(self, base_url: str, settings: Settings, upstream: Upstream) -> None:
        self.base_url = base_url
        self.base_path = urlsplit(base_url).path
        self.upstream = upstream
        self.allow = AllowList(settings.proxy_allow)
        self.max_content_length = settings.proxy_max_content_length
        # The same in every process and instance before one backend, so that a loop through several is seen too.
        self.pseudonym = f"bff-{hashlib.sha256(base_url.encode()).hexdigest()[:12]}"


class _Rest(BaseConverter):
    """The rest of the path, whatever it holds; Werkzeug's own converter would not see an empty first segment."""

    regex = ".*"
    part_isolating = False


class _Streamed(Response):
    default_mimetype = None  # a reply without a type stays without one

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - Werkzeug's signature
        """The fields as they are (called by Werkzeug, which would take Last-Modified and others out of a 304)."""
        return self.headers

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve the response (PEP 3333); let go of its slot where the server refuses a header field."""
        try:
            return super().__call__(environ, start_response)
        except BaseException:
            self.close()
            raise


def init_app(app: Flask, settings: Settings, watch: Watch) -> None:
    """Serve the route, if PROXY_ALLOW names anything; it takes any method, so it is no blueprint's."""
    base_url = settings.proxy_base_url
    if base_url is None or not settings.proxy_allow:
        return
    is_the_same = base_url == settings.api_base_url  # one backend, one breaker
    upstream = app.extensions["upstream"] if is_the_same else Upstream(base_url, settings, watch)
    app.extensions["passthrough"] = Passthrough(base_url, settings, upstream)
    app.url_map.converters["rest"] = _Rest
    app.url_map.add(Rule(f"{PREFIX}/<rest:path>", endpoint="passthrough"))
    app.view_functions["passthrough"] = forward


def forward(**_decoded: str) -> Response:
    """The backend's reply as it is, errors included; a preflight alone is ours to answer."""
    if is_answered_for_all() or _asks_us_alone():
        return Response(status=204)
    passthrough: Passthrough = current_app.extensions["passthrough"]
    path, query = _target_below_prefix()
    _require_allowed(passthrough, path)
    body = _body(passthrough)
    if body:
        g.request_body = body
    response = _response(passthrough, _send(passthrough, f"/{path}{query}", body))
    response.call_on_close(keep_slot())
    return response


def _asks_us_alone() -> bool:
    """An OPTIONS that may go no further (RFC 9110 §7.6.2)."""
    return request.method == "OPTIONS" and request.headers.get("Max-Forwards", "").strip() == "0"


def _target_below_prefix() -> tuple[str, str]:
    """The path below PREFIX, and the query with its question mark, both as they came.

    Raises:
        BadRequest: It has more than one meaning, or the request target is a whole URL (RFC 9112 §3.2.2).
    """
    target = raw_target(request.environ)
    if not target.startswith(f"{PREFIX}/"):
        raise BadRequest("the request target is not a path of ours as it stands")
    path, question_mark, query = target.removeprefix(f"{PREFIX}/").partition("?")
    require_one_meaning(path)
    return path, question_mark + query


def _require_allowed(passthrough: Passthrough, path: str) -> None:
    if leads_to_credentials(f"{passthrough.base_path}/{path}"):
        raise NotFound("the backend's answer would hold a token")
    methods = passthrough.allow.methods(path)
    if methods is not None and not methods:
        raise NotFound("no entry of PROXY_ALLOW names the path")
    if request.method in _NEVER or (methods is not None and request.method not in methods):
        _refuse_method(methods)
    if passthrough.pseudonym in request.headers.get("Via", ""):
        raise BadRequest("the request has come through here before")  # RFC 9110 §7.6.3


def _refuse_method(methods: frozenset[str] | None) -> NoReturn:
    offered = methods or {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    raise MethodNotAllowed(sorted(offered - _NEVER))


def _body(passthrough: Passthrough) -> RequestBody | None:
    if request.content_length is None and "Transfer-Encoding" not in request.headers:
        return None
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise BadRequest("a transfer coding that would be lost on the way")
    return RequestBody(request.environ["wsgi.input"], request.content_length, passthrough.max_content_length)


def _send(passthrough: Passthrough, target: str, body: RequestBody | None) -> requests.Response:
    fields = headers.outgoing_all(request.headers, asker(), g.token, passthrough.pseudonym)
    outgoing = hooked(Outgoing(group(), request.method, target, fields, body, g.token))
    left = start_at_the_backend()
    reply = g.reply = passthrough.upstream.send(
        outgoing.method, outgoing.target, outgoing.headers, outgoing.body, deadline=left, bounds_body=False
    )
    g.backend_ended = time.monotonic()
    return reply


def _response(passthrough: Passthrough, reply: requests.Response) -> Response:
    fields = headers.incoming_all(reply.raw.headers.items(), passthrough.base_url, PREFIX, g.token)
    content = g.response_body = ResponseBody(reply if has_body(reply) else None)
    response = _Streamed(content, status=reply.status_code, headers=list(fields))
    response.headers.add("Vary", "Sec-Fetch-Dest")
    if request.headers.get("Sec-Fetch-Dest") == "document":
        # Opened as a page, it would be there after logout: sandboxed, it has no origin that Clear-Site-Data could name.
        response.headers["Cache-Control"] = "no-store"
    return response
