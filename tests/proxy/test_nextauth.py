"""What is read from a next-auth session cookie. (Cookies made by the packages themselves: tests/next_auth.)"""

import base64
import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import OctKey

from config import Settings
from proxy.errors import NotSignedIn, SessionExpired
from proxy.nextauth import NextAuthSession
from proxy.tokens import Token
from setting_types import Secret

NOW = 1_900_000_000.0
SECRET = "test-secret-not-for-production"
OLD_SECRET = "test-secret-of-last-year"
V4, V5 = "next-auth.session-token", "authjs.session-token"
CBC, GCM = "A256CBC-HS512", "A256GCM"
GOOD = {"exp": NOW + 3600, "accessToken": "a.b.c"}

# Made by next-auth 4.24.15 and @auth/core 0.41.3 with SECRET; and the keys that their sources derive.
V4_COOKIE = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..0rsMzJI5NlD6lAuO.o0y8XelLMT_KjeWPV5MexfKH3Q09xbtIgs9UL69ZF7YK53k8WDxMRc"
    "-Y3Wc0_ckH7H1UkTDyqv9mNJg3amFwYKuK5edVogR41aGK64Zu8EGdwBQj11anxz2Sv-nVr8wcnerZddhbtO472PFUK--Zqzwngpf0ezUD9JlTkk"
    "zu0M5bFV_QfeIvkmis5eM2gaCOieAW2Gw11lGDqIAldgXPepY8yE2cqySclvYyATY25wBHWmr4u2aGlGjgjx5z1pE.ULsL6dTbmjPEuf-CB2rNYw"
)
V5_COOKIE = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoidzlOVTBMU2plXzdRc1RhV1JsWEJodGY2TVBteFV5QjNMdDFteE1YRklr"
    "U2V0bHdwY3YydUpCbmJQcS05NXJIZ2Roek5kRllHVzVJeTNINzJnalpwbFEifQ..VDtnntA_fN_peVJ1Sz8X2w.6rCdQuPQlCOw-B0pWltoo-d-E5S"
    "4XeHgQAHv5FLI3wOEicmaSYY08omqYVX6iO7IqGG3jWmFFlIUNITrAx2MLDLV_Bg7LIxS1fZ9iTuMxf5Qk2LF44tNuYGaoz5XlBWnO9Z55Iv5_yB_h"
    "R1XxWyKCy1iY88B1TKmU10zApjB5rbmacH8gklXYVuLs736Vhn2jyYiIWJ7bX-YDb8goxkLQpDoKv5w29o2UnYqe4k2xeraoyOXWH0mcmQB01Z4VOCC"
    ".9BZnmkmuPjYDW_dlGI7P7mhsovoATev0QfFoFvtVS-k"
)
V4_KEY = "a7b4495dca40f27ca329e7a5bdbeb7c195a2ec234b3d04020de3b9f8a83ebdbb"
V5_KEY = (
    "1d3c98a914966ee063fded7260af814a8009132fc1bb4b65614022ed81e27406"
    "dc5648f13830ecc48fb144537e3f55ce5135795bedb48b9f5667dceb060180a6"
)
V5_SECURE_KEY = (
    "4abfd429b5f78cf871cb8e032ae95d42230b6eb9fab157f3dc8a121ae509a572"
    "67b8477745309289b272621225b346d3c4a87783385a7db188f7bd0a3585f221"
)

# Everything that may stand in the log.
DETAILS = {
    "session cookie: none",
    "session cookie: too long",
    "session cookie: not an encrypted JWT",
    "session cookie: header not allowed",
    "session cookie: no secret fits",
    "session cookie: no claims in it",
    "session cookie: no exp",
    "session cookie: its exp has passed",
    "session cookie: not valid yet",
    "session cookie: refresh failed",
    "session cookie: no token in the claim",
    "session cookie: the access token has expired",
}


def v4_key(secret: str = SECRET) -> bytes:
    return HKDF(SHA256(), 32, b"", b"NextAuth.js Generated Encryption Key").derive(secret.encode())


def v5_key(name: str = V5, enc: str = CBC, secret: str = SECRET) -> bytes:
    info = f"Auth.js Generated Encryption Key ({name})".encode()
    return HKDF(SHA256(), {CBC: 64, GCM: 32}[enc], name.encode(), info).derive(secret.encode())


