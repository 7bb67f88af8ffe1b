"""Bodies in pieces: their length, their limit, and what happens when the browser is gone."""

import io

import pytest

from proxy.errors import BadRequest, TooLarge
from proxy.streams import RequestBody


def read_all(body: RequestBody, size: int = 3) -> bytes:
    return b"".join(iter(lambda: body.read(size), b""))


@pytest.mark.parametrize("length", [None, 0, 7, 10])
def test_a_body_within_the_limit_passes_whole(length):
    """In pieces of the size that is asked for; to the byte."""
    content = b"0123456789"[:length]

    body = RequestBody(io.BytesIO(content), length, limit=10)

    assert (body.length, read_all(body)) == (length, content)


def test_what_follows_the_announced_end_is_not_read():
    """It is the next request (RFC 9112 §6.3)."""
    stream = io.BytesIO(b"bodyGET /admin")

    body = RequestBody(stream, 4, limit=10)

    assert (read_all(body, 100), stream.read()) == (b"body", b"GET /admin")


def test_an_announced_length_over_the_limit_is_refused_at_once():
    """Not a byte is read for it."""
    with pytest.raises(TooLarge):
        RequestBody(io.BytesIO(b""), 11, limit=10)


@pytest.mark.parametrize("size", [1, 4, 64])
def test_chunks_over_the_limit_are_refused_where_they_pass_it(size):
    """The backend then sees a body that is cut short, and must not take it for whole."""
    body = RequestBody(io.BytesIO(b"x" * 11), None, limit=10)

    with pytest.raises(TooLarge):
        read_all(body, size)


def test_a_browser_that_hangs_up_is_noticed():
    """What came so far is not the body."""
    body = RequestBody(io.BytesIO(b"half"), 10, limit=10)

    with pytest.raises(BadRequest):
        read_all(body)


def test_a_servers_own_error_is_the_browsers_fault():
    """gunicorn raises one for a broken chunk; it must not pass for a failure of the backend."""

    class Broken:
        def read(self, size: int) -> bytes:
            raise OSError("invalid chunk size")

    with pytest.raises(BadRequest):
        RequestBody(Broken(), None, limit=10).read(3)
