"""Starting: one database for any number of starters, the demo data, and the command line."""

import multiprocessing
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import requests

from sandbox import DEMO_ACCOUNTS, start
from tests.sandbox.conftest import CHEAP_HASH, Caller


def start_and_stop(database: Path) -> None:
    """What each of the processes does that start at once."""
    start(database, hash_method=CHEAP_HASH).stop()


def test_starters_at_once_seed_one_database_once(tmp_path):
    database = tmp_path / "new" / "sandbox.sqlite3"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=start_and_stop, args=(database,)) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM users").fetchone() == (4,)
        assert connection.execute("SELECT COUNT(*) FROM vehicles").fetchone() == (4,)


def test_data_and_tokens_survive_a_restart(tmp_path, clock):
    database = tmp_path / "sandbox.sqlite3"
    account = DEMO_ACCOUNTS[1]
    with start(database, seed="accounts", clock=clock, hash_method=CHEAP_HASH) as first:
        caller = Caller(first.url).sign_in(account.email, account.password)
        caller.add("vehicles", alias="MIO", marca="Kia", modelo=2020)

    with start(database, clock=clock) as second, caller.session:
        caller.url = second.url

        assert [vehicle["alias"] for vehicle in caller.data("vehicles")] == ["MIO"]


@pytest.mark.parametrize(("seed", "status"), [("accounts", 200), ("nothing", 401)])
def test_the_demo_accounts_are_there_unless_nothing_is(tmp_path, seed, status):
    account = DEMO_ACCOUNTS[0]
    body = {"email": account.email, "password": account.password}

    with start(tmp_path / "sandbox.sqlite3", seed=seed, hash_method=CHEAP_HASH) as sandbox:
        assert requests.post(f"{sandbox.url}/api/auth/login", json=body, timeout=10).status_code == status


@pytest.mark.parametrize(("role", "aliases"), [("read", ["PICANTO"]), ("write", ["MOTO", "PICKUP", "COROLLA"])])
def test_the_demo_data_fill_every_page(tmp_path, clock, role, aliases):
    [account] = [account for account in DEMO_ACCOUNTS if account.role == role]
    with start(tmp_path / "sandbox.sqlite3", clock=clock, hash_method=CHEAP_HASH) as sandbox:
        caller = Caller(sandbox.url)
        with caller.session:
            caller.sign_in(account.email, account.password)
            dashboard = caller.data("dashboard")
            lists = [caller.get(path) for path in ("routes", "refuels", "maintenance", "expenses")]
            upcoming = [caller.get(f"{path}/upcoming") for path in ("maintenance", "expenses")]
            vehicles = caller.data("vehicles")

    assert [vehicle["alias"] for vehicle in vehicles] == aliases
    assert len(dashboard["alerts"]) == len(aliases)
    assert min(page["pagination"]["total"] for page in lists) >= 7
    assert min(page["count"] for page in upcoming) >= 1
    assert all(route["fecha"].endswith("T00:00:00.000Z") for route in lists[0]["data"])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m sandbox`, to its end."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_the_command_explains_itself():
    shown = run("--help")

    assert shown.returncode == 0
    assert "--rate-limits" in shown.stdout


def test_a_port_in_use_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ended = run("--port", port, "--database", str(tmp_path / "x.sqlite3"))

    assert ended.returncode == 1
    assert ended.stderr == f"Cannot serve on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "8001.5", "ocho"])
def test_a_port_that_is_none_is_refused_with_the_range(port):
    ended = run("--port", port)

    assert ended.returncode == 2
    assert ended.stderr.endswith("error: argument --port: takes a whole number from 0 to 65535\n")


def test_an_unknown_host_is_one_line(tmp_path):
    ended = run("--host", "nope.invalid", "--port", "0", "--database", str(tmp_path / "x.sqlite3"))

    assert ended.returncode == 1
    assert ended.stderr.startswith("Cannot serve on nope.invalid:0: ")
    assert ended.stderr.count("\n") == 1
    assert "Unknown error" not in ended.stderr
    assert "(" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "unable to open database file"),
        ("text", "file is not a database"),
        ("text/folder/x.sqlite3", "Not a directory"),
        ("foreign", "table users already exists"),
        ("blocked", "unable to open database file"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("This is no database. " * 100)
    (tmp_path / "blocked-journal").mkdir()
    with closing(sqlite3.connect(tmp_path / "foreign")) as connection:
        connection.execute("CREATE TABLE users (name)")

    ended = run("--port", "0", "--database", str(tmp_path / name))

    assert ended.returncode == 1
    assert ended.stderr == f"Cannot use the database {tmp_path / name}: {reason}\n"


def test_a_database_that_cannot_be_removed_is_one_line(tmp_path):
    ended = run("--port", "0", "--reset", "--database", str(tmp_path))

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Cannot use the database {tmp_path}: ")
    assert ended.stderr.count("\n") == 1


def test_the_command_prints_the_accounts_and_ends_at_once(tmp_path):
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--database", str(tmp_path / "x.sqlite3"), "--reset"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        greeting = "".join(process.stdout.readline() for _ in range(7))

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)

    assert "http://127.0.0.1:" in greeting
    assert "demo@kilometracker.test    Kilometros123" in greeting
    assert (process.returncode, errors) == (0, "")
