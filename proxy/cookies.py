"""The `Cookie` field, read by what browsers write, and not more leniently. Pure.

What a name prefix promises (`__Host-`: set by this host alone, RFC 6265bis §4.1.3) holds as long as no other name can
be read as it: a parser that trims Unicode blanks, or splits at a comma, takes a sibling subdomain's cookie for ours.
"""

_BLANKS = " \t"


def parse_cookies(field: str) -> dict[str, str | None]:
    """The cookies of one request by name, in the case they came in.

    Pairs are separated by semicolons and trimmed of blanks and tabs alone; a comma is part of a value, and quotation
    marks are too. Which of two different values a browser means by one name cannot be told: whoever may set a cookie
    for a longer path, or for the parent domain, can have theirs come first (RFC 6265 §8.6). Neither is taken then.

    Args:
        field: Its value as WSGI has it, bytes as latin-1; several lines joined by "; " (RFC 9113 §8.2.3).

    Returns:
        Value by name; None for a name that came with two different values.
    """
    cookies: dict[str, str | None] = {}
    for pair in field.split(";"):
        name, equals, value = pair.strip(_BLANKS).partition("=")
        if equals:
            name, value = name.rstrip(_BLANKS), value.lstrip(_BLANKS)
            cookies[name] = value if cookies.get(name, value) == value else None
    return cookies
