"""The one way in which the backend refuses a request."""

from collections.abc import Mapping


class ApiError(Exception):
    """A refusal that leaves as `{"success": false, "error": …}`.

    Args:
        status: The HTTP status.
        error: What the person reads.
        headers: Header fields of the response.
        extra: Further members of the JSON object.
    """

    def __init__(self, status: int, error: str, *, headers: Mapping[str, str] | None = None, **extra: object) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = headers or {}
        self.extra = extra
