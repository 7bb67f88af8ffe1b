"""gunicorn's threaded worker, made strict (see strictness.py)."""

import select
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.workers import gthread

from config import Settings
from proxy.connect import bound_in_kernel
from strictness import STOPPING_SECONDS, Patience, PatientUnreader, Strictness, linger

if TYPE_CHECKING:
    from gunicorn.http.message import Request

_SILENCE_SECONDS = 0.05
# A connection keeps its thread while its next request follows so closely: so many connections at once (with more, their
# threads would fight for Python's lock, and the slowest requests grow slower), and so many requests, then others' turn.
_NEXT_REQUEST_SECONDS = 0.05
_MOST_STAYING = 8
_MOST_IN_A_ROW = 10


class StrictWorker(Strictness, gthread.ThreadWorker):
    """Serves the application in threads."""

    def load_wsgi(self) -> None:
        """Load the application, and put our connection into the place of gunicorn's."""
        super().load_wsgi()
        self._staying: set[_Connection] = set()
        # It has no settings for these; each is looked up by name when it is needed.
        gthread.TConn = partial(_Connection, self._settings)
        gthread.STOP_KEEPALIVE_LINGER = STOPPING_SECONDS

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take new connections, or no more; a worker that stops takes those that have come, and refuses the rest.

        gunicorn leaves its socket open until the last request has ended: whoever connects would hang as long.
        """
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            for listener in self.sockets:
                waiting = select.poll()
                waiting.register(listener, select.POLLIN)
                while waiting.poll(0):
                    self.accept(listener)
                listener.close()

    def handle(self, conn: Any) -> Any:
        """Serve the next request of a connection, in a thread of the pool, and those that follow it closely.

        gunicorn would hand the connection back to its one main thread behind each, and take another thread for the
        next: under Python's lock, as much work as all of the application (docs/decisions/0012).
        """
        goes_on = self._handle_one(conn)
        if goes_on is True and len(self._staying) < _MOST_STAYING:
            self._staying.add(conn)
            try:
                for _ in range(_MOST_IN_A_ROW):
                    if goes_on is not True or not self._has_more(conn):
                        break
                    goes_on = self._handle_one(conn)
            finally:
                self._staying.discard(conn)
        if goes_on is False:
            linger(conn.sock)
        return goes_on

    def _handle_one(self, conn: "_Connection") -> Any:
        conn.expect_head()
        return super().handle(conn)

    def _has_more(self, conn: "_Connection") -> bool:
        """Whether the next request comes at once, and nobody else wants the thread."""
        return self.alive and not self.tpool._work_queue.qsize() and conn.has_more(_NEXT_REQUEST_SECONDS)

    def handle_request(self, req: "Request", conn: Any) -> bool:
        """Serve a request whose head was understood, if no other server can have understood it in another way."""
        conn.expect_body()
        self.judge(req)
        return bool(super().handle_request(req, conn))

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Whether another request may follow (called by `handle`): not after a body whose rest is none.

        Its failure is no second answer to the request that has just had one; a proxy would give it to the next user.
        """
        if getattr(conn.parser.mesg.body.reader, "length", None) == 0:  # all is read, and no time-out need be set
            return keepalive
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except Exception:  # whatever a body can fail with
            return False


class _Socket(socket.socket):
    """One that stays as it is without a system call, each of which lets go of Python's lock.

    gunicorn tells it four times a request that it may block.
    """

    def setblocking(self, flag: bool) -> None:
        """Whether calls wait (socket.socket)."""
        if flag != self.getblocking():
            super().setblocking(flag)

    def settimeout(self, value: float | None) -> None:
        """How long they do (socket.socket)."""
        if value != self.gettimeout():
            super().settimeout(value)


class _Connection(gthread.TConn, Patience):
    """One that a browser cannot hold by silence, nor byte by byte, in a thread that others wait for."""

    def __init__(self, settings: Settings, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        Patience.__init__(self, settings, client)
        self._waits = 0.0
        sock = _Socket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        super().__init__(cfg, sock, client, server)  # type: ignore[call-arg]  # gunicorn's, which has no types

    @property
    def timeout(self) -> float | None:
        """When gunicorn closes it while nothing comes (monotonic seconds); READ_TIMEOUT, before the first request."""
        return self._timeout

    @timeout.setter
    def timeout(self, moment: float | None) -> None:
        is_new = moment is not None and not self.initialized
        self._timeout = min(moment or 0.0, time.monotonic() + self._settings.read_timeout) if is_new else moment

    def wait_for_data(self, timeout: float) -> bool:
        """Whether the first bytes are there; gunicorn would spend five seconds of a thread on each that is silent."""
        return bool(super().wait_for_data(min(timeout, _SILENCE_SECONDS)))

    def init(self) -> None:
        """Make the parser, once the first bytes are there."""
        if not self.initialized:
            super().init()
            self.parser.unreader = PatientUnreader(self.sock, self, self._wait)
            bound_in_kernel(self.sock, socket.SO_SNDTIMEO, self._settings.read_timeout)

    def _wait(self, seconds: float) -> None:
        """Let the next read wait so long, in the kernel: Python's own timeout would make the socket non-blocking."""
        if seconds != self._waits:
            self._waits = seconds
            bound_in_kernel(self.sock, socket.SO_RCVTIMEO, seconds)

    def has_more(self, seconds: float) -> bool:
        """Whether the next request begins within this time, or the browser hangs up; what has come is kept for it."""
        unreader = self.parser.unreader
        if unreader.buf.getvalue():
            return True
        self._wait(seconds)
        try:
            unreader.unread(self.sock.recv(unreader.mxchunk))
        except BlockingIOError:
            return False
        except OSError:  # a reset: whoever reads next meets it
            return True
        return True

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002 - gunicorn's signature
        """Close at once: gunicorn would linger for two seconds, in the one thread that serves all connections."""
        super().close(graceful=False)
