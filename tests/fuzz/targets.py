"""What the fuzzer calls: a function for each parser, from bytes to nothing, that raises where a promise is broken.

The promises are those of `tests/proxy/test_properties*.py`; what is left out here has its test there.
"""

import base64
import itertools
import json
import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote, unquote, urljoin, urlsplit

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from requests.structures import CaseInsensitiveDict

import raw_path
import setting_types
from config import Settings
from proxy import allowlist, cookies, fetch, headers, nextauth, strict_json, tokens
from proxy.errors import BadRequest, NotFound, NotSignedIn
from setting_types import Secret
from tests.fuzz import exchange, oracles

NOW = 1_900_000_000.0
SECRET = "test-secret-not-for-production"
SESSION_NAMES = ("next-auth.session-token", "authjs.session-token")
TOKEN = tokens.Token("to+k/en.b.c=", None)
ASKER = headers.Asker(client="203.0.113.7", scheme="https", host="app.example.com", request_id="r-1")
BACKEND = "http://api.internal:3000/v1"
OURS = {*headers.outgoing(CaseInsensitiveDict(), ASKER, TOKEN, has_body=True), "Via"}
# `a.b.c`, encrypted with KEY.
WRITTEN = "gAAAAABrAGLM0-NvwL_quckGk4aOPbC2YFHq8StSIGOK7cL5z94-naM4UV0JWst9djK5NhXvhWJ5xzF7Y5jjDcdR-iLJbNgRsg=="
KEY = base64.urlsafe_b64encode(bytes(32))
PLAIN = tokens.TokenCookie(Settings(api_base_url=BACKEND))
ENCRYPTED = tokens.TokenCookie(Settings(api_base_url=BACKEND, token_cookie_keys=(Secret(KEY.decode()),)))
SESSION = nextauth.NextAuthSession(
    Settings(
        app_env="testing",
        api_base_url=BACKEND,
        token_source="nextauth",
        auth_secrets=(Secret(SECRET),),
        nextauth_token_claim=("accessToken", "access_token", "user.token"),
    )
)
SESSION_KEY = AESGCM(HKDF(SHA256(), 32, b"", b"NextAuth.js Generated Encryption Key").derive(SECRET.encode()))
ASKED_AND_READ = list(itertools.product(exchange.METHODS, (True, False), (None, 3)))
SETTINGS: list[Callable[[str], object]] = [
    *(setting_types.app_env, setting_types.token_source, setting_types.same_site, setting_types.yes_or_no),
    *(setting_types.port, setting_types.at_least_one, setting_types.hops, setting_types.seconds, setting_types.size),
    *(setting_types.base_url, setting_types.cookie_name, setting_types.domain, setting_types.keys, setting_types.claim),
    *(setting_types.origins, setting_types.rate_limit, setting_types.rate_limit_storage, setting_types.bearer_token),
]


def backend_path(data: bytes) -> None:
    """A raw segment, in UTF-8."""
    raw = data.decode("utf-8", "replace")
    meaning, outcome = oracles.segment(raw), None
    try:
        path = fetch.backend_path("/a/{}/b", raw)
    except (BadRequest, NotFound) as refusal:
        outcome, path = type(refusal), "/a/x/b"
    assert outcome is (None if isinstance(meaning, str) else meaning)
    assert oracles.is_one_segment(path)
    assert outcome or path == f"/a/{quote(str(meaning), safe='')}/b"


def request_target(data: bytes) -> None:
    """A request target."""
    target = data.decode("latin-1") or "*"
    path = raw_path.raw_path({"RAW_URI": target})
    assert re.fullmatch(r"[\x21-\x3e\x40-\x7e]*", path)
    assert path.startswith("/") or not target.startswith("/")
    assert unquote(path, "latin-1") in unquote(target, "latin-1") + "/"


def passed_path(data: bytes) -> None:
    """What follows `/api/proxy/`."""
    path = data.decode("latin-1")
    with suppress(BadRequest):
        allowlist.require_one_meaning(path)
        assert oracles.has_one_meaning(path)
        assert allowlist.leads_to_credentials(f"/{path}") == oracles.holds_credentials(path)


def allow_list(data: bytes) -> None:
    """Entries of PROXY_ALLOW on the first line, a path on the others."""
    entries, _, path = data.decode("latin-1").partition("\n")
    if entries.startswith("@"):
        return
    try:
        rules = setting_types.proxy_rules(entries)
    except ValueError:
        return
    methods = allowlist.AllowList(rules).methods(path)
    given = {method for method in oracles.ANY_METHOD if methods is None or method in methods}
    assert given == oracles.allowed(entries, path)


def cookie_field(data: bytes) -> None:
    """A Cookie field."""
    field = data.decode("latin-1")
    assert cookies.parse_cookies(field) == oracles.cookies(field)


def request_fields(data: bytes) -> None:
    """Lines of name, colon and value."""
    sent = CaseInsensitiveDict(_fields(data))
    named = oracles.options(sent.get("Connection", ""))
    for fields in (
        headers.outgoing(sent, ASKER, TOKEN, has_body=True),
        headers.outgoing_all(sent.items(), ASKER, TOKEN, "bff-1"),
    ):
        theirs = {name: text for name, text in fields.items() if name not in OURS}
        assert fields["Authorization"] == "Bearer to+k/en.b.c="
        assert (fields["X-Forwarded-For"], fields["X-Request-ID"]) == ("203.0.113.7", "r-1")
        assert len({name.lower() for name in fields}) == len(fields)
        assert {name.lower() for name in theirs}.isdisjoint(oracles.NEVER_FORWARDED | named)
        assert theirs == {name: sent[name] for name in theirs}


