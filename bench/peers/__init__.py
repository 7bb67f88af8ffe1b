"""Who is compared: how each is started, in front of the same backend."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import NGINX
from bench.processes import PATH, Process
from tests.server import ROOT

HERE = Path(__file__).parent
WORKERS = 2
_NEXT = str(HERE / "node_modules/next/dist/bin/next")
_GUNICORN = (sys.executable, "-m", "gunicorn")
_LIKE_OURS = (*_GUNICORN, "--config", str(ROOT / "gunicorn.conf.py"))
_OF_NEXT = ("start", str(HERE / "nextjs"), "-H", "127.0.0.1", "-p", "{port}")


@dataclass(frozen=True)
class Peer:
    """A program between browsers and the backend; it finds the backend in `API_BASE_URL`, its port in `PORT`."""

    key: str
    title: str
    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict, hash=False)
    conf: str | None = None  # nginx takes no environment

    def process(self, backend: str, **environ: str) -> Process:
        """Its process, not yet started."""
        files = {}
        if self.conf:
            text = (HERE / self.conf).read_text("utf-8")
            files["nginx.conf"] = text.replace("@backend@", urlsplit(backend).netloc)
        return Process(self.command, {"API_BASE_URL": backend, **self.environ, **environ}, files)


_PYTHON = {"PYTHONPATH": str(ROOT), "WEB_CONCURRENCY": str(WORKERS)}
_NODE = {"NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"}

OURS = Peer("ours", "**this BFF**", (sys.executable, str(ROOT / "serve.py")), {"WEB_CONCURRENCY": str(WORKERS)})
BARE = Peer("bare", "our transport alone", (*_LIKE_OURS, "bench.peers.bare:app"), _PYTHON)
NAIVE = Peer(
    "naive",
    "naive Flask + requests",
    (*_GUNICORN, "-k", "gthread", "--threads", "16", "-b", "127.0.0.1:{port}", "bench.peers.naive:app"),
    _PYTHON,
)
NEXT = Peer("nextjs", "minimal Next.js", ("node", _NEXT, *_OF_NEXT), _NODE)
MIDDLEWARE = Peer("middleware", "http-proxy-middleware", ("node", str(HERE / "middleware.mjs")), _NODE)
NGINX_PROXY = Peer("nginx", "nginx `proxy_pass`", NGINX, conf="proxy.conf")

PEERS = (OURS, NAIVE, NEXT, MIDDLEWARE, NGINX_PROXY)

# Better than what the documentation of both begins with, and no bound is about them.
NEXT_PER_CORE = Peer(
    "nextjs_per_core", "… a process per core", ("node", str(HERE / "nextjs/cluster.mjs"), *_OF_NEXT), _NODE
)
MIDDLEWARE_KEPT = Peer(
    "middleware_kept", "… with a keep-alive agent", MIDDLEWARE.command, {**_NODE, "KEEP_ALIVE": "on"}
)
TUNED = (NEXT_PER_CORE, MIDDLEWARE_KEPT)

# The service again, less some of what it does.
QUIET = Peer("quiet", "no log, no metrics", (*_LIKE_OURS, "bench.quiet:app"), {**_PYTHON, "WEB_CONCURRENCY": "1"})


def build() -> None:
    """Make the Next.js app's production build, where there is none of these sources and packages.

    Raises:
        SystemExit: The packages are not installed, or the build fails.
    """
    if not Path(_NEXT).exists():
        sys.exit("the packages of bench/peers are missing: npm ci --prefix bench/peers")
    built = HERE / "nextjs/.next/BUILD_ID"
    sources = [HERE / "package-lock.json", HERE / "nextjs/next.config.mjs", *(HERE / "nextjs/app").rglob("*.js")]
    if built.exists() and built.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return
    command = ["node", _NEXT, "build", str(HERE / "nextjs")]
    done = subprocess.run(command, cwd=HERE, env={"PATH": PATH, **_NODE}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the Next.js app cannot be built:\n{done.stdout}{done.stderr}")
