"""`python -m sandbox`: the backend on its own, for a front end to talk to."""

import argparse
import logging
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

from sandbox import DEMO_ACCOUNTS, start

_HIGHEST_PORT = 65_535


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        if options.reset:
            _remove(options.database)
        sandbox = start(options.database, host=options.host, port=options.port, rate_limits=options.rate_limits)
    except (OSError, sqlite3.Error) as error:
        print(_explained(error, options), file=sys.stderr)
        return 1
    with sandbox, suppress(KeyboardInterrupt):
        _greet(sandbox.url, options.database)
        Event().wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="The embedded development backend: KilomeTracker's JSON API on a SQLite file.",
        epilog="Password reset links and delete codes, which the original mails, are printed here.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8001, help="port to listen on; 0 takes a free one (%(default)s)")
    database = Path("var/sandbox.sqlite3")
    parser.add_argument("--database", type=Path, default=database, help="file that holds the data (%(default)s)")
    parser.add_argument("--reset", action="store_true", help="start over with fresh demo data")
    parser.add_argument("--rate-limits", action="store_true", help="refuse too many requests, as the original does")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"takes a whole number from 0 to {_HIGHEST_PORT}")
    return int(text)


def _explained(error: OSError | sqlite3.Error, options: argparse.Namespace) -> str:
    if isinstance(error, sqlite3.Error):
        return f"Cannot use the database {options.database}: {error}"
    if error.filename is not None:
        return f"Cannot use the database {options.database}: {error.strerror}"
    reason = str(error.strerror).partition(" (while ")[0]  # socket.create_server adds the address, as a tuple
    return f"Cannot serve on {options.host}:{options.port}: {reason}"


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _greet(url: str, database: Path) -> None:
    print(f"Sandbox backend on {url} (data in {database}; Ctrl-C stops it)\n")
    print("Demo accounts:")
    for account in DEMO_ACCOUNTS:
        print(f"  {account.role:<6} {account.email:<26} {account.password}")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
