"""What keeps a browser out of trouble: who may call across origins, and the headers that every answer carries."""

from flask import Flask, Response
from flask_cors import CORS

from config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Let the pages of CORS_ORIGINS call with credentials, and mark every answer as this user's alone."""
    if settings.cors_origins:
        CORS(
            app,
            origins=list(settings.cors_origins),  # exact ones: flask-cors would take `*`, with credentials
            supports_credentials=True,
            expose_headers=["X-Request-ID", "X-BFF-Error", "Retry-After"],
            max_age=600,
        )
        app.after_request(_vary_by_origin)
    app.after_request(_forbid_storing)


def _vary_by_origin(response: Response) -> Response:
    """Fetch §3.2.5 wants it on every answer; flask-cors leaves it out where one origin alone is configured."""
    response.vary.add("Origin")
    return response


def _forbid_storing(response: Response) -> Response:
    """RFC 9111 §5.2.2.5: answers are per user, and no cache looks at the cookie."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
