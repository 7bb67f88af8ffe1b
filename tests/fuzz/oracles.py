"""What the parsers must agree with: the same readings, slow and written another way. Nothing here calls the service."""

import itertools
import posixpath
import re

from proxy.errors import BadRequest, BffError, NotFound

_HEX = "0123456789ABCDEFabcdef"
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
