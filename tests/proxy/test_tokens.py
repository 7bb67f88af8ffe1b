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


def test_the_token_is_in_the_cookie_of_the_configured_name(cookie):
    """Other cookies are other people's."""
    token = cookie.find({"token": "a.b.c", "session": "x.y.z"}, NOW)

    assert token == Token("a.b.c", expires_at=None)


@pytest.mark.parametrize("cookies", [{}, {"token": ""}, {"token": "a b"}, {"token": "a\nb"}, {"other": "a.b.c"}])
def test_without_a_usable_cookie_nobody_is_signed_in(cookie, cookies):
    """RFC 6750 §2.1 says what fits behind `Bearer`."""
    with pytest.raises(NotSignedIn):
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
    ],
)
def test_what_names_no_date_is_left_for_the_backend_to_judge(payload):
    """We have no key to the signature: reading `exp` spares the user a call, and decides nothing else."""
    assert parse_token(jwt(payload)).seconds_left(NOW) == math.inf


@given(st.text())
def test_any_text_is_a_token_or_is_refused(text):
    """No input makes another exception, and what is taken fits into a header field as it is."""
    with contextlib.suppress(NotSignedIn):
        token = parse_token(text)

        assert token.value == text
        assert re.fullmatch(r"[\x21-\x7e]+", text)


def test_a_token_does_not_print_itself():
    """It would end up in a traceback."""
    assert "a.b.c" not in repr(Token("a.b.c", None))


@pytest.mark.parametrize("position", [0, 1, 20, 60, -10])
def test_a_changed_byte_makes_an_encrypted_cookie_worthless(position):
    """Fernet authenticates the version byte, the time, the text and itself."""
    cookie = TokenCookie(Settings(api_base_url="http://backend", token_cookie_keys=(Secret("A" * 43 + "="),)))
    value = list(cookie.write(Token("a.b.c", None)))

    value[position] = "B" if value[position] == "A" else "A"

    with pytest.raises(NotSignedIn):
        cookie.find({"token": "".join(value)}, NOW)