def kid(key: bytes) -> str:
    """The thumbprint of RFC 7638, by SHA-512 for a key of 64 bytes and by SHA-256 for one of 32."""
    members = json.dumps({"k": base64url(key), "kty": "oct"}, separators=(",", ":"))
    return base64url(hashlib.new(f"sha{len(key) * 8}", members.encode()).digest())


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def sealed(claims: object, key: bytes, enc: str, **header: object) -> str:
    """`claims`, bytes or what becomes JSON, as a JWE; `header` is added to, or replaces, what must be in it."""
    plaintext = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = JWERegistry(algorithms=["dir", "DEF", enc], strict_check_header=False)
    return encrypt_compact({"alg": "dir", "enc": enc, **header}, plaintext, OctKey.import_key(key), registry=registry)


def v4(claims: object, secret: str = SECRET) -> str:
    return sealed(claims, v4_key(secret), GCM)


def v5(claims: object, name: str = V5, enc: str = CBC, secret: str = SECRET) -> str:
    key = v5_key(name, enc, secret)
    return sealed(claims, key, enc, kid=kid(key))


def chunked(name: str, value: str, size: int) -> dict[str, str]:
    return {f"{name}.{at // size}": value[at : at + size] for at in range(0, len(value), size)}


SETTINGS = Settings(
    app_env="testing",
    api_base_url="http://backend",
    token_source="nextauth",
    auth_secrets=(Secret(SECRET), Secret(OLD_SECRET)),
)
SESSION = NextAuthSession(SETTINGS)


@pytest.fixture
def session() -> NextAuthSession:
    return SESSION


@pytest.fixture
def reading() -> Callable[..., NextAuthSession]:
    """A NextAuthSession whose settings differ in what is named."""
    return lambda **changes: NextAuthSession(replace(SETTINGS, **changes))


@pytest.mark.parametrize(
    ("name", "cookie", "token"), [(V4, V4_COOKIE, "AT-v4-123"), (V5, V5_COOKIE, "AT-v5-123")], ids=["v4", "v5"]
)
def test_a_cookie_of_either_version_holds_the_access_token(session, name, cookie, token):
    """v4 keeps it in accessToken, v5's guide in access_token; the session ends before the token does."""
    found = session.find({name: cookie}, NOW)

    assert found.value == token
    assert NOW < (found.expires_at or 0) < 4_102_444_800


@pytest.mark.parametrize(
    ("name", "key", "enc"),
    [(V4, V4_KEY, GCM), (V5, V5_KEY, CBC), (f"__Secure-{V5}", V5_SECURE_KEY, CBC)],
    ids=["v4", "v5", "v5-secure"],
)
def test_the_key_is_derived_as_the_packages_do(session, name, key, enc):
    """What is encrypted with their key is read with ours; v5's depends on the cookie's whole name."""
    cookie = sealed(GOOD, bytes.fromhex(key), enc)

    assert session.find({name: cookie}, NOW).value == "a.b.c"


@pytest.mark.parametrize("position", range(len(V4_COOKIE)))
def test_no_character_of_a_v4_cookie_may_change(session, position):
    """The tag covers header, IV and ciphertext (RFC 7516 §5.1); the second part is empty and stays so."""
    changed = "B" if V4_COOKIE[position] == "A" else "A"

    with pytest.raises(NotSignedIn):
        session.find({V4: V4_COOKIE[:position] + changed + V4_COOKIE[position + 1 :]}, NOW)


@pytest.mark.parametrize("position", range(len(V5_COOKIE)))
def test_no_character_of_a_v5_cookie_may_change(session, position):
    """As above, with HMAC-SHA512 for the tag."""
    changed = "B" if V5_COOKIE[position] == "A" else "A"

    with pytest.raises(NotSignedIn):
        session.find({V5: V5_COOKIE[:position] + changed + V5_COOKIE[position + 1 :]}, NOW)


