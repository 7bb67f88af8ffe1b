"""Where the token is found, and what is read from it."""

import base64
import contextlib
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Settings
from proxy.errors import NotSignedIn, SessionExpired
from proxy.tokens import Token, TokenCookie, parse_token
from setting_types import Secret

NOW = 1_000_000.0


def jwt(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


@pytest.fixture
def cookie() -> TokenCookie:
    return TokenCookie(Settings(api_base_url="http://backend"))


@pytest.fixture
def encrypted() -> TokenCookie:
    return TokenCookie(Settings(api_base_url="http://backend", token_cookie_keys=(Secret("A" * 43 + "="),)))


def test_the_token_is_in_the_cookie_of_the_configured_name(cookie):
    """Other cookies are other people's."""
    token = cookie.find({"token": "a.b.c", "session": "x.y.z"}, NOW)

    assert token == Token("a.b.c", expires_at=None)


@pytest.mark.parametrize("cookies", [{}, {"token": ""}, {"token": "a b"}, {"token": "a\nb"}, {"other": "a.b.c"}])
def test_without_a_usable_cookie_nobody_is_signed_in(cookie, cookies):
    """RFC 6750 §2.1 says what fits behind `Bearer`."""
    with pytest.raises(NotSignedIn):
        cookie.find(cookies, NOW)


@pytest.mark.parametrize(
    ("cookies", "detail"),
    [
        ({}, "no token cookie"),
        ({"token": ""}, "no token cookie"),
        ({"token": None}, "two token cookies that differ"),
        ({"token": "a b"}, "the token cookie cannot be a token"),
    ],
)
def test_why_nobody_is_signed_in_is_said_in_fixed_words(cookie, cookies, detail):
    """For the log: no value is part of them."""
    with pytest.raises(NotSignedIn, match=f"^{detail}$"):
        cookie.find(cookies, NOW)


@pytest.mark.parametrize("exp", [0, -1, 999_999, 1_000_000, 999_999.9])
def test_a_token_past_its_own_expiry_is_over(cookie, exp):
    """RFC 7519 §4.1.4: on or after `exp` it must not be taken."""
    with pytest.raises(SessionExpired):
        cookie.find({"token": jwt(json.dumps({"exp": exp}).encode())}, NOW)


@pytest.mark.parametrize(("exp", "left"), [(1_000_060, 60.0), (1_000_000.5, 0.5)])
def test_a_token_says_how_long_it_lasts(cookie, exp, left):
    """`exp` is seconds, with or without a fraction."""
    token = cookie.find({"token": jwt(json.dumps({"exp": exp}).encode())}, NOW)

    assert token.seconds_left(NOW) == left


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"exp": null}', b'{"exp": "1"}', b'{"exp": true}'),
        *(b'{"exp": NaN}', b'{"exp": Infinity}', b'{"exp": 1' + b"0" * 400 + b"}", b"[" * 100_000),
        *(b'{"exp": 9007199254740992}', b'{"exp": -9007199254740992}'),
    ],
)
def test_what_names_no_date_is_left_for_the_backend_to_judge(payload):
    """We have no key to the signature: reading `exp` spares the user a call, and decides nothing else."""
    assert parse_token(jwt(payload)).seconds_left(NOW) == math.inf


@pytest.mark.parametrize("value", [None, 1, True, ["a.b.c"], {"token": "a.b.c"}, b"a.b.c"])
def test_what_is_no_text_is_no_token(value):
    """A login answers with any JSON."""
    with pytest.raises(NotSignedIn):
        parse_token(value)


@given(st.text())
def test_any_text_is_a_token_or_is_refused(text):
    """No input makes another exception, and what is taken fits into a header field as it is."""
    with contextlib.suppress(NotSignedIn):
        token = parse_token(text)

        assert token.value == text
        assert re.fullmatch(r"[\x21-\x7e]+", text)


@pytest.mark.parametrize("token", ["e30.{}", "e30.{}.", "e30.{}.c2ln.c2ln", "e30.{}.c2ln.."])
def test_what_a_token_says_stands_between_its_first_two_dots(token):
    """However many parts it has (RFC 7515 §3.1 knows three)."""
    payload = jwt(b'{"exp": 9007199254740991, "jti": "??>"}').split(".")[1]

    assert "_" in payload
    assert parse_token(token.format(payload)).expires_at == 9007199254740991


@pytest.mark.parametrize(
    ("payload", "subject"),
    [
        (b'{"sub": "ana", "id": "eva"}', "ana"),
        (b'{"id": "eva"}', "eva"),
        (b'{"id": 7}', "7"),
        (b'{"sub": ["ana"]}', None),
        (b'{"sub": {"id": 7}}', None),
        (b"{}", None),
    ],
)
def test_a_token_says_whose_it_is(payload, subject):
    """By `sub` (RFC 7519 §4.1.2), or by `id`, as backends of the Express kind write it."""
    assert parse_token(jwt(payload)).subject == subject


@pytest.mark.parametrize(("token", "claims"), [(jwt(b'{"role": "x"}'), {"role": "x"}), (jwt(b"[1]"), {}), ("a", {})])
def test_a_token_says_what_it_says(token, claims):
    """An object, or nothing."""
    assert Token(token, None).claims == claims


def test_a_token_does_not_print_itself():
    """It would end up in a traceback."""
    assert repr(Token("a.b.c", None, "ana")) == "Token(***)"


def test_with_a_key_the_cookie_is_written_encrypted_and_read_back(encrypted):
    """What is in the browser's profile is no token."""
    written = encrypted.write(Token("a.b.c", None))

    assert "a.b.c" not in written
    assert encrypted.find({"token": written}, NOW) == Token("a.b.c", None)


def test_without_a_key_the_cookie_is_the_token(cookie):
    """Whatever reads it elsewhere goes on doing so."""
    assert cookie.write(Token("a.b.c", None)) == "a.b.c"


@pytest.mark.parametrize("value", ["a.b.c", "gAAAAA==", "gAAAA", "\xe9", "\U0001f600"])
def test_with_a_key_a_plain_cookie_is_none(encrypted, value):
    """Whoever can plant one cannot encrypt it; the log learns nothing of the value."""
    with pytest.raises(NotSignedIn, match=r"^the token cookie was not encrypted with one of the keys$") as refused:
        encrypted.find({"token": value}, NOW)

    assert refused.value.__suppress_context__


@pytest.mark.parametrize("more", ["!", "\n", "====", "%", " "])
def test_an_encrypted_cookie_has_one_spelling(encrypted, more):
    """A decoder of base64 reads past what is none; two texts for one session would be told apart elsewhere."""
    written = encrypted.write(Token("a.b.c", None))

    with pytest.raises(NotSignedIn, match=r"^the token cookie is not as we wrote it$"):
        encrypted.find({"token": written + more}, NOW)


@pytest.mark.parametrize("position", [0, 1, 20, 60, -10])
def test_a_changed_byte_makes_an_encrypted_cookie_worthless(encrypted, position):
    """Fernet authenticates the version byte, the time, the text and itself."""
    value = list(encrypted.write(Token("a.b.c", None)))

    value[position] = "B" if value[position] == "A" else "A"

    with pytest.raises(NotSignedIn):
        encrypted.find({"token": "".join(value)}, NOW)
