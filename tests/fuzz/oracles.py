"""What the parsers must agree with: the same readings, slow and written another way. Nothing here calls the service."""

import itertools
import posixpath
import re
from dataclasses import dataclass

from proxy.errors import BadRequest, BffError, NotFound

_HEX = "0123456789ABCDEFabcdef"
_TOKEN_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS QUERY PROPFIND BREW".split()  # one of them nobody can name
ANY_METHOD = frozenset(_METHODS)
FITS_BEHIND_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
# RFC 9110 §7.6.1 and §11.7, and who asked: what no browser's word may cross with.
NEVER_FORWARDED = frozenset(
    "connection proxy-connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding "
    "upgrade cookie origin host authorization content-length expect forwarded x-forwarded-for x-forwarded-proto "
    "x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-anything x-real-ip x-request-id via "
    "x-http-method-override".split()
)
# What would set state or policy for our origin, or be taken for our own word.
NEVER_RETURNED = frozenset(
    "connection proxy-connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding "
    "upgrade set-cookie set-cookie2 clear-site-data strict-transport-security content-security-policy x-bff-error "
    "access-control-allow-origin access-control-allow-credentials access-control-anything x-request-id server via "
    "x-accel-redirect x-sendfile refresh authorization".split()
)


def decoded_once(text: str) -> bytes | None:
    """`text` less one layer of percent-encoding, the rest of it in UTF-8; None where an escape is broken."""
    octets = b""
    left = text
    while left:
        if left[0] != "%":
            octets, left = octets + left[0].encode(), left[1:]
        elif len(left) < 3 or left[1] not in _HEX or left[2] not in _HEX:
            return None
        else:
            octets, left = octets + bytes([int(left[1:3], 16)]), left[3:]
    return octets


def segment(raw: str) -> str | type[BffError]:
    """What a raw path segment means, or how it is refused (see `backend_path`)."""
    octets = decoded_once(raw)
    try:
        text = None if octets is None else octets.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or "\0" in text:
        return BadRequest
    return NotFound if text in {".", ".."} else text


def is_one_segment(path: str) -> bool:
    """Whether the path is `/a/` + one segment + `/b`, in nothing but the characters of RFC 3986 §3.3."""
    match = re.fullmatch(r"/a/((?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*)/b", path)
    return match is not None and decoded_once(match[1]) not in {b".", b".."}


def cookies(field: str) -> dict[str, str | None]:
    """A Cookie field, read a character at a time; None for a name with two values."""
    pairs: list[tuple[str, str]] = []
    name, value, is_value = "", "", False
    for char in field + ";":
        if char == ";":
            pairs += [(_trimmed(name), _trimmed(value))] if is_value else []
            name, value, is_value = "", "", False
        elif is_value:
            value += char
        elif char == "=":
            is_value = True
        else:
            name += char
    values = {name: {value for other, value in pairs if other == name} for name, _ in pairs}
    return {name: found.pop() if len(found) == 1 else None for name, found in values.items()}


def options(field: str) -> set[str]:
    """The names in a Connection field, in lower case."""
    return {_trimmed(part).lower() for part in field.split(",")}


def allowed(entries: str, path: str) -> frozenset[str]:
    """The methods that PROXY_ALLOW names for a path: those that hold however its `%2F` are read."""
    readings = {path, path.replace("%2f", "/").replace("%2F", "/")}
    by_reading = [frozenset().union(*(_named(entry.split(), way) for entry in entries.split(","))) for way in readings]
    return frozenset.intersection(*by_reading)


def matches(pattern: str, path: str) -> bool:
    """`*` is any characters, `{name}` one or more that are no slash: all ways through at once, so never slow."""
    items = re.findall(r"\*|\{[^}]*\}|.", pattern, re.DOTALL)
    places = _past_stars({0}, items)
    for char in path:
        after = set()
        for place in places & set(range(len(items))):
            item = items[place]
            if item == "*":
                after.add(place)
            elif len(item) > 1:
                after |= set() if char == "/" else {place, place + 1}
            elif item == char:
                after.add(place + 1)
        places = _past_stars(after, items)
    return len(items) in places


def has_one_meaning(path: str) -> bool:
    """Whether all readings of a path are one: decoded up to three times, backslash or slash, folded or not."""
    octets = path.encode("latin-1")
    readings = [re.sub(rb"%([0-9A-Fa-f]{2})", _octet, octets)]
    readings += [re.sub(rb"%([0-9A-Fa-f]{2})", _octet, readings[0])]
    readings += [re.sub(rb"%([0-9A-Fa-f]{2})", _octet, readings[1])]
    slashed = [b"/r/" + reading.replace(b"\\", b"/") for reading in readings]
    cut = [re.sub(rb";[^/]*", b"", reading) for reading in slashed]
    folded = [posixpath.normpath(reading) for reading in [*slashed, *cut]]
    is_folded = all(way == reading.removesuffix(b"/") for way, reading in zip(folded, [*slashed, *cut], strict=True))
    return is_folded and len(set(slashed)) == 1 and not re.search(rb"[\x00-\x1f\x7f]", slashed[0])


def holds_credentials(path: str) -> bool:
    """Whether two segments in a row, however written, are `auth` and an endpoint that answers with a token."""
    text = (decoded_once(path) or b"").decode("utf-8", "replace").lower()
    words = [part.split(";")[0].rstrip(" .") for part in text.split("/")]
    ends = {"login", "register", "resetpassword", "reset-password"}
    return any(first == "auth" and second in ends for first, second in itertools.pairwise(words))