@pytest.mark.parametrize("part", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("more", [".", "A", "AAAA", "=", "\n", "é"])
def test_nothing_may_be_added_to_a_part(session, part, more):
    """Base64url without padding has one spelling."""
    parts = V5_COOKIE.split(".")
    parts[part] += more

    with pytest.raises(NotSignedIn):
        session.find({V5: ".".join(parts)}, NOW)


@pytest.mark.parametrize("part", [2, 3, 4])
@pytest.mark.parametrize("length", [0, 4, 12, -4, -1])
def test_no_part_may_be_shortened(session, part, length):
    """A tag of fewer bytes would be easier to guess."""
    parts = V4_COOKIE.split(".")
    parts[part] = parts[part][:length]

    with pytest.raises(NotSignedIn, match=r"^session cookie: no secret fits$"):
        session.find({V4: ".".join(parts)}, NOW)


def test_the_unused_bits_of_the_last_character_may_not_change_either(session):
    """16 bytes fill 21 characters and a third of the 22nd; a lax decoder would take 16 spellings of one tag."""
    assert V4_COOKIE.endswith("w")

    with pytest.raises(NotSignedIn):
        session.find({V4: V4_COOKIE[:-1] + "x"}, NOW)


@pytest.mark.parametrize("name", [V4, V5])
def test_production_does_not_read_a_plain_name(reading, name):
    """A sibling subdomain over http can set it; the prefix it cannot (RFC 6265bis §4.1.3.1)."""
    session = reading(app_env="production")

    with pytest.raises(NotSignedIn, match=r"^session cookie: none$"):
        session.find({name: v4(GOOD)}, NOW)


@pytest.mark.parametrize("app_env", ["production", "development", "testing"])
@pytest.mark.parametrize(
    "cookies", [{f"__Secure-{V4}": v4(GOOD)}, {f"__Secure-{V5}": v5(GOOD, f"__Secure-{V5}")}], ids=["v4", "v5"]
)
def test_a_secure_name_is_read_everywhere(reading, app_env, cookies):
    """Development may run behind https too."""
    assert reading(app_env=app_env).find(cookies, NOW).value == "a.b.c"


def test_a_secure_name_goes_before_a_plain_one(session):
    """As in production, so that both show the same user."""
    cookies = {V5: v5({**GOOD, "accessToken": "plain"}), f"__Secure-{V5}": v5(GOOD, f"__Secure-{V5}")}

    assert session.find(cookies, NOW).value == "a.b.c"


@pytest.mark.parametrize("app_env", ["production", "testing"])
@pytest.mark.parametrize("cookie", [v4(GOOD), v5(GOOD, "my.session"), v5(GOOD, "my.session", GCM)])
def test_a_renamed_cookie_is_taken_as_named(reading, app_env, cookie):
    """Without a prefix, by whichever version; v5's salt is its name."""
    session = reading(app_env=app_env, nextauth_cookie_name="my.session")

    assert session.find({"my.session": cookie}, NOW).value == "a.b.c"
    assert session.find(chunked("my.session", cookie, 100), NOW).value == "a.b.c"


@pytest.mark.parametrize("name", [V4, V5, f"__Secure-{V4}", "__Secure-my.session", "my.sessions"])
def test_once_renamed_no_other_name_is_read(reading, name):
    """Two names would be two sessions."""
    session = reading(nextauth_cookie_name="my.session")

    with pytest.raises(NotSignedIn, match=r"^session cookie: none$"):
        session.find({name: v4(GOOD)}, NOW)


@pytest.mark.parametrize(
    "name", [f"{V4}X", f"{V4}.x", f"{V4}.", f"{V4}.00", f"{V4}.-1", f"{V4}.0.0", f"x{V4}", "Next-Auth"]
)
def test_a_name_that_only_resembles_is_not_read(session, name):
    """Auth.js takes every cookie that begins with the name, and so lets a planted one spoil the session."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: none$"):
        session.find({name: v4(GOOD)}, NOW)

    assert session.find({name: "planted", V4: v4(GOOD)}, NOW).value == "a.b.c"


@pytest.mark.parametrize("with_kid", [True, False])
@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
@pytest.mark.parametrize("enc", [CBC, GCM])
def test_every_secret_reads_v5(session, enc, secret, with_kid):
    """During a rotation cookies of both are about; v5 decodes A256GCM too, and cookies without a kid."""
    key = v5_key(V5, enc, secret)
    cookie = sealed(GOOD, key, enc, **({"kid": kid(key)} if with_kid else {}))

    assert session.find({V5: cookie}, NOW).value == "a.b.c"


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_every_secret_reads_v4(session, secret):
    """v4 names no key: each is tried."""
    assert session.find({V4: v4(GOOD, secret)}, NOW).value == "a.b.c"


@pytest.mark.parametrize(
    "cookies",
    [
        {V4: v4(GOOD, "another secret")},
        {V5: v5(GOOD, secret="another secret")},
        {V5: v5(GOOD, f"__Secure-{V5}")},
        {f"__Secure-{V5}": V5_COOKIE},
        {V5: sealed(GOOD, v5_key(), CBC, kid=kid(v5_key(secret=OLD_SECRET)))},
        {V5: sealed(GOOD, v5_key(), CBC, kid=kid(v5_key(V5, GCM)))},
        {V5: sealed(GOOD, v5_key(), CBC, kid="")},
        {V4: sealed(GOOD, v4_key(), GCM, kid=kid(v4_key()))},
    ],
    ids=["v4", "v5", "v5-salt", "v5-vector-salt", "kid-of-old", "kid-of-gcm", "kid-empty", "v4-with-kid"],
)
def test_a_key_that_does_not_fit_or_is_not_the_one_named_reads_nothing(session, cookies):
    """With a `kid`, its key alone is tried; v5's key is bound to the cookie's name."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: no secret fits$"):
        session.find(cookies, NOW)


