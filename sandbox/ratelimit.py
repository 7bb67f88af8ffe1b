"""Requests per client and time window, counted in memory."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from flask import Response, g, request

from sandbox.errors import ApiError
from sandbox.instants import Clock


@dataclass(frozen=True)
class Bucket:
    """What is counted together, how much of it is allowed, and what the one beyond is told."""

    limit: int
    window: timedelta
    error: str


API = Bucket(200, timedelta(minutes=15), "Too many requests. Please try again in 15 minutes.")
LOGIN = Bucket(5, timedelta(minutes=15), "Too many login attempts. Please try again in 15 minutes.")
REGISTER = Bucket(3, timedelta(hours=1), "Too many registration attempts. Please try again in 1 hour.")
RESET = Bucket(3, timedelta(minutes=15), "Too many password reset attempts. Please try again in 15 minutes.")

BY_ENDPOINT = {
    "auth.login": LOGIN,
    "auth.register": REGISTER,
    "auth.forgot_password": RESET,
    "auth.reset_password": RESET,
}


@dataclass
class Window:
    """How often one client came, and until when that counts."""

    ends: datetime
    used: int = 0


class RateLimiter:
    """Counts the requests of each client, and blocks one that came too often for a whole window."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._windows: dict[tuple[Bucket, str], Window] = {}

    def check(self) -> None:
        """Count the current request in its buckets; to be called before it is answered.

        Raises:
            ApiError: 429, with `Retry-After`.
        """
        if not request.path.startswith("/api/"):
            return
        # The last entry was written by the one proxy that is trusted.
        address = request.headers.get("X-Forwarded-For", request.remote_addr or "").rpartition(",")[2].strip()
        client = f"{address} {request.user_agent.string}"
        self._take(API, client)
        if request.endpoint in BY_ENDPOINT:
            self._take(BY_ENDPOINT[request.endpoint], client)

    def show(self, response: Response) -> Response:
        """Add the state of the last bucket passed to the answer."""
        response.headers.update(g.get("rate_limit_headers", {}))
        return response

    def _take(self, bucket: Bucket, client: str) -> None:
        now = self._clock()
        with self._lock:
            window = self._windows.get((bucket, client))
            if window is None or window.ends <= now:
                window = self._windows[bucket, client] = Window(now + bucket.window)
            window.used += 1
            if window.used == bucket.limit + 1:
                window.ends = now + bucket.window  # the block lasts one window, however often it is tried
        g.rate_limit_headers = {
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(max(bucket.limit - window.used, 0)),
            "X-RateLimit-Reset": str(math.ceil(window.ends.timestamp())),
        }
        if window.used > bucket.limit:
            raise _blocked(bucket, window.ends, now)


def _blocked(bucket: Bucket, ends: datetime, now: datetime) -> ApiError:
    seconds = math.ceil((ends - now).total_seconds())
    headers = {
        "Retry-After": str(seconds),
        "X-RateLimit-Block-Duration": str(int(bucket.window.total_seconds())),
        "X-RateLimit-Violations": "1",
    }
    ends_ms = int(ends.timestamp() * 1000)
    return ApiError(429, bucket.error, headers=headers, retryAfter=seconds, violations=1, blockedUntil=ends_ms)
