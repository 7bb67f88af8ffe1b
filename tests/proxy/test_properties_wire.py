"""What holds for the reading of every reply: the lean transport, urllib3 and a reading by hand find the same in it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.exchange import METHODS, check

OK = b"HTTP/1.1 200 OK\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\n{}"


def some(*pieces: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from(pieces)


STATUS_LINES = st.builds(
    lambda *parts: b"".join(parts),
    some(
        b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/2", b"http/1.1", b"HTTP/1.1 ", b"\r\nHTTP/1.1", b""
    ),
    some(b" 200", b" 201", b" 204", b" 304", b" 404", b" 500", b" 999", b" 099", b" 20", b" 2000", b" +20", b" 2_0"),
    some(b" OK", b"", b" ", b"  ", b" \xc3\xb1", b" a b\tc", b"\t", b" \0", b" \r", b" \n"),
    some(b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n", b"\r"),
)
INTERIM = some(
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.0 100 \r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 102\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 199 \r\n folded\r\n\r\n",
)
SOUND_FIELDS = some(
    b"Content-Type: application/json\r\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Set-Cookie: a=b; Path=/\r\n",
    b"set-cookie: c\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: x, Close ,y\r\n",
    b"Connection:\r\n",
    b"Keep-Alive: timeout=5\r\n",
    b"X:\t v \t\r\n",
    b"X:\xe9\x01\x7f\x85\r\n",
)
ODD_FIELDS = some(
    b"X: a\r\n b\r\n",
    b"X: a\nY: b\r\n",
    b"X: a\rY: b\r\n",
    b"X: a\0\r\n",
    b"X : a\r\n",
    b" X: a\r\n",
    b": a\r\n",
    b"X\r\n",
    b"From a\r\n",
    b"X Y: a\r\n",
    b"\x85: a\r\n",
)
LENGTHS = st.builds(
    lambda *parts: b"".join([parts[0], b"Content-Length", *parts[1:], b"\r\n"]),
    some(b"", b"", b"", b"X-", b" "),
    some(b": ", b":", b": ", b" : ", b":\t"),
    some(*b"0|2|2|02|3|-2|+2|0x2|2_0|2, 2|2,3|2,|,|| 2 |2\t|2.0|1e1|\xb2|\x0b2|2;|".split(b"|"), b"9" * 18, b"9" * 30),
)
CODINGS = st.builds(
    b"%b: %b\r\n".__mod__,
    st.tuples(
        some(b"Transfer-Encoding", b"TRANSFER-encoding", b"Transfer-Encoding ", b"Transfer_Encoding"),
        some(b"chunked", b"Chunked", b"chunked ", b"\tchunked", b"\x0bchunked", b"chunked\x0b")
        | some(b"gzip", b"gzip, chunked", b"chunked, chunked", b"chunked,", b",chunked", b"identity", b"", b"xchunked"),
    ),
)
SOUND_CHUNKS = some(b"", b"2\r\n{}\r\n", b'02 ;a="b"\r\n\r\n\r\n', b"A\t\r\n0123456789\r\n")
ODD_CHUNKS = st.builds(
    lambda *parts: b"".join(parts),
    some(
        *b"2|2|02|2\t;a|3|1|0x2|+2|-2|2_0| 2||2;a\r;b|2;\n|2 2|\xb2|2\0|2;\0".split(b"|"),
        b"F" * 15,
        b"F" * 16,
        b"1" * 99,
    ),
    some(b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"),
    some(b"{}", b"[]", b"\r\n", b"{"),
    some(b"\r\n", b"\r\n", b"\r\n", b"\n", b"", b"XX"),
)
LAST_CHUNKS = st.just(b"0\r\n\r\n") | st.builds(
    lambda *parts: b"".join(parts),
    some(b"0\r\n", b"0\r\n", b"000;x\r\n", b"0", b"0\n", b"0000000000000000\r\n", b""),
    some(b"", b"", b"X: a\r\n", b"X\r\n Y\r\n", b"X\nY\r\n", b"\r\r\n", b"\0\r\n"),
    some(b"\r\n", b"\r\n", b"\n", b""),
)
CHUNKED = st.builds(
    lambda chunks, odd, last: b"".join([*chunks, *odd, last]),
    st.lists(SOUND_CHUNKS, max_size=2),
    st.lists(ODD_CHUNKS, max_size=1),
    LAST_CHUNKS,
)
SURPLUS = some(b"", b"", b"", b"\r\n", b"x", TWO)
FRAMED = st.one_of(
    st.tuples(st.just(b"Content-Length: 2\r\n"), st.just(b"{}")),
    st.tuples(st.just(b"Transfer-Encoding: chunked\r\n"), CHUNKED),
    st.tuples(LENGTHS, some(b"{}", b"{", b"")),
    st.tuples(CODINGS, CHUNKED),
    st.tuples(st.lists(LENGTHS | CODINGS, max_size=2).map(b"".join), CHUNKED),
)


NOTHING = st.just(b"")
HEADS = some(OK, OK, OK, b"HTTP/1.0 404 \r\n", b"HTTP/1.1 204\r\n")


def replies(
    interim: st.SearchStrategy[bytes] = NOTHING,
    status_line: st.SearchStrategy[bytes] = HEADS,
    odd: st.SearchStrategy[bytes] = NOTHING,
) -> st.SearchStrategy[bytes]:
    """Sound but for what is asked for, and for how it says where it ends."""
    fields = st.lists(SOUND_FIELDS, max_size=2).map(b"".join)
    return st.builds(
        lambda *parts: b"".join([*parts[:4], parts[4][0], b"\r\n", parts[4][1], parts[5]]),
        *(interim, status_line, fields, odd, FRAMED, SURPLUS),
    )


REPLIES = replies() | replies(interim=INTERIM) | replies(status_line=STATUS_LINES) | replies(odd=ODD_FIELDS)
NASTY = some(
    *b"\r\n|\n|\r|\0| |\t|:|,|;|0|2|f|x|+|-|_|\xff|\x0b|\x85|HTTP/1.1 200 OK\r\n\r\n|a: b\r\n".split(b"|"), b""
)
NO_EDITS: list[tuple[float, int, bytes]] = []
EDITS = st.just(NO_EDITS) | st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), NASTY), max_size=2)
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


def edited(reply: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Here and there, so many bytes are gone, and others there."""
    for where, gone, instead in edits:
        place = int(where * len(reply))
        reply = reply[:place] + instead + reply[place + gone :]
    return reply


@settings(max_examples=300)
@given(st.sampled_from(METHODS), REPLIES, EDITS, SIZES | st.just([2**20]), st.booleans(), st.none() | st.integers(1, 9))
def test_a_reply_has_one_meaning(method, reply, edits, sizes, ends, piece):
    """And where it has none, or ends too early, it is an error of ours and no connection is kept."""
    check(method, edited(reply, edits), sizes, ends=ends, piece=piece)