def test_without_a_secret_nothing_is_read(reading):
    """There is no key to fall back on."""
    session = reading(token_source="cookie", auth_secrets=())

    with pytest.raises(NotSignedIn, match=r"^session cookie: no secret fits$"):
        session.find({V4: V4_COOKIE}, NOW)


@pytest.mark.parametrize(
    "header",
    [
        *({"zip": "DEF"}, {"crit": []}, {"crit": ["kid"], "kid": "1"}, {"p2c": 1}, {"typ": "JWT"}, {"cty": "JWT"}),
        *({"jwk": {}}, {"jku": "https://example.com"}, {"x": None}, {"epk": {}}),
    ],
    ids="+".join,
)
@pytest.mark.parametrize("key", [v4_key(), v5_key()], ids=["v4", "v5"])
def test_a_header_with_more_than_the_packages_write_is_refused(session, key, header):
    """They write alg, enc and v5's kid; even whoever has the key gets no other feature of JOSE."""
    cookie = sealed(GOOD, key, {32: GCM, 64: CBC}[len(key)], **header)

    with pytest.raises(NotSignedIn, match=r"^session cookie: header not allowed$"):
        session.find({V5: cookie}, NOW)


@pytest.mark.parametrize(("enc", "size"), [("A128GCM", 16), ("A192GCM", 24), ("A128CBC-HS256", 32)])
def test_another_encryption_is_refused(session, enc, size):
    """Two are written, and two are read."""
    cookie = sealed(GOOD, v5_key()[:size], enc)

    with pytest.raises(NotSignedIn, match=r"^session cookie: header not allowed$"):
        session.find({V5: cookie}, NOW)


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"{", b"[]", b"null", b'"dir"', b"{}", b"\xff", b"[" * 9000, b'{"a":' * 3000),
        *(b'{"alg":"dir"}', b'{"enc":"A256GCM"}', b'{"alg":"none","enc":"A256GCM"}', b'{"alg":"DIR","enc":"A256GCM"}'),
        *(b'{"alg":["dir"],"enc":"A256GCM"}', b'{"alg":"dir","enc":["A256GCM"]}', b'{"alg":"dir","enc":{}}'),
        *(b'{"alg":"A256KW","enc":"A256GCM"}', b'{"alg":"PBES2-HS256+A128KW","enc":"A256GCM"}'),
    ],
    ids=range(18),
)
def test_a_header_of_another_kind_is_refused(session, header):
    """Before a key is looked for."""
    _, *parts = V4_COOKIE.split(".")

    with pytest.raises(NotSignedIn, match=r"^session cookie: header not allowed$"):
        session.find({V4: ".".join([base64url(header), *parts])}, NOW)


@pytest.mark.parametrize("value", [None, 1, [], {}, "", "x"])
def test_a_kid_that_names_no_key_is_refused(session, value):
    """Of whatever type."""
    header = base64url(json.dumps({"alg": "dir", "enc": GCM, "kid": value}).encode())

    with pytest.raises(NotSignedIn, match=r"^session cookie: no secret fits$"):
        session.find({V4: f"{header}..{V4_COOKIE.partition('..')[2]}"}, NOW)


