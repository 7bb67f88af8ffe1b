"""gunicorn with our configuration: what the Procfile and `make run` start."""

import signal

if __name__ == "__main__":
    # First of all: until gunicorn's master takes over, Ctrl-C ends the process as it ends any other, without a trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from pathlib import Path

import config

HERE = Path(__file__).parent


def main() -> None:
    """Judge the environment, in one line where it cannot be used, and become gunicorn's master."""
    try:
        settings = config.load()
    except config.SettingsError as error:
        sys.exit(str(error))
    if settings.worker_class == "gevent":
        _patch()
    # At its import gunicorn parses WEB_CONCURRENCY itself, and ends in a trace where a platform left it blank.
    config.forget_blank("WEB_CONCURRENCY")
    # Render sets it for any Python service; it would put our configuration aside, and log queries.
    if config.forget("GUNICORN_CMD_ARGS"):
        print("GUNICORN_CMD_ARGS is not used: the settings of the README say all", file=sys.stderr)

    from gunicorn.app.wsgiapp import run  # noqa: PLC0415 - see above

    sys.argv = [sys.argv[0], "--config", str(HERE / "gunicorn.conf.py"), "wsgi:app"]
    run()


def _patch() -> None:
    """Before gunicorn and the service are loaded, which keep locks and sockets from their first line on."""
    try:
        import greenlets  # noqa: PLC0415 - whoever serves in threads need not have the package
    except ModuleNotFoundError:
        sys.exit("WORKER_CLASS=gevent needs one more package: pip install -r requirements-gevent.txt")
    greenlets.patch()


if __name__ == "__main__":
    main()
