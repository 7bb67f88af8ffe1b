"""Every way a request can fail, as one tree.

BffError                  500 internal             a defect of ours
├ BadRequest              400 bad_request          the request cannot be understood, or cannot go out
├ NotSignedIn             401 no_session           no cookie with a token, or one that cannot be read
│ └ SessionExpired        401 session_expired      the token's own `exp`, or the session's, has passed
├ CrossSite               403 cross_site           another site made the browser send it
├ NotFound                404 not_found            no such path
├ MethodNotAllowed        405 method_not_allowed   the path exists, this method does not
├ TooLarge                413 too_large            the body is over the limit
├ RateLimited             429 rate_limited         too many attempts to sign in, register or reset a password
├ BackendSaturated        503 saturated            no free slot for another exchange
├ BackendDown             503 backend_down         there is no use in asking the backend now
├ BackendUnreachable      502 backend_unreachable  refused, reset, DNS, TLS
├ BackendInvalid          502 backend_invalid      not HTTP, cut short, or not JSON where JSON is due
└ BackendTimeout          504 backend_timeout      no connection, no byte or no end in time
"""

from collections.abc import Mapping
from types import MappingProxyType


class BffError(Exception):
    """A failure the browser is told of: its status, the code of `X-BFF-Error`, and the message in Spanish.

    The text of the exception itself is for the log; `more` stands in the response beside the message.
    """

    status = 500
    code = "internal"
    message = "Error interno del servidor"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, detail: str = "", *, message: str | None = None, **more: str) -> None:
        super().__init__(detail or self.code)
        self.more = more
        self.message = message or self.message


class BadRequest(BffError):
    """400: the body is not a JSON object, a required field is missing, or a path cannot go out."""

    status = 400
    code = "bad_request"
    message = "Solicitud inválida"


class NotSignedIn(BffError):
    """401: there is no token to forward."""

    status = 401
    code = "no_session"
    message = "No autorizado"


class SessionExpired(NotSignedIn):
    """401: there is a token, and by its own `exp` or by the session around it, it is over."""

    code = "session_expired"
    message = "La sesión ha expirado"


class CrossSite(BffError):
    """403: the request comes from a page of another site."""

    status = 403
    code = "cross_site"
    message = "Solicitud de otro sitio rechazada"


class NotFound(BffError):
    """404: nothing is served at this path."""

    status = 404
    code = "not_found"
    message = "No encontrado"


class MethodNotAllowed(BffError):
    """405: the path is served, with other methods."""

    status = 405
    code = "method_not_allowed"
    message = "Método no permitido"


class TooLarge(BffError):
    """413: the body is over MAX_CONTENT_LENGTH."""

    status = 413
    code = "too_large"
    message = "La solicitud es demasiado grande"


class RateLimited(BffError):
    """429: more attempts than RATELIMIT_AUTH allows; after `seconds` there is one again."""

    status = 429
    code = "rate_limited"

    def __init__(self, seconds: int, detail: str = "") -> None:
        super().__init__(detail, message=f"Demasiados intentos; inténtalo de nuevo en {seconds} s")
        self.headers = {"Retry-After": str(seconds)}


class BackendSaturated(BffError):
    """503: as many exchanges are under way as this process may hold."""

    status = 503
    code = "saturated"
    message = "El servicio está saturado; inténtalo de nuevo en un momento"
    headers = MappingProxyType({"Retry-After": "1"})


class BackendDown(BffError):
    """503: there is no use in asking the backend now."""

    status = 503
    code = "backend_down"
    message = "El servicio no está disponible; inténtalo de nuevo en un momento"
    headers = MappingProxyType({"Retry-After": "1"})


class BackendUnreachable(BffError):
    """502: no exchange with the backend came about."""

    status = 502
    code = "backend_unreachable"
    message = "No se pudo conectar con el servicio"


class BackendInvalid(BffError):
    """502: the backend answered, and nothing can be made of it."""

    status = 502
    code = "backend_invalid"
    message = "El servicio dio una respuesta no válida"


class BackendTimeout(BffError):
    """504: the backend took longer than it may."""

    status = 504
    code = "backend_timeout"
    message = "El servicio tardó demasiado en responder"
