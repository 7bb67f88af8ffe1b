"""What counts as JSON, and what as JSON that every reader takes for the same."""

import pytest

from proxy.strict_json import dumps, parse, parse_unambiguous


@pytest.mark.parametrize("text", [b"NaN", b"-Infinity", b"[1,]", b"", b"\xff", b"\xef\xbb\xbf{}", b"[" * 100_000])
@pytest.mark.parametrize("read", [parse, parse_unambiguous])
def test_what_is_not_json_is_no_value(read, text):
    """RFC 8259; Python alone would take the first two, and fail in its own way at the last."""
    with pytest.raises(ValueError):  # noqa: PT011 - of three makers, each with words of its own
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b'{"alias": 1, "al\\u0069as": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'[{"a": 1, "a": 2}]',
        b"1e999",
        b'{"a": -1e999}',
        b"1e" + b"9" * 400,
        b"1" + b"0" * 400,
        b'{"a": -1' + b"0" * 309 + b"}",
    ],
)
def test_two_readers_could_take_it_for_two_things(text):
    """Which of two names counts, or what a number beyond a double is, each decides for itself (RFC 8259 §4, §6)."""
    parse(text)

    with pytest.raises(ValueError, match=r"twice|too large"):
        parse_unambiguous(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "A": 2, "b": [1.5, 1e300, "\\ud83d\\ude00"]}',
        b'"x"',
        b"0.1e-400",
        b"[%d, -1%s]" % (2**64, b"0" * 308),
    ],
)
def test_the_rest_is_read_as_ever(text):
    """By both alike."""
    assert parse_unambiguous(text) == parse(text)


def test_what_is_infinite_is_not_written():
    """`1e999` is JSON, and Python reads it as infinite."""
    with pytest.raises(ValueError, match="JSON"):
        dumps({"a": parse(b"1e999")})


def test_what_is_too_deep_is_not_written():
    """Writing may need a call more than reading did, and so fail where that did not."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(ValueError, match="deep"):
        dumps(deep)