def reply_fields(data: bytes) -> None:
    """Lines of name, colon and value."""
    fields = list(headers.incoming_all(_fields(data), BACKEND, "/api/proxy", TOKEN))
    for name, value in fields:
        assert name.lower() not in oracles.NEVER_RETURNED
        assert re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value)
        for text in (value, unquote(value)):
            assert TOKEN.value not in text
            assert not oracles.names_host(text, "api.internal")
        assert name.lower() not in {"location", "content-location"} or _leads_to_us(value)
    caching = oracles.directives(fields[-1][1])
    assert caching & {"private", "no-store"}
    assert caching.isdisjoint({"public", "s-maxage"})
    assert set(headers.incoming(CaseInsensitiveDict(_fields(data)))) <= {"Retry-After"}


def backend_reply(data: bytes) -> None:
    """A byte for how a reply is asked for and read, one for how it comes, and the reply."""
    if len(data) > 2:
        method, ends, piece = ASKED_AND_READ[data[0] % len(ASKED_AND_READ)]
        exchange.check(method, data[2:], [data[1] % 64 + 1], ends=ends, piece=piece)


def token_cookie(data: bytes) -> None:
    """A cookie's value; and the same as the payload of a JWT, and encrypted."""
    value = data.decode("latin-1")
    jwt = f"e30.{base64.urlsafe_b64encode(data).decode().rstrip('=')}.c2ln"
    sealed = Fernet(KEY).encrypt(data).decode()
    for source, sent, inner in ((PLAIN, value, value), (PLAIN, jwt, jwt), (ENCRYPTED, sealed, value)):
        with suppress(NotSignedIn):
            found = source.find({"token": sent}, NOW)
            assert found.value == inner
            assert oracles.FITS_BEHIND_BEARER.fullmatch(inner)
            assert found.seconds_left(NOW) > 0
    assert isinstance(tokens.Token(jwt, None).claims, dict)
    assert isinstance(tokens.Token(value, None).claims, dict)


def encrypted_cookie(data: bytes) -> None:
    """An encrypted cookie's value, which nobody without the key can make: one in the corpus holds `a.b.c`."""
    value = data.decode("latin-1")
    with suppress(NotSignedIn):
        assert ENCRYPTED.find({"token": value}, NOW).value == "a.b.c"
        assert value == WRITTEN


def session_cookie(data: bytes) -> None:
    """A session cookie's chunks, a line each; two in the corpus are whole ones, made by next-auth and Auth.js."""
    chunks = data.decode("latin-1").split("\n")
    for name in SESSION_NAMES:
        sent = (
            {f"{name}.{index}": chunk for index, chunk in enumerate(chunks)} if len(chunks) > 1 else {name: chunks[0]}
        )
        with suppress(NotSignedIn):
            assert SESSION.find(sent, NOW).value in {"AT-v4-123", "AT-v5-123"}


def session_claims(data: bytes) -> None:
    """A protected header on the first line and a plaintext on the others, encrypted as v4 does."""
    header, _, plaintext = data.partition(b"\n")
    protected, nonce = _base64url(header), bytes(12)
    sealed = SESSION_KEY.encrypt(nonce, plaintext, protected.encode())
    value = ".".join([protected, "", *map(_base64url, (nonce, sealed[:-16], sealed[-16:]))])
    with suppress(NotSignedIn):
        found = SESSION.find({SESSION_NAMES[0]: value}, NOW).value
        assert oracles.FITS_BEHIND_BEARER.fullmatch(found)
        claims = json.loads(plaintext)
        assert found in [claims.get("accessToken"), claims.get("access_token"), (claims.get("user") or {}).get("token")]


def json_document(data: bytes) -> None:
    """A JSON document."""
    try:
        value = strict_json.parse(data)
    except ValueError:
        return
    with suppress(RecursionError):  # of `repr`
        assert repr(value) == repr(json.loads(data.decode("utf-8"), parse_constant=_broken))
    with suppress(ValueError):  # an infinity, and great depth, can be read and not written
        written = strict_json.dumps(value)
        assert strict_json.dumps(strict_json.parse(written)) == written
        assert strict_json.dumps(strict_json.parse_unambiguous(data)) == written


def settings(data: bytes) -> None:
    """A variable's text."""
    text = data.decode("utf-8", "replace")
    for parser in SETTINGS:
        with suppress(ValueError):
            parser(text)
    with suppress(ValueError):
        url = setting_types.base_url(text)
        assert re.fullmatch(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]*)?(/[\x21-\x7e]*[^/])?", url)
    with suppress(ValueError):
        for origin in setting_types.origins(text):
            assert re.fullmatch(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]*)?", origin)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(backend_path, request_target, passed_path, allow_list, cookie_field, request_fields, reply_fields),
        *(token_cookie, encrypted_cookie, session_cookie, session_claims, json_document, settings, backend_reply),
    )
}


def _fields(data: bytes) -> list[tuple[str, str]]:
    lines = [line.partition(":") for line in data.decode("latin-1").split("\n")]
    return [(name, value.strip(" ")) for name, colon, value in lines if colon]


def _leads_to_us(reference: str) -> bool:
    target = urlsplit(urljoin("https://app.example.com/api/proxy/a/b", reference))
    is_ours = (target.scheme, target.netloc) == ("https", "app.example.com") and not re.search(r"[\0-\40\\]", reference)
    return is_ours and f"{target.path}/".startswith("/api/proxy/") and ".." not in unquote(target.path).split("/")


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _broken(constant: str) -> None:
    raise AssertionError(constant)
