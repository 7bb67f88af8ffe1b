"""The backends: whether each answers, and whether what answers is one."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from ipaddress import ip_address
from typing import NamedTuple

from checks.findings import Finding, ok, warn, wrong
from checks.network import address, in_time, is_this_machine
from config import Settings
from proxy.errors import BackendInvalid, BackendTimeout, BffError
from proxy.upstream import Upstream

_ANSWER_SECONDS, _ALL_SECONDS = 3.0, 6.0
_FAILURES: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (socket.gaierror, "the name does not resolve; is it spelt right, and known on this machine?"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted ({}); BACKEND_CA_BUNDLE takes a private authority"),
    (ssl.SSLError, "does not speak TLS there; is it http://, or another port?"),
    (TimeoutError, "no connection in time; is the address wrong, or a firewall in between?"),
    (ConnectionRefusedError, "refuses the connection; is the backend running, and the port right?"),
    (OSError, "cannot be reached; is there a way from this machine?"),
    (BackendTimeout, "takes the connection, but does not answer in time; is it well?"),
    (BackendInvalid, "answers something that is not HTTP; is it https://, or another port?"),
    (BffError, "closes the connection without an answer; is it https://, or another port?"),
)


class Answer(NamedTuple):
    """How a backend answered; `peer` is its IP address."""

    status: int
    headers: Mapping[str, str]
    peer: str


def check_backends(settings: Settings) -> Iterator[Finding]:
    """One finding for each backend, in a few seconds."""
    if settings.api_base_url is None:
        yield ok("API_BASE_URL", "not set: the sandbox is started, and used")
    else:
        yield _check_backend("API_BASE_URL", settings.api_base_url, settings)
    if settings.proxy_allow and settings.proxy_base_url and settings.proxy_base_url != settings.api_base_url:
        yield _check_backend("PROXY_BASE_URL", settings.proxy_base_url, settings)


def _check_backend(subject: str, url: str, settings: Settings) -> Finding:
    if is_this_machine(url) and address(url)[1] == settings.port:
        return wrong(subject, f"{url} is this service itself, by its PORT; set the backend's address")
    try:
        answer = in_time(lambda: _ask(url, settings), _ALL_SECONDS)
    except (OSError, BffError) as error:
        text = next(text for kind, text in _FAILURES if isinstance(error, kind))
        return wrong(subject, f"{url}: {text.format(getattr(error, 'verify_message', ''))}")
    return judge(subject, url, answer)


def judge(subject: str, url: str, answer: Answer) -> Finding:
    """What the answer to `HEAD /` below the base URL means; a 404 is as good as any."""
    status, media_type = answer.status, answer.headers.get("Content-Type", "")
    if "X-BFF-Error" in answer.headers:
        return wrong(subject, f"{url} is a BFF, perhaps this very one; set the backend's address")
    if url.startswith("http:") and ip_address(answer.peer).is_global:
        return warn(subject, f"{url}: whoever is on the way reads the tokens; https://")
    if 300 <= status < 400:
        return warn(subject, f"{url} redirects ({status}), and redirects are not followed; set where it leads to")
    if status >= 500 and status != 501:
        return warn(subject, f"{url} answers {status}: something is there, but not well; look at the backend's log")
    if status < 300 and media_type.startswith("text/html"):
        return warn(subject, f"{url} answers a web page; is it the front end's address, or a path prefix missing?")
    return ok(subject, f"{url} answers ({status})")


def _ask(url: str, settings: Settings) -> Answer:
    peer = _connect(url, settings)
    with closing(Upstream(url, settings)) as upstream:
        reply = upstream.send("HEAD", "/", {"Connection": "close"}, deadline=_ANSWER_SECONDS)
        reply.close()
    return Answer(reply.status_code, reply.headers, peer)


def _connect(url: str, settings: Settings) -> str:
    """The IP address at the other end; a failure is told better here than by an exchange."""
    with socket.create_connection(address(url), settings.connect_timeout) as connection:
        peer: str = connection.getpeername()[0]
        if url.startswith("https:"):
            context = ssl.create_default_context(cafile=settings.backend_ca_bundle)
            context.wrap_socket(connection, server_hostname=address(url)[0].rstrip(".")).close()
    return peer
