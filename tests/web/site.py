"""The page, the service and the sandbox, each real and in this process, for a browser to visit."""

from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import make_server

import sandbox
from app import create_app
from config import Settings
from sandbox import Sandbox, web
from tests.sandbox.conftest import CHEAP_HASH
from tests.server import free_port


class Site:
    """The service with the page, in front of a sandbox with the demonstration's data; used as a context manager.

    `origin` is where the page is; the sandbox can be stopped and started again, on the same port and data.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._database = folder / "sandbox.sqlite3"
        self._sandbox_port = free_port()
        told: dict[str, Any] = {"ratelimit_auth": "1000000 per minute", "token_cookie_secure": False} | settings
        app = create_app(Settings(app_env="testing", api_base_url=f"http://127.0.0.1:{self._sandbox_port}", **told))
        web.init_app(app)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._sandbox: Sandbox | None = None

    def start_backend(self) -> None:
        """Serve the sandbox, with what it held before."""
        self._sandbox = sandbox.start(self._database, port=self._sandbox_port, hash_method=CHEAP_HASH)

    def stop_backend(self) -> None:
        """Nobody listens where the service expects its backend."""
        if self._sandbox:
            self._sandbox.stop()
            self._sandbox = None

    def __enter__(self) -> Self:
        self.start_backend()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.stop_backend()