@pytest.mark.parametrize(
    "value",
    ["7c9e6679-7425-40de-944b-e07fc1f90ae7", "a.b.c", "....", "A.A.A.A.A", V4_COOKIE + ".A", V4_COOKIE[:-30], "é.á"],
)
def test_what_is_not_an_encrypted_jwt_is_refused(session, value):
    """A database session is a UUID; a signed token has three parts; a key wrapped in the second is not ours."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: (not an encrypted JWT|header not allowed)$"):
        session.find({V4: value}, NOW)


@pytest.mark.parametrize("cookies", [{}, {V5: ""}, {"token": "a.b.c"}, {f"{V5}.0": ""}, {f"{V5}.1": V5_COOKIE}])
def test_without_a_session_cookie_nobody_is_signed_in(session, cookies):
    """An empty value is how an application clears a cookie."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: none$"):
        session.find(cookies, NOW)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(("name", "size", "seal"), [(V4, 3933, v4), (V5, 3936, v5)], ids=["v4", "v5"])
def test_a_long_session_comes_in_chunks(session, name, size, seal, count):
    """In whatever order the browser sends them; the salt is the name without the suffix."""
    long = "a" * (size * count * 3 // 4 - 700)
    chunks = chunked(name, seal({**GOOD, "accessToken": long}), size)

    found = session.find(dict(reversed(chunks.items())), NOW)

    assert len(chunks) == count
    assert found.value == long


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_no_chunk_may_be_missing(session, missing):
    """Each is needed, and none is taken for another."""
    chunks = chunked(V5, V5_COOKIE, 200)
    del chunks[f"{V5}.{missing}"]

    with pytest.raises(NotSignedIn):
        session.find(chunks, NOW)


def test_chunks_after_a_gap_are_not_looked_at(session):
    """Whoever can plant one does not sign the user out."""
    cookies = {**chunked(V5, V5_COOKIE, 200), f"{V5}.7": "planted", f"{V5}.01": "planted", f"{V5}.x": "planted"}

    assert session.find(cookies, NOW).value == "AT-v5-123"


@pytest.mark.parametrize(
    "cookies",
    [
        chunked(V5, v5({**GOOD, "accessToken": "a" * 9_000}), 2_100),
        chunked(V5, v5({**GOOD, "accessToken": "a" * 16_000}), 5_000),
        {V5: v5({**GOOD, "accessToken": "a" * 16_000})},
    ],
    ids=["six chunks", "long chunks", "no chunks"],
)
def test_a_session_has_an_end(session, cookies):
    """Five chunks and 20 KiB: more than servers take in one header line by default."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: too long$"):
        session.find(cookies, NOW)


@pytest.mark.parametrize(("length", "detail"), [(20 * 1024, "not an encrypted JWT"), (20 * 1024 + 1, "too long")])
def test_what_is_too_long_is_not_looked_into(session, length, detail):
    """Decrypting costs time, and anybody can send a cookie."""
    with pytest.raises(NotSignedIn, match=f"^session cookie: {detail}$"):
        session.find({V5: "x" * length}, NOW)


@pytest.mark.parametrize("stale", ["garbage", V4_COOKIE[:-1], v4(GOOD, "another secret"), v4({**GOOD, "exp": 1})])
def test_when_the_bare_name_holds_nothing_good_the_chunks_are_tried(session, stale):
    """A session that grew may leave its former cookie behind."""
    assert session.find({V4: stale, **chunked(V4, v4(GOOD), 100)}, NOW).value == "a.b.c"


def test_the_bare_name_goes_before_chunks(session):
    """A session that shrank may leave its former chunks behind."""
    stale = chunked(V4, v4({**GOOD, "accessToken": "stale"}), 100)

    assert session.find({**stale, V4: v4(GOOD)}, NOW).value == "a.b.c"


@pytest.mark.parametrize("leftover", ["garbage", v5(GOOD, secret="another secret"), v5({**GOOD, "exp": 1})])
def test_a_leftover_of_another_version_is_passed_over(session, leftover):
    """An application that went back from v5 to v4 leaves cookies of v5."""
    assert session.find({V5: leftover, V4: v4(GOOD)}, NOW).value == "a.b.c"


@pytest.mark.parametrize("names", [(V5, V4), (V4, V5)])
def test_an_expired_session_is_told_from_none_whatever_lies_beside_it(session, names):
    """`session_expired` is what sends the user to sign in again."""
    cookies = dict.fromkeys(names, v4({**GOOD, "exp": 1})) | {names[0]: "garbage"}

    with pytest.raises(SessionExpired, match=r"^session cookie: its exp has passed$"):
        session.find(cookies, NOW)


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"{", b"[]", b"null", b"1", b'"a.b.c"', b"\xff\xfe", b"[" * 15_000, b"1" * 5_000],
    ids=range(9),
)
def test_what_decrypts_to_no_claims_is_refused(session, plaintext):
    """RFC 7519 §7.2: a JSON object, in UTF-8."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: no claims in it$"):
        session.find({V4: v4(plaintext)}, NOW)


