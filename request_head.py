"""What two servers could read in two ways in the head of a request, and gunicorn's parser lets through."""

import re
from typing import TYPE_CHECKING

from gunicorn.http.errors import InvalidHeader, InvalidHeaderName, InvalidRequestLine

if TYPE_CHECKING:
    from gunicorn.http.message import Request

_PORT = r"(?:[0-9]{0,4}|[0-5][0-9]{4}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5]))))"
_HOST = re.compile(rf"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::{_PORT})?")  # RFC 9110 §7.2
# To WSGI, `X_Request_ID` and `X-Request-ID` are one name (PEP 3333); these are read here, under the latter.
_READ_HERE = frozenset(
    "CONTENT-LENGTH CONTENT-TYPE TRANSFER-ENCODING X-FORWARDED-FOR X-FORWARDED-PROTO X-FORWARDED-HOST X-FORWARDED-PORT "
    "X-FORWARDED-PREFIX X-REQUEST-ID SEC-FETCH-SITE ACCESS-CONTROL-REQUEST-METHOD ACCESS-CONTROL-REQUEST-HEADERS "
    "MAX-FORWARDS USER-AGENT ACCEPT-LANGUAGE SCRIPT-NAME PATH-INFO REMOTE-ADDR".split()
)


def require_one_meaning(request: "Request") -> None:
    """Refuse what is ambiguous; leave the rest so that WSGI has no choice either: one Cookie line, `close` heeded.

    Raises:
        ParseException: RFC 9112 §3.2 (Host, request target), §6.1 (transfer codings); or a name with underscores that
            WSGI takes for one with hyphens. Other names with underscores are dropped, as nginx does.
    """
    host, cookies, kept = "", [], []
    for name, value in request.headers:
        if name == "COOKIE":
            cookies.append(value)
            continue
        if name == "HOST":
            host = value
        elif "_" in name:
            if name.replace("_", "-") in _READ_HERE:
                raise InvalidHeaderName(name)
            continue
        elif name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise InvalidHeader(name)
        elif name == "CONNECTION" and "close" in re.split(r"[ \t]*,[ \t]*", value.lower()):
            request.force_close()  # RFC 9112 §9.6; gunicorn knows it as the only option of the first line
        kept.append((name, value))
    if not _HOST.fullmatch(host) and (host or request.version >= (1, 1)):
        raise InvalidHeader("HOST")
    if not _is_target(request.uri, request.method, host):
        raise InvalidRequestLine(request.uri)
    if cookies:
        kept.append(("COOKIE", "; ".join(cookies)))  # RFC 9113 §8.2.3; WSGI would join them with a comma
    request.headers = kept


def _is_target(target: str, method: str, host: str) -> bool:
    """Whether a request target is a path, `*`, or a URL whose authority is the Host (RFC 9112 §3.2)."""
    if "#" in target:
        return False
    if target.startswith("/"):
        return True
    scheme, _, rest = target.partition("://")
    is_url = scheme.lower() in {"http", "https"} and re.split("[/?]", rest, maxsplit=1)[0].lower() == host.lower()
    return (is_url and host != "") or (target == "*" and method == "OPTIONS")
