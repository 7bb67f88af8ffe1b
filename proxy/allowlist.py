"""What `/api/proxy/*` may reach: which paths have one meaning, and which of them PROXY_ALLOW names.

The rule for a path, judged on the very characters that go out: it is made of RFC 3986's characters and whole escapes;
and once decoded, with every escaped slash taken for a slash, it has no empty segment but a last one, no `.` or `..`
(with or without `;parameters`), no backslash, no control character, nothing that is not UTF-8, and no escape left.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from proxy.errors import BadRequest
from setting_types import ProxyRule

# RFC 3986 §3.3, and bytes outside of ASCII, which some clients send raw.
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/\x80-\xff-]|%[0-9A-Fa-f]{2})*")
_ESCAPED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]|%[0-9A-Fa-f]{2}")
_NAME = re.compile(r"\{[^}]*\}")
# The endpoints of the contract whose answers hold a token, by the backend's names and by ours.
_CREDENTIALS = re.compile(r"(?:.*/)?auth/(?:login|register|reset-?password)(?:/.*)?", re.DOTALL)


class AllowList:
    """The entries of PROXY_ALLOW, ready to be asked."""

    def __init__(self, rules: Iterable[ProxyRule]) -> None:
        self._rules = [(_compile(rule.pattern), rule.methods) for rule in rules]

    def methods(self, path: str) -> frozenset[str] | None:
        """The methods that may be used on a path; None means any, and the empty set that no entry names it.

        A backend may or may not take `%2F` for a slash, so both readings must be allowed.
        """
        as_data = self._methods(path)
        as_slash = self._methods(_ESCAPED_SLASH.sub("/", path))
        if as_data is None or as_slash is None:
            return as_slash if as_data is None else as_data
        return as_data & as_slash

    def _methods(self, path: str) -> frozenset[str] | None:
        named = [methods for pattern, methods in self._rules if pattern.match(path)]
        allowed: set[str] = set()
        for methods in named:
            if methods is None:
                return None
            allowed |= methods
        return frozenset(allowed)


def require_one_meaning(path: str) -> None:
    """Refuse a path that two programs could read in two ways.

    Args:
        path: What follows `/api/proxy/` in the request target, as it came (bytes as latin-1, PEP 3333).

    Raises:
        BadRequest: It breaks the rule of this module.
    """
    if not _PATH.fullmatch(path):
        raise BadRequest("the path holds characters or escapes that no path may")
    try:
        decoded = unquote_to_bytes(path.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("the path is not UTF-8") from error
    segments = [segment.partition(";")[0] for segment in decoded.split("/")]
    if _UNSAFE.search(decoded) or "" in segments[:-1] or {".", ".."} & set(segments):
        raise BadRequest("the path holds a dot segment, an empty one, or an escape of an escape")
    if _ESCAPED_SLASH.fullmatch(path[-3:]):
        raise BadRequest("the path ends in an escaped slash")


def leads_to_credentials(path: str) -> bool:
    """Whether the backend may answer with a token: its paths take any case and a slash at the end.

    Args:
        path: The whole one, that of the base URL included.
    """
    decoded = unquote_to_bytes(path).decode("utf-8", "replace").lower()
    # Some servers cut `;parameters` off a segment, some a blank or a dot at its end.
    plain = "/".join(segment.partition(";")[0].rstrip(" .") for segment in decoded.split("/"))
    return _CREDENTIALS.fullmatch(plain) is not None


def _compile(pattern: str) -> re.Pattern[str]:
    """`*` is any characters, slashes too; `{name}` one segment, or a part of one, not empty. Ask it with `match`.

    What stands behind a placeholder is taken where it is found first, and held there (an atomic group): further on it
    would leave less to the rest. So time grows with the path's length, however many placeholders there are. Behind a
    `*` one segment after another is tried, for a `{name}` that follows ends with its segment.
    """
    pieces = [[re.escape(literal) for literal in _NAME.split(piece)] for piece in pattern.rstrip("*").split("*")]
    if not pattern.endswith("*"):
        pieces[-1][-1] += r"\Z"
    first, *others = [")(?>[^/]+?".join(literals) for literals in pieces]
    return re.compile(f"(?>{first})" + "".join(f"(?>(?:|.*?/)(?>[^/]*?{other}))" for other in others), re.DOTALL)