@pytest.mark.parametrize(
    "exp", [None, "1900000100", True, [], {}, float("nan"), float("inf"), float("-inf"), 10**400, 1e300]
)
def test_a_session_without_an_expiry_is_refused(session, exp):
    """Both versions write one, so what has none was not made as a session."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: no exp$"):
        session.find({V4: v4({**GOOD, "exp": exp})}, NOW)


@pytest.mark.parametrize("exp", [0, -1, NOW - 3600, NOW - 15])
def test_a_session_past_its_expiry_is_over(session, exp):
    """RFC 7519 §4.1.4, with the 15 seconds for clocks that differ."""
    with pytest.raises(SessionExpired, match=r"^session cookie: its exp has passed$"):
        session.find({V4: v4({**GOOD, "exp": exp})}, NOW)


@pytest.mark.parametrize("exp", [NOW - 14.9, NOW - 1, NOW, NOW + 0.5])
def test_clocks_may_differ_by_a_few_seconds(session, exp):
    """Both versions allow 15."""
    assert session.find({V4: v4({**GOOD, "exp": exp})}, NOW) == Token("a.b.c", expires_at=exp)


@pytest.mark.parametrize("nbf", [NOW + 15.1, NOW + 3600, None, "0", True, 10**400])
def test_a_session_is_not_valid_before_its_time(session, nbf):
    """RFC 7519 §4.1.5; what is no date is never reached."""
    with pytest.raises(NotSignedIn, match=r"^session cookie: not valid yet$"):
        session.find({V4: v4({**GOOD, "nbf": nbf})}, NOW)


@pytest.mark.parametrize("nbf", [0, -1, NOW, NOW + 15])
def test_a_session_is_valid_from_its_time_on(session, nbf):
    """With the same 15 seconds."""
    assert session.find({V4: v4({**GOOD, "nbf": nbf})}, NOW).value == "a.b.c"


@pytest.mark.parametrize("error", ["RefreshAccessTokenError", "RefreshTokenError"])
def test_a_session_that_could_not_be_refreshed_is_over(session, error):
    """The guides of v4 and v5 set this claim, and keep the old token beside it."""
    with pytest.raises(SessionExpired, match=r"^session cookie: refresh failed$"):
        session.find({V4: v4({**GOOD, "error": error})}, NOW)


@pytest.mark.parametrize("error", [None, "", "Other", [], {}, 1])
def test_any_other_error_is_the_applications_own(session, error):
    """Nothing says what it means."""
    assert session.find({V4: v4({**GOOD, "error": error})}, NOW).value == "a.b.c"


@pytest.mark.parametrize(
    "claims",
    [
        {"accessTokenExpires": NOW * 1000},
        {"accessTokenExpires": NOW * 1000 - 1},
        {"expires_at": NOW},
        {"expires_at": 0},
        {"accessTokenExpires": NOW},
        {"expires_at": NOW * 1000},
        {"accessTokenExpires": NOW * 1000 + 60_000, "expires_at": NOW - 1},
        {"expires_at": 1e11 + 1},
        {"accessToken": f"e30.{base64url(json.dumps({'exp': NOW}).encode())}.c2ln"},
    ],
    ids=range(9),
)
def test_an_access_token_past_its_expiry_is_over(session, claims):
    """By v4's claim, v5's, or its own; in milliseconds or seconds, as applications put either into either."""
    with pytest.raises(SessionExpired, match=r"^session cookie: the access token has expired$"):
        session.find({V4: v4({**GOOD, **claims})}, NOW)


@pytest.mark.parametrize(
    ("claims", "expires_at"),
    [
        ({}, NOW + 3600),
        ({"accessTokenExpires": (NOW + 60) * 1000}, NOW + 60),
        ({"accessTokenExpires": (NOW + 9999) * 1000}, NOW + 3600),
        ({"expires_at": NOW + 60}, NOW + 60),
        ({"expires_at": NOW + 60, "accessTokenExpires": (NOW + 30) * 1000}, NOW + 30),
        (
            {"accessToken": f"e30.{base64url(json.dumps({'exp': NOW + 20}).encode())}.c2ln", "expires_at": NOW + 60},
            NOW + 20,
        ),
        ({"expires_at": None, "accessTokenExpires": "2030-01-01T00:00:00Z"}, NOW + 3600),
        ({"expires_at": 1e11}, NOW + 3600),
    ],
    ids=range(8),
)
def test_the_token_lasts_as_long_as_the_first_to_end(session, claims, expires_at):
    """Session, token, and what the claims say of the token; a date in words is not read."""
    assert session.find({V4: v4({**GOOD, **claims})}, NOW).expires_at == expires_at


@pytest.mark.parametrize(
    ("claims", "subject"),
    [({"sub": "ana"}, "ana"), ({}, "eva"), ({"sub": None}, "eva"), ({"sub": 7}, "eva"), ({"sub": ["ana"]}, "eva")],
)
def test_a_session_says_whose_it_is(session, claims, subject):
    """By its own `sub`, or else by the access token's."""
    token = f"e30.{base64url(json.dumps({'sub': 'eva'}).encode())}.c2ln"

    assert session.find({V4: v4({**GOOD, "accessToken": token, **claims})}, NOW).subject == subject


