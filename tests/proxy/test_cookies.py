"""What is read from a Cookie field, and what is not."""

import pytest

from proxy.cookies import parse_cookies


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("token=a.b.c", {"token": "a.b.c"}),
        ("theme=dark; token=a.b.c; lang=es", {"theme": "dark", "token": "a.b.c", "lang": "es"}),
        ("theme=dark;token=a.b.c;", {"theme": "dark", "token": "a.b.c"}),
        (" \ttoken = a.b.c\t ", {"token": "a.b.c"}),
        ("token=a=b==", {"token": "a=b=="}),
        ("token=\x0ba\xa0", {"token": "\x0ba\xa0"}),
        ("token=", {"token": ""}),
        ("token", {}),
        ("Token=a", {"Token": "a"}),
        ('token="a"', {"token": '"a"'}),
        ("a=1,token=b", {"a": "1,token=b"}),
        ("$Version=1; token=a; $Path=/", {"$Version": "1", "token": "a", "$Path": "/"}),
    ],
)
def test_pairs_are_read_as_browsers_write_them(field, cookies):
    """RFC 6265 §4.2.1; a comma does not end a pair, nor do quotation marks protect one."""
    assert parse_cookies(field) == cookies


@pytest.mark.parametrize("blank", ["\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\xe2\x80\x80", "\xe3\x80\x80"])
@pytest.mark.parametrize("pair", ["{}__Host-token=a", "__Host-token{}=a"])
def test_no_other_blank_makes_a_name_ours(blank, pair):
    """A sibling subdomain may set such a name, for to the browser it has no prefix; bytes are latin-1 here."""
    assert "__Host-token" not in parse_cookies(pair.format(blank))


@pytest.mark.parametrize("field", ["token=a; token=b", "token=a; x=1; token=b; token=a", "token=; token=b"])
def test_two_values_of_one_name_are_neither(field):
    """One of them may be planted, and which came first says nothing (RFC 6265 §8.6)."""
    assert parse_cookies(field)["token"] is None


def test_the_same_value_twice_is_one():
    """Nothing to choose between."""
    assert parse_cookies("token=a; token=a") == {"token": "a"}
