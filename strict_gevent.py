"""gunicorn's gevent worker, made strict (see strictness.py): a greenlet for each connection, no threads."""

import errno
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gevent
import structlog
from gevent import socket
from gevent.event import Event
from gevent.pool import Pool
from gunicorn import http
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from config import Settings
from strictness import STOPPING_SECONDS, Patience, PatientUnreader, Strictness, linger

if TYPE_CHECKING:
    from gunicorn.http.message import Request

log = structlog.get_logger()

_REST_SECONDS = 5.0  # as the threaded worker's gunicorn has it
_PIECE_BYTES = 64 * 1024
_BREATH_SECONDS = 0.5  # where no connection can be taken: out of files, say
_GONE = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF}


class StrictGeventWorker(Strictness, GeventWorker):
    """Serves the application in greenlets."""

    def init_process(self) -> None:
        """Begin, in the new process: without the greenlets of the master, as a fork is without its threads."""
        filenos = [listener.sock.detach() for listener in self.sockets]  # the master's loop ends with these
        gevent.reinit()
        gevent.get_hub().destroy(destroy_loop=True)
        self.sockets: list[Any] = [socket.socket(fileno=fileno) for fileno in filenos]
        self._connections = Pool(self.worker_connections)
        self._idle: set[_Connection] = set()
        self._closes_at = float("inf")  # idle connections, on the monotonic clock
        self._stops = Event()
        super().init_process()

    def patch(self) -> None:
        """Nothing (gunicorn would patch here, too late): all has been since the start."""

    def run(self) -> None:
        """Serve until told to stop, and then what has come by then."""
        acceptors = [gevent.spawn(self._accept_forever, listener) for listener in self.sockets]
        while self.alive:
            self.notify()
            self._stops.wait(1.0)
        gevent.killall(acceptors)
        self._closes_at = time.monotonic() + STOPPING_SECONDS
        for listener in self.sockets:
            for accepted in _backlog(listener):
                self._serve(listener, *accepted)
            listener.close()
        self._end()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop gracefully (SIGTERM)."""
        super().handle_exit(sig, frame)
        self._stops.set()

    def _end(self) -> None:
        """Wait for what is under way, as long as gunicorn may."""
        give_up = time.monotonic() + self.cfg.graceful_timeout
        while len(self._connections) and time.monotonic() < give_up:
            self.notify()
            if time.monotonic() >= self._closes_at:
                for connection in list(self._idle):
                    connection.hang_up()
            self._connections.join(timeout=0.2)
        self._connections.kill(timeout=1)

    def _accept_forever(self, listener: Any) -> None:
        while True:
            try:
                accepted = listener.accept()
            except OSError as error:
                if error.errno != errno.ECONNABORTED:
                    log.exception("not_accepted")
                    gevent.sleep(_BREATH_SECONDS)
                continue
            self._serve(listener, *accepted)
            gevent.sleep(0)  # other workers want some of them too

    def _serve(self, listener: Any, client: Any, address: Any) -> None:
        """In a greenlet of its own, which may outlive the listener; while there are too many, wait."""
        self._connections.spawn(self.handle, listener.getsockname(), client, address)

    def handle(self, server: Any, client: Any, addr: Any) -> None:
        """Serve one connection to the address `server`, request after request."""
        connection = _Connection(self._settings, self.cfg, client, addr)
        try:
            goes_on = True
            seconds = self._settings.read_timeout
            while goes_on and self._has_more(connection, seconds):
                goes_on = self._handle_one(server, connection)
                seconds = self.cfg.keepalive
            if not goes_on:
                linger(connection.sock)
        finally:
            connection.close()

    def _has_more(self, connection: "_Connection", seconds: float) -> bool:
        """Whether another request begins in time."""
        gevent.sleep(0)  # a browser whose next request is there already lets others in, too
        self._idle.add(connection)
        try:
            return connection.has_more(min(seconds, max(0.001, self._closes_at - time.monotonic())))
        finally:
            self._idle.discard(connection)

    def _handle_one(self, server: Any, connection: "_Connection") -> bool:
        """Serve one request; whether another may follow."""
        req = None
        try:
            connection.expect_head()
            req = next(connection.parser)
            connection.expect_body()
            self.judge(req)
            if len(self._idle) >= self.worker_connections - self.cfg.threads:
                req.force_close()  # or those that do nothing would leave no room for others
            return self.handle_request(server, req, connection.sock, connection.client) and connection.is_read()
        except (NoMoreData, StopIteration):
            pass  # the browser has hung up, or nothing follows
        except TimeoutError:
            connection.tell_of_slowness()
        except OSError as error:
            if error.errno not in _GONE:
                log.exception("socket_error")
        except (Exception, SystemExit) as error:  # whatever a request can fail with
            self.handle_error(req, connection.sock, connection.client, error)
        return False

    def handle_request(self, listener_name: Any, req: "Request", sock: Any, addr: Any) -> bool:
        """Serve a request that is understood; whether another may follow."""
        return bool(AsyncWorker.handle_request(self, listener_name, req, sock, addr))  # GeventWorker's tells nothing


class _Connection(Patience):
    """One of a browser."""

    def __init__(self, settings: Settings, cfg: Any, client: Any, address: Any) -> None:
        super().__init__(settings, address)
        self.client = address
        self.sock = _Socket(client.family, client.type, client.proto, fileno=client.detach())
        self.sock.seconds = settings.read_timeout
        self.parser = http.get_parser(cfg, self.sock, address)
        self.parser.unreader = PatientUnreader(self.sock, self, self.sock.settimeout)

    def has_more(self, seconds: float) -> bool:
        """Whether the first bytes of a request come within this time."""
        unreader = self.parser.unreader
        if unreader.buf.getvalue():
            return True
        self.sock.settimeout(seconds)
        with suppress(OSError):
            unreader.unread(self.sock.recv(unreader.mxchunk))
        return bool(unreader.buf.getvalue())

    def is_read(self) -> bool:
        """Whether the last request is read to its end: not where that is no body's, or does not come.

        Its failure is no second answer to the request that has just had one; a proxy would give it to the next user.
        """
        self.expect_rest(_REST_SECONDS)
        try:
            return bool(self.parser.finish_body(deadline=time.monotonic() + _REST_SECONDS))
        except Exception:  # whatever a body can fail with
            return False

    def hang_up(self) -> None:
        """End the wait for another request."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close it."""
        self.sock.close()


class _Socket(socket.socket):
    """One whose reader has `seconds` for each piece: for the whole of it, a long answer on a slow line would be cut."""

    seconds: float

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it (socket.socket).

        Raises:
            TimeoutError: A piece is not taken.
        """
        self.settimeout(self.seconds)
        if len(data) <= _PIECE_BYTES:
            super().sendall(data, flags)
            return
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            super().sendall(view[start : start + _PIECE_BYTES], flags)


def _backlog(listener: Any) -> Iterator[tuple[Any, Any]]:
    """The connections that have come, and nobody has taken yet: closed with their listener, they would be reset."""
    listener.setblocking(False)
    with suppress(OSError):
        while True:
            yield listener.accept()