def names_host(text: str, host: str) -> bool:
    """Whether a text names a host: as a word, or, where the host is a word like any other, behind `//`.

    A dot at its end is none of it.
    """
    lower = text.lower()
    host = host.rstrip(".")
    if "." in host:
        return host in {word.rstrip(".") for word in re.split(r"[^\w.-]+", lower)}
    authorities = [re.split(r"[/?#\s]", piece)[0].rpartition("@")[2] for piece in lower.split("//")[1:]]
    return any(re.sub(r":[0-9]*$", "", authority).strip("[].") == host for authority in authorities)


def directives(caching: str) -> set[str]:
    """The names in a Cache-Control field, in lower case, each cut at the first character that no name may have."""
    parts = [re.match(r"[\s]*([!#$%&'*+.^_`|~0-9A-Za-z-]*)", part) for part in caching.split(",")]
    return {match[1].lower() for match in parts if match}


class Unread(Exception):
    """A reply that cannot be read; the text says what it fails at."""


@dataclass(frozen=True)
class Reply:
    """A reply, read: `end` is where it ends in the bytes, None where the end of the connection ends it."""

    status: int
    fields: dict[str, list[str]]
    body: bytes
    end: int | None
    may_stay: bool


def reply(octets: bytes, method: str) -> Reply:
    """A reply to a request, read a line at a time (RFC 9112 §4 to §7); fields by their name in lower case.

    Raises:
        Unread: It is none, or ends before its end.
    """
    status, place = 100, 0
    while 100 <= status < 200:
        version, status, lines, place = _head(octets, place)
        if status == 101:
            raise Unread("another protocol")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, value = _field(line)
        fields.setdefault(name, []).append(value)
    codings = [coding.lower() for coding in fields.get("transfer-encoding", [])]
    lengths = {_trimmed(length) for value in fields.pop("content-length", []) for length in value.split(",")}
    options = {_trimmed(option).lower() for value in fields.get("connection", []) for option in value.split(",")}
    may_stay = "close" not in options and (version == "1.1" or "keep-alive" in options)
    if codings and codings != ["chunked"]:
        raise Unread("coding")
    if lengths and not codings:
        length = lengths.pop()
        if lengths or not 0 < len(length) < 19 or set(length) - set("0123456789"):
            raise Unread("length")
        fields["content-length"] = [length]
    if method == "HEAD" or status in {204, 304}:
        return Reply(status, fields, b"", place, may_stay=False)
    if codings:
        body, place = _chunks(octets, place)
        return Reply(status, fields, body, place, may_stay)
    if "content-length" not in fields:
        return Reply(status, fields, octets[place:], None, may_stay=False)
    end = place + int(fields["content-length"][0])
    if end > len(octets):
        raise Unread("body cut")
    return Reply(status, fields, octets[place:end], end, may_stay)


def _head(octets: bytes, place: int) -> tuple[str, int, list[str], int]:
    first, place = _line(octets, place)
    protocol, _, rest = first.partition(" ")
    status, blank, _ = rest.partition(" ")
    is_status = len(status) == 3 and not set(status) - set("0123456789") and status[0] != "0"
    if protocol not in {"HTTP/1.0", "HTTP/1.1"} or not is_status or (not blank and rest != status):
        raise Unread("status line")
    lines = []
    while True:
        line, place = _line(octets, place)
        if not line:
            break
        _field(line)
        lines.append(line)
    if len(lines) > 99:
        raise Unread("too many fields")
    return protocol[5:], int(status), lines, place


def _line(octets: bytes, place: int) -> tuple[str, int]:
    """A line of a head, without its end, and where the next begins."""
    line = ""
    while octets[place : place + 2] != b"\r\n":
        if place == len(octets) or octets[place:] == b"\r":
            raise Unread("head cut")
        if octets[place] in b"\r\n\0":
            raise Unread("line")
        line += chr(octets[place])
        place += 1
    return line, place + 2


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    is_token = name != "" and all(char in _TOKEN_CHARACTERS for char in name)
    if not colon or not is_token:
        raise Unread("field")
    return name.lower(), _trimmed(value)


def _chunks(octets: bytes, place: int) -> tuple[bytes, int]:
    body = b""
    while True:
        line, place = _chunk_line(octets, place, "chunk size cut")
        digits, _, extension = line.partition(b";")
        digits = digits.rstrip(b" \t")
        is_size = 0 < len(digits) < 16 and all(digit in _HEX.encode() for digit in digits)
        if not is_size or b"\r" in extension or b"\0" in extension or len(line) > 1024:
            raise Unread("chunk size")
        size = int(digits, 16)
        if not size:
            break
        if place + size > len(octets):
            raise Unread("body cut")
        body, place = body + octets[place : place + size], place + size
        if octets[place : place + 2] != b"\r\n":
            raise Unread("body cut" if octets[place:] in {b"", b"\r"} else "chunk end")
        place += 2
    while line:
        line, place = _chunk_line(octets, place, "trailer cut")
    return body, place


def _chunk_line(octets: bytes, place: int, cut: str) -> tuple[bytes, int]:
    line, found, _ = octets[place:].partition(b"\r\n")
    if b"\n" in line:
        raise Unread("chunked body")
    if not found:
        raise Unread(cut)
    return line, place + len(line) + 2


def _trimmed(text: str) -> str:
    while text[:1] in {" ", "\t"}:
        text = text[1:]
    while text[-1:] in {" ", "\t"}:
        text = text[:-1]
    return text


def _named(entry: list[str], path: str) -> frozenset[str]:
    *methods, pattern = entry
    if not matches(pattern, path):
        return frozenset()
    names = set(methods[0].split("+")) if methods else set(_METHODS)
    return ANY_METHOD & (names | ({"HEAD"} if "GET" in names else set()))


def _past_stars(places: set[int], items: list[str]) -> set[int]:
    reached = set(places)
    for place, item in enumerate(items):
        if place in reached and item == "*":
            reached.add(place + 1)
    return reached


def _octet(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])
