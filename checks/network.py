"""What several checks ask of the network: where a URL leads, and an answer that may never come."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import TypeVar
from urllib.parse import urlsplit

from setting_types import DEFAULT_PORTS

T = TypeVar("T")


def address(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]


def is_this_machine(url: str) -> bool:
    """Whether it leads to where the doctor runs; no name is looked up."""
    host, _ = address(url)
    with suppress(ValueError):
        return ip_address(host).is_loopback or ip_address(host).is_unspecified
    return host == "localhost"


def in_time(ask: Callable[[], T], seconds: float) -> T:
    """What `ask` returns or raises.

    Raises:
        TimeoutError: It took longer, and is left alone; looking a name up has no time-out of its own.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except Exception as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(seconds)
