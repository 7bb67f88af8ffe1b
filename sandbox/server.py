"""The backend as a server: started in a thread, reached over HTTP, stopped at once."""

import socket
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, Self

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from sandbox.app import create_app
from sandbox.db import prepare
from sandbox.instants import Clock, utc_now
from sandbox.seed import Seed, fill

DEFAULT_HASH_METHOD = "scrypt"


class Sandbox:
    """A running backend; also a context manager that stops it."""

    def __init__(self, app: Flask, listener: socket.socket) -> None:
        self._server = _Server(app, listener)
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and close the connections that are open."""
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


def start(  # noqa: PLR0913 -- all but the first are named, and have a default
    database: Path,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    rate_limits: bool = False,
    seed: Seed = "everything",
    clock: Clock = utc_now,
    hash_method: str = DEFAULT_HASH_METHOD,
) -> Sandbox:
    """Serve the backend on this database until it is stopped or the process ends.

    Several processes may do so on one file at once.

    Args:
        database: The SQLite file; it is created if need be.
        port: 0 takes a free one.
        host: The address to listen on.
        rate_limits: Whether too many requests are refused, as they are by the original.
        seed: What a new database begins with: the demo accounts with vehicles (three of the user who may write, one of
            the user who may only read) and their records, the accounts alone, or nothing.
        clock: Tells the time, with its zone.
        hash_method: How passwords are hashed, in the words of `werkzeug.security`.

    Raises:
        OSError: The port is in use, or not ours to take; with a `filename`, the database's folder cannot be made.
        sqlite3.Error: The database cannot be opened, or is not one of ours.
    """
    listener = socket.create_server((host, port), backlog=128)
    try:
        prepare(database, lambda connection: fill(connection, seed, clock(), hash_method))
        app = create_app(database, rate_limits=rate_limits, clock=clock, hash_method=hash_method)
    except BaseException:
        listener.close()
        raise
    return Sandbox(app, listener)


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler closes the connection after each answer; this one keeps it open (RFC 9112 §9.3)."""

    disable_nagle_algorithm = True  # header and body are sent apart; the second would wait for an acknowledgement

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        # What the application leaves unread of a body would be taken for the next request.
        is_chunked = "wsgi.input_terminated" in environ
        length = -1 if is_chunked else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"".join(chunks))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: a path may hold a reset token."""


class _Server(ThreadedWSGIServer):
    def __init__(self, app: Flask, listener: socket.socket) -> None:
        self._open: set[socket.socket] = set()
        host, port = listener.getsockname()[:2]
        super().__init__(host, port, app, _Handler, fd=listener.fileno())
        listener.close()  # the server works on a duplicate

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the connections that are kept alive, so that their threads end too."""
        for connection in list(self._open):
            with suppress(OSError):  # closed by its own thread in the meantime
                connection.shutdown(socket.SHUT_RDWR)
