"""What holds for every cookie that a browser may send: how it is read, and what becomes of the token in it."""

import base64
import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from config import Settings
from proxy.cookies import parse_cookies
from proxy.errors import NotSignedIn, SessionExpired
from proxy.nextauth import NextAuthSession
from proxy.tokens import Token, TokenCookie, TokenSource, parse_token
from setting_types import Secret
from tests.fuzz import oracles
from tests.proxy.test_nextauth import NOW, SESSION, SETTINGS, V4, V4_COOKIE, V5, V5_COOKIE, v5

NAME = "__Host-token"
PLAIN = TokenCookie(Settings(api_base_url="http://backend"))
ENCRYPTED = TokenCookie(
    Settings(api_base_url="http://backend", token_cookie_keys=(Secret("A" * 43 + "="), Secret("B" * 43 + "=")))
)
WRITTEN = ENCRYPTED.write(Token("a.b.c", None))
TOKEN_CLAIMS = ("accessToken", "access_token")
SIGNED_IN = {"AT-v4-123": {V4: V4_COOKIE}, "AT-v5-123": {V5: V5_COOKIE}}

LATIN_1 = st.text(st.characters(max_codepoint=0xFF))
FIELD = st.lists(
    st.sampled_from(
        [NAME, "token", "=", ";", "; ", ",", " ", "\t", '"', "a", "b", "\xa0", "\x0b", "\x85", "__host-token"]
    )
    | LATIN_1,
    max_size=12,
).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
NUMBERS = st.floats() | st.integers() | st.sampled_from([10**400, 2**53, -(2**53), True, NOW, NOW + 1, 4102444800000])


@st.composite
def changed(draw: st.DrawFn, value: str) -> str:
    """`value`, cut short, lengthened, or with some of its characters replaced by others."""
    at = draw(st.integers(0, len(value)))
    until = draw(st.integers(at, min(at + 3, len(value))) | st.just(len(value)))
    return value[:at] + draw(st.text("Aa0-_+/=. \x00\xff\u0100", max_size=3)) + value[until:]


def found(source: TokenSource, cookies: dict[str, str | None]) -> str | type[NotSignedIn]:
    try:
        return source.find(cookies, NOW).value
    except NotSignedIn as refusal:
        return type(refusal)


def is_token(value: object) -> bool:
    return isinstance(value, str) and oracles.FITS_BEHIND_BEARER.fullmatch(value) is not None


