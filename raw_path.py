"""The path as the client wrote it.

WSGI hands on a path that is already decoded (PEP 3333), in which `%2F` and `/` look the same: vehicle `A/B` could not
be told from two segments. The servers we run under keep the request target beside it, so the raw path can be put back.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PLAIN = re.compile("/[!-~]*")
_PRINTABLE_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class RawPath:
    """WSGI middleware: PATH_INFO becomes the path of the request target, still percent-encoded, in ASCII.

    URL rules then match on segments as they came; whoever uses a segment decodes it, once.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        environ["PATH_INFO"] = raw_path(environ)
        return self._app(environ, start_response)


def raw_path(environ: "WSGIEnvironment") -> str:
    """The path of the request target, as it came; a byte outside of printable ASCII is percent-encoded."""
    path = raw_target(environ).partition("?")[0]
    if _PLAIN.fullmatch(path):
        return path
    if "://" in path and not path.startswith("/"):  # absolute-form, RFC 9112 §3.2.2
        path = "/" + path.partition("://")[2].partition("/")[2]
    return quote(path.encode("latin-1"), safe=_PRINTABLE_ASCII)


def raw_target(environ: "WSGIEnvironment") -> str:
    """The request target as it came (RFC 9112 §3.2), its bytes as latin-1.

    A server that hands on none (neither `RAW_URI` nor `REQUEST_URI`) has its decoded path encoded again: right for
    everything but `%2F`; the query is left out then.
    """
    target: str | None = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    return quote(environ.get("PATH_INFO", "").encode("latin-1")) if target is None else target
