"""/api/openapi.json: what the service offers, as OpenAPI 3.1; openapi.yaml beside this file is its source."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, Response, current_app, request

from proxy.fetch import public

_SOURCE = Path(__file__).with_suffix(".yaml")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml takes a fifth of the time, where it is there

bp = Blueprint("openapi", __name__, url_prefix="/api/openapi.json")


@bp.get("")
@public
def get_openapi() -> Response:
    """The document, the same for everybody; a 304 where it is known already."""
    document, etag = _document(frozenset(current_app.blueprints))
    response = Response(document, mimetype="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"  # kept, but asked for again each time
    response.make_conditional(request)
    return response


@cache
def _document(served: frozenset[str]) -> tuple[bytes, str]:
    """The document of the groups that are served, as JSON, and its entity tag: made once, when first asked for."""
    source = yaml.load(_SOURCE.read_bytes(), _LOADER)  # noqa: S506 - either of the two is the safe one
    source["paths"] = {path: item for path, item in source["paths"].items() if _tags_of(item) & {*served, "proxy"}}
    source["tags"] = [tag for tag in source["tags"] if tag["name"] in {*served, "proxy"}]
    document = current_app.json.dumps(source).encode()
    return document, sha256(document).hexdigest()[:32]


def _tags_of(item: dict[str, Any]) -> set[str]:
    return {tag for method, operation in item.items() if method != "parameters" for tag in operation["tags"]}
