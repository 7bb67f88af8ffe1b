"""The way to the backend: one pooled `requests.Session` that sends what it is given, and nothing of its own.

Every failure of the network becomes one of `errors` here; nothing above knows `requests` but by the type of a reply.
"""

import http.client
import re
import ssl
import time
from collections.abc import Iterator, Mapping

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from config import Settings
from proxy.errors import BackendInvalid, BackendTimeout, BackendUnreachable, BadRequest, BffError
from proxy.transport import Adapter, Exchange, Session, current_exchange

# RFC 9112 §3.2.1: behind anything but a slash, `http://api` + `@evil.example/` is another host; and neither blanks nor
# control characters fit into a request line.
_TARGET = re.compile(r"/[^\x00-\x20\x7f]*")


class Upstream:
    """The backend: its address, and the connections that are open to it.

    Args:
        settings: `api_base_url`, the timeouts, `threads` (the size of the pool) and `backend_ca_bundle` are used.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.api_base_url is None:
            raise ValueError("api_base_url is None")
        self._base_url = settings.api_base_url
        self._prefix = re.sub(r"^https?://[^/]*", "", self._base_url)
        self._connect_timeout = settings.connect_timeout
        self._read_timeout = settings.read_timeout
        self._deadline = settings.request_deadline
        self._session = Session()
        self._session.mount(self._base_url + "/", Adapter(settings.threads, _tls_context(settings)))

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        deadline: float | None = None,
    ) -> requests.Response:
        """Send one request, and wait for the head of the reply.

        Args:
            method: In capitals.
            target: Path and query below the base URL, percent-encoded; these very characters go out.
            headers: All fields but `Host` and `Content-Length`.
            body: Sent as it is; None sends none.
            deadline: Seconds for the whole exchange, to the last byte of the body; REQUEST_DEADLINE when None.

        Returns:
            The reply, whatever its status, its body unread: pass it to `read`, or close it.

        Raises:
            BadRequest: The target does not begin with a slash, or cannot stand in a request line.
            BackendUnreachable: Refused, reset before a byte came, DNS or TLS.
            BackendInvalid: What came is not HTTP.
            BackendTimeout: No connection or no head in time.
        """
        if not _TARGET.fullmatch(target):
            raise BadRequest("the request target cannot stand in a request line")
        seconds = deadline or self._deadline
        exchange = Exchange(self._prefix + target, self._read_timeout, time.monotonic() + seconds)
        token = current_exchange.set(exchange)
        try:
            return self._session.send(
                _prepare(method, self._base_url + target, headers, body),
                stream=True,
                timeout=(min(self._connect_timeout, seconds), min(self._read_timeout, seconds)),
                allow_redirects=False,
                proxies={},
            )
        except (requests.RequestException, HTTPError) as error:
            raise _translate(error) from error
        finally:
            current_exchange.reset(token)

    def is_reachable(self, deadline: float) -> bool:
        """Whether the backend answers at all within `deadline` seconds; with what status is not asked."""
        try:
            read(self.send("HEAD", "/", {}, deadline=deadline))
        except BffError:
            return False
        return True

    def close(self) -> None:
        """Close every pooled connection."""
        self._session.close()


def read(reply: requests.Response) -> bytes:
    """The whole body of a reply, decompressed; its connection goes back to the pool.

    Raises:
        BackendInvalid: It ends before its announced end, or cannot be decompressed.
        BackendTimeout: It does not end in time.
    """
    try:
        body: bytes = reply.raw.read(decode_content=True)
    except HTTPError as error:
        reply.close()
        if _is_timeout(error):
            raise BackendTimeout("the body did not end in time") from error
        raise BackendInvalid(f"the body was cut short: {type(error).__name__}") from error
    return body


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    """One context for all connections, with the system's authorities or the configured ones; none for plain HTTP."""
    is_tls = (settings.api_base_url or "").startswith("https:")
    return ssl.create_default_context(cafile=settings.backend_ca_bundle) if is_tls else None


def _prepare(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.PreparedRequest:
    """Fill the request by hand: `PreparedRequest.prepare` repairs the URL, and adds cookies and credentials."""
    prepared = requests.PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.headers = CaseInsensitiveDict(headers)
    # Left alone, urllib3 names itself where the browser named nothing.
    prepared.headers.setdefault("User-Agent", SKIP_HEADER)
    prepared.headers.setdefault("Accept-Encoding", SKIP_HEADER)
    prepared.body = body
    if body is not None:
        prepared.headers["Content-Length"] = str(len(body))
    return prepared


def _translate(error: Exception) -> BffError:
    """Which of ours a failure to get a reply is; the detail names types alone, for texts may quote the request."""
    causes = list(_causes(error))
    detail = " < ".join(type(cause).__name__ for cause in causes)
    if any(map(_is_timeout, causes)):
        return BackendTimeout(detail)
    # A connection closed without a byte is both a BadStatusLine and a ConnectionResetError to http.client.
    is_reset = any(isinstance(cause, OSError) and not isinstance(cause, requests.RequestException) for cause in causes)
    if not is_reset and any(isinstance(cause, http.client.HTTPException) for cause in causes):
        return BackendInvalid(detail)
    return BackendUnreachable(detail)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it stands for: requests and urllib3 keep the cause as an argument, or as `reason`."""
    yield error
    inner = [*error.args, getattr(error, "reason", None)]
    for cause in inner:
        if isinstance(cause, BaseException) and cause is not error:
            yield from _causes(cause)


def _is_timeout(error: BaseException) -> bool:
    is_refusal = isinstance(error, urllib3.exceptions.NewConnectionError)  # a ConnectTimeoutError by inheritance only
    return isinstance(error, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError) and not is_refusal
