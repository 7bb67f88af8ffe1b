"""/docs: the explorer, a page that shows /api/openapi.json and tries it, with Swagger UI from this folder.

In development, and where DOCS is on; nothing of it is loaded otherwise.
"""

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, request

from proxy.errors import NotFound
from proxy.fetch import public

_HERE = Path(__file__).parent
_PAGE = "page.html"
# What is served, and as what. A file whose name ends in .gz is served under its name without it.
_FILES = {
    path.name.removesuffix(".gz"): (path, content_type)
    for path, content_type in (
        (_HERE / _PAGE, "text/html; charset=utf-8"),
        (_HERE / "explorer.css", "text/css; charset=utf-8"),
        (_HERE / "explorer.js", "text/javascript; charset=utf-8"),
        (_HERE / "swagger_ui/swagger-ui.css.gz", "text/css; charset=utf-8"),
        (_HERE / "swagger_ui/swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"),
    )
}
# The page is of the origin that the cookie is of: it runs and calls what comes from there, and nothing written into it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

bp = Blueprint("explorer", __name__, url_prefix="/docs")


@bp.get("")
@bp.get("/")
@public
def get_page() -> Response:
    """The explorer."""
    return _serve(_PAGE)


@bp.get("/<name>")
@public
def get_file(name: str) -> Response:
    """A script or style of the explorer's."""
    return _serve(name)


def _serve(name: str) -> Response:
    """One of the files, compressed where that is how it is kept and the browser takes it; a 304 where it is known.

    Raises:
        NotFound: There is no such file.
    """
    if name not in _FILES:
        raise NotFound("the explorer has no such file")
    path, content_type = _FILES[name]
    body, etag = _read(path)
    response = Response(content_type=content_type)
    if path.suffix == ".gz":
        response.headers.add("Vary", "Accept-Encoding")
        if request.accept_encodings["gzip"] > 0:
            response.content_encoding, etag = "gzip", f"{etag}-gzip"  # another representation (RFC 9110 §8.8.3.3)
        else:
            body = gzip.decompress(body)
    response.data = body
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"  # kept, but asked for again each time
    response.headers["Content-Security-Policy"] = _POLICY
    response.make_conditional(request)
    return response


@cache
def _read(path: Path) -> tuple[bytes, str]:
    """The file, and its entity tag."""
    body = path.read_bytes()
    return body, sha256(body).hexdigest()[:32]
