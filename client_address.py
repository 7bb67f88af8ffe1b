"""The client's address, where proxies in front tell it."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}|\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")


class ClientAddress:
    """WSGI middleware behind ProxyFix: REMOTE_ADDR becomes an IP address, whatever stood in `X-Forwarded-For`.

    Some proxies write the port too. What is no address leaves the one the request came from: our proxy's.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        told = environ["werkzeug.proxy_fix.orig"]["REMOTE_ADDR"]
        environ["REMOTE_ADDR"] = _address(environ.get("REMOTE_ADDR", "")) or told
        return self._app(environ, start_response)


def _address(text: str) -> str | None:
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        return None if "%" in text else str(ip_address(text))  # a zone (RFC 4007 §11) may be any text
    except ValueError:
        return None