def jwt(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


@given(FIELD)
@example("a=1; a=2; a=1")
@example("=; =x;;=")
@example("\xa0__Host-token=a; __Host-token\x85=b;\x0bc\x1c=d")
def test_a_cookie_field_is_read_as_a_reader_of_single_characters_reads_it(field):
    """Semicolons part, the first `=` ends a name, blanks and tabs are trimmed, and two values are none."""
    assert parse_cookies(field) == oracles.cookies(field)


@given(st.lists(FIELD.filter(lambda text: ";" not in text), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_cookies_tells_nothing(pairs, chance):
    """Whoever plants one can have it come first (RFC 6265 §8.6)."""
    shuffled = chance.sample(pairs, len(pairs))

    assert parse_cookies(";".join(shuffled)) == parse_cookies(";".join(pairs))


@given(FIELD.filter(lambda text: not set(text) & set("=;")), st.sampled_from([NAME, f"{NAME}\t"]))
def test_no_other_name_is_ever_read_as_ours(other, name):
    """To the browser it has no prefix, so that a sibling subdomain may set it (RFC 6265bis §4.1.3)."""
    assume(other.strip(" \t") != NAME)

    cookies = parse_cookies(f"{other}=planted; {name}=ours; {other}{NAME}x=planted; {NAME},{other}=planted")

    assert cookies[NAME] == "ours"


@given(
    st.dictionaries(
        st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", fullmatch=True),
        st.from_regex(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*", fullmatch=True),
    )
)
def test_cookies_as_the_standard_writes_them_come_back(cookies):
    """RFC 6265 §4.1.1 and §4.2.1."""
    assert parse_cookies("; ".join(f"{name}={value}" for name, value in cookies.items())) == cookies


@given(LATIN_1 | changed(jwt(b'{"exp": 4102444800}')) | st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True))
def test_what_is_in_the_plain_cookie_is_the_token_or_there_is_none(value):
    """Nothing that cannot stand behind `Bearer` is a token, and nothing is taken off or added."""
    outcome = found(PLAIN, {"token": value})

    assert outcome in {value, NotSignedIn, SessionExpired}
    assert not isinstance(outcome, str) or oracles.FITS_BEHIND_BEARER.fullmatch(outcome)
    assert outcome is not NotSignedIn or not oracles.FITS_BEHIND_BEARER.fullmatch(value)


@given(changed(WRITTEN))
@example(WRITTEN[:-3] + chr(ord(WRITTEN[-3]) + 1) + "==")
@example("!" + WRITTEN)
@example(WRITTEN + "==A")
def test_a_changed_encrypted_cookie_is_worthless(value):
    """Not even another spelling of the same bytes is read, of which base64 has many: Python skips what is none."""
    assume(value != WRITTEN)

    assert found(ENCRYPTED, {"token": value}) is NotSignedIn


@given(LATIN_1 | st.text())
def test_what_was_not_encrypted_with_a_key_is_no_token(value):
    """Not even a token as it is."""
    assert found(ENCRYPTED, {"token": value}) is NotSignedIn


@given(st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True))
def test_a_token_comes_back_out_of_the_cookie_it_was_written_to(token):
    """Encrypted or not, in characters that a cookie may have."""
    cookies = {source: source.write(Token(token, None)) for source in (PLAIN, ENCRYPTED)}

    assert [found(source, {"token": value}) for source, value in cookies.items()] in (
        [token, token],
        [SessionExpired, SessionExpired],
    )
    assert all(set(value) <= set(map(chr, range(0x21, 0x7F))) - set('",;\\') for value in cookies.values())


@given(LATIN_1 | st.text() | st.binary().map(jwt) | JSON.map(json.dumps).map(str.encode).map(jwt))
@example(jwt(b'{"a":' * 100_000))
@example(jwt(b'{"exp":' + b"9" * 5_000 + b"}"))
def test_claims_are_an_object_whatever_the_token_is(value):
    """They are read for hooks, in which an exception would be a 500."""
    assert isinstance(Token(value, None).claims, dict)


@given(NUMBERS | JSON)
def test_the_date_of_a_token_is_its_exp_where_that_is_one(exp):
    """NaN, infinities, `true` and numbers that no date has are none: they compare with nothing."""
    is_date = isinstance(exp, int | float) and not isinstance(exp, bool) and -(2**53) < exp < 2**53

    token = parse_token(jwt(json.dumps({"exp": exp}).encode()))

    assert token.expires_at == (exp if is_date else None)
    assert not math.isnan(token.seconds_left(NOW))


@pytest.mark.parametrize("token", SIGNED_IN)
@given(data=st.data())
def test_a_changed_session_cookie_is_worthless_or_holds_the_same_token(token, data):
    """Both of its ciphers are authenticated, its header too; base64 alone has more than one spelling."""
    [(name, cookie)] = SIGNED_IN[token].items()
    value = data.draw(changed(cookie))

    assert found(SESSION, {name: value}) in {token, NotSignedIn}


@given(st.lists(st.sampled_from([*V4_COOKIE.split("."), *V5_COOKIE.split("."), ""]), max_size=6).map(".".join))
def test_no_cookie_can_be_made_from_parts_of_others(value):
    """Header, nonce, text and tag belong together."""
    assume(value not in {V4_COOKIE, V5_COOKIE})

    assert found(SESSION, {V4: value, V5: value}) is NotSignedIn


@pytest.mark.parametrize("token", SIGNED_IN)
@given(cuts=st.lists(st.integers(1, 300), max_size=4, unique=True), other=st.text(), value=st.text())
def test_a_session_in_chunks_is_the_session_and_no_other_name_is_part_of_it(token, cuts, other, value):
    """Wherever it was cut; a name that begins like ours is not ours."""
    [(name, cookie)] = SIGNED_IN[token].items()
    edges = [0, *sorted(cuts), len(cookie)]
    pieces = [cookie[start:end] for start, end in itertools.pairwise(edges)]
    planted = {f"{name}{other}": value, f"{name}.{len(pieces) + 1}": value, f"{name}.00": value, f"{name}X": value}

    cookies = {**planted, **{f"{name}.{index}": piece for index, piece in enumerate(pieces)}}
    cookies = {key: text for key, text in cookies.items() if key not in {name, f"{name}.{len(pieces)}"}}

    assert found(SESSION, cookies) == token


@given(LATIN_1 | st.text(), st.sampled_from([V4, V5, f"{V5}.0", f"__Secure-{V4}"]))
def test_any_other_text_is_no_session(value, name):
    """A UUID of next-auth with a database, or anything else."""
    assert found(SESSION, {name: value}) is NotSignedIn


@given(
    JSON
    | st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(["exp", "nbf", "accessTokenExpires", "expires_at"], NUMBERS | JSON),
            **dict.fromkeys(["accessToken", "access_token", "error"], LATIN_1 | JSON | st.just("a.b.c")),
        },
    )
)
@example({"exp": NOW + 9, "accessToken": "a.b.c", "expires_at": 10**400})
@example({"exp": NOW + 9, "accessToken": {"a": "b"}, "access_token": "a.b.c"})
@example(b"[" * 10_000)
@example(b"\xff")
def test_whatever_a_session_claims_it_gives_its_token_or_none(claims):
    """What was encrypted with the secret is not therefore sound: applications put their own things there."""
    said = claims if isinstance(claims, dict) else {}

    outcome = found(SESSION, {V5: v5(claims)})

    assert outcome in (
        {NotSignedIn, SessionExpired} | {said[name] for name in TOKEN_CLAIMS if is_token(said.get(name))}
    )


@given(JSON | st.fixed_dictionaries({"token": JSON | st.just("a.b.c")}))
def test_a_path_into_the_claims_may_lead_nowhere(user):
    """NEXTAUTH_TOKEN_CLAIM is the operator's, what stands there the application's."""
    session = NextAuthSession(replace(SETTINGS, nextauth_token_claim=("user.token",)))
    said = user.get("token") if isinstance(user, dict) else None

    outcome = found(session, {V5: v5({"exp": NOW + 9, "user": user})})

    assert outcome == (said if is_token(said) else NotSignedIn)