@pytest.mark.parametrize(
    ("paths", "claims", "token"),
    [
        (("accessToken", "access_token"), {"accessToken": "first", "access_token": "second"}, "first"),
        (("accessToken", "access_token"), {"access_token": "second"}, "second"),
        (("accessToken", "access_token"), {"accessToken": None, "access_token": "second"}, "second"),
        (("user.token",), {"user": {"token": "nested"}, "accessToken": "other"}, "nested"),
        (("a.b.c",), {"a": {"b": {"c": "deep"}}}, "deep"),
    ],
    ids=range(5),
)
def test_the_token_is_in_the_first_claim_that_is_there(reading, paths, claims, token):
    """A dotted path reaches into objects."""
    session = reading(nextauth_token_claim=paths)

    assert session.find({V4: v4({"exp": NOW + 3600, **claims})}, NOW).value == token


@pytest.mark.parametrize(
    "claims",
    [
        *({}, {"sub": "1"}, {"user": None}, {"user": []}, {"user": "token"}, {"user": {}}, {"user.token": "a.b.c"}),
        *({"user": {"token": ""}}, {"user": {"token": "a b"}}, {"user": {"token": "a\nb"}}, {"user": {"token": "é"}}),
        *({"user": {"token": 1}}, {"user": {"token": True}}, {"user": {"token": []}}, {"user": {"token": {}}}),
    ],
    ids=range(15),
)
def test_a_session_without_a_token_is_not_one_for_us(reading, claims):
    """So is a state or PKCE cookie of before 4.24.5, which was encrypted with the same key (CVE-2023-48309)."""
    session = reading(nextauth_token_claim=("user.token",))

    with pytest.raises(NotSignedIn, match=r"^session cookie: no token in the claim$") as refused:
        session.find({V4: v4({"exp": NOW + 3600, **claims})}, NOW)

    assert refused.value.__suppress_context__


@given(st.text(), st.text())
def test_any_text_is_refused_in_fixed_words(text, more):
    """No input makes another exception, and no value reaches the log."""
    with pytest.raises(NotSignedIn) as refused:
        SESSION.find({V5: text, f"__Secure-{V4}.0": text, f"__Secure-{V4}.1": more}, NOW)

    assert str(refused.value) in DETAILS
    assert refused.value.__cause__ is None


@given(st.lists(st.binary(max_size=80), min_size=5, max_size=5))
def test_any_five_parts_are_refused(parts):
    """With the headers that are read in front, too."""
    spelled = [base64url(part) for part in parts]
    header = V5_COOKIE.partition(".")[0]

    with pytest.raises(NotSignedIn):
        SESSION.find({V5: ".".join(spelled), f"{V5}.0": ".".join([header, "", *spelled[2:]])}, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3),
    max_leaves=5,
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.just(NOW + 60) | st.just("a.b.c")
        for name in ("exp", "nbf", "error", "accessToken", "access_token", "accessTokenExpires", "expires_at")
    },
)


@given(CLAIMS)
def test_any_claims_give_a_token_or_are_refused(claims):
    """Whoever writes the `jwt` callback can put anything there."""
    with contextlib.suppress(NotSignedIn):
        token = SESSION.find({V4: v4(claims)}, NOW)

        assert token.value in (claims.get("accessToken"), claims.get("access_token"))
        assert token.seconds_left(NOW) > -15
