"""A socket to a host, within a time: looking up its name, and all of its addresses, included."""

import socket
import struct
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

_Address = tuple[Any, ...]


class _Lookups:
    """Looks names up, each in a thread of its own: `getaddrinfo` has no timeout, and can take half a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[list[_Address]]] = {}

    def find(self, host: str, port: int, seconds: float) -> list[_Address]:
        """The addresses of a host, as `socket.getaddrinfo` has them.

        Raises:
            OSError: It has none.
            TimeoutError: None is found in time.
        """
        with self._lock:
            found = self._under_way.get((host, port))
            if found is None:
                found = Future()
                self._start(host, port, found)
                self._under_way[host, port] = found
        return found.result(seconds)

    def _start(self, host: str, port: int, found: "Future[list[_Address]]") -> None:
        try:
            threading.Thread(target=self._look_up, args=(host, port, found), daemon=True).start()
        except RuntimeError as error:  # no more threads: nobody may wait for one that has not begun
            raise OSError(str(error)) from error

    def _look_up(self, host: str, port: int, found: "Future[list[_Address]]") -> None:
        try:
            result = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except Exception as error:  # UnicodeError too, for a name that is none
            self._forget(host, port)
            found.set_exception(error if isinstance(error, OSError) else OSError(type(error).__name__))
        else:
            self._forget(host, port)
            found.set_result(result)

    def _forget(self, host: str, port: int) -> None:
        """Before what is found is known: whoever asks behind that asks anew."""
        with self._lock:
            del self._under_way[host, port]


_lookups = _Lookups()


def open_socket(host: str, port: int, seconds: float, options: Sequence[tuple[Any, ...]]) -> socket.socket:
    """A connected socket, whose timeout is what was left of `seconds`.

    Each address gets its share of the time that is left: a first one that is dead does not use up that of a sound one.

    Args:
        host: A name, or an IP address.
        port: Of TCP.
        seconds: For everything.
        options: Of the socket, as arguments of `setsockopt`.

    Raises:
        OSError: No address answers; the error of the last.
        TimeoutError: None in time.
    """
    give_up = time.monotonic() + seconds
    addresses = _addresses(host, port, seconds)
    for count, (family, kind, protocol, _, address) in enumerate(addresses):
        left = give_up - time.monotonic()
        sock: socket.socket | None = None
        try:
            sock = socket.socket(family, kind, protocol)  # fails for IPv6 where the system has none
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(max(0.001, left / (len(addresses) - count)))
            sock.connect(address)
            sock.settimeout(max(0.001, give_up - time.monotonic()))
        except OSError:
            if sock is not None:
                sock.close()
            if count == len(addresses) - 1:
                raise
        else:
            return sock
    raise OSError("the name has no address")


def _addresses(host: str, port: int, seconds: float) -> list[_Address]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return _lookups.find(host, port, seconds)


def bound_in_kernel(sock: socket.socket, option: int, seconds: float) -> None:
    """Let each call that reads from a blocking socket, or writes to it, wait for so long (socket(7)).

    Args:
        sock: The socket.
        option: `SO_RCVTIMEO` or `SO_SNDTIMEO`.
        seconds: At least a microsecond is set: none would be for ever.
    """
    sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(seconds), max(1, int(seconds % 1 * 1_000_000))))
