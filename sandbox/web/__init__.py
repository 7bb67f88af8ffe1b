"""The sandbox's front end: a page at `/` and its files below `/web`, for the origin that serves `/api`.

Plain files, without a build step. All they know of the service is its `/api/*`, as any front end would.
"""

from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, g, request

HERE = Path(__file__).parent
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# Scripts, styles and requests of our origin alone, nothing inline, and in browsers that know Trusted Types no text that
# becomes markup or code.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

bp = Blueprint("web", __name__)


def init_app(app: Flask) -> None:
    """Serve the page and its files from `app`."""
    app.register_blueprint(bp)


@bp.get("/")
def get_page() -> Response:
    """The page; which of its views is shown is in the fragment, which no server sees."""
    response = Response((HERE / "index.html").read_bytes(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@bp.get("/web/<path:name>")
def get_file(name: str) -> Response:
    """A file of the page's; the browser keeps it, and asks each time whether it still is the same (RFC 9110 §13)."""
    g.is_quiet = True  # forty files a visit: no news for the log
    path = _files().get(name) or abort(404)
    response = Response(path.read_bytes(), mimetype=TYPES[path.suffix])
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@cache
def _files() -> dict[str, Path]:
    """All that may be asked for, by its name: no name leads out of the folder."""
    return {path.relative_to(HERE).as_posix(): path for path in HERE.rglob("*") if path.suffix in TYPES}


# What the service asks of a view that is served without a token.
get_page.is_public = True  # type: ignore[attr-defined]
get_file.is_public = True  # type: ignore[attr-defined]
