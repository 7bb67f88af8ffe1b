"""The token cookie: forged, bent, planted and fixed (CWE-565, CWE-384), on the raw wire.

Without a value that we wrote there is no session: 401 `no_session`, and the backend hears nothing.
"""

import base64
import json
import time
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from tests.attack.recorder import Recorder
from tests.attack.stage import HOST, SIGN_IN, TOKEN, get, production, request, serve
from tests.attack.wire import Answer, Line, talk
from tests.proxy.test_nextauth import CBC, GCM, base64url, kid, sealed, v5_key
from tests.server import Server

KEYS = [Fernet.generate_key(), Fernet.generate_key()]
STRANGER = Fernet(Fernet.generate_key())
VICTIM = Fernet(KEYS[0]).encrypt(TOKEN.encode())
ATTACKER = Fernet(KEYS[0]).encrypt(b"attacker.b.c")
NAME = b"__Host-token"
SECRET = "m7Qx0vTz4hKd9sWb2nRf6yLc8pGj3aUe"
SESSION = "__Secure-authjs.session-token"
OLD_SESSION = "__Secure-next-auth.session-token"


@pytest.fixture(scope="module")
def server(backend: Recorder) -> Iterator[Server]:
    """The service with encrypted cookies, in the middle of a rotation: two keys."""
    keys = ",".join(key.decode() for key in KEYS)
    with serve(production(backend.url, TOKEN_COOKIE_KEYS=keys, PROXY_ALLOW="items")) as server:
        yield server


@pytest.fixture(scope="module")
def line(server: Server) -> Iterator[Line]:
    with Line(server.port) as line:
        yield line


def with_cookies(*lines: bytes, path: bytes = b"/api/vehicles") -> bytes:
    """A GET with these Cookie lines, each as it is."""
    head = [b"GET " + path + b" HTTP/1.1", b"Host: " + HOST, *(b"Cookie: " + value for value in lines)]
    return b"\r\n".join([*head, b"", b""])


def refusal_faults(answer: Answer, backend: Recorder) -> list[str]:
    """What is wrong with an answer to who has no session."""
    heard = [f"{one} with {one.all('Authorization')}" for one in backend.heard()]
    faults = [f"the backend heard {', '.join(heard)}"] if heard else []
    is_refused = answer.status == 401 and answer.all("x-bff-error") == ["no_session"]
    # A control in a field value is refused before it is a cookie's.
    is_refused = is_refused or (answer.status == 400 and answer.all("x-bff-error") == ["bad_request"])
    return faults + ([] if is_refused else [f"answered {answer.status} {answer.one('x-bff-error')}"])


def refused(line: Line, backend: Recorder, *cookies: bytes) -> list[str]:
    backend.forget()
    return refusal_faults(line.ask(with_cookies(*cookies)), backend)


def taken(line: Line, backend: Recorder, *cookies: bytes) -> list[str]:
    backend.forget()
    answer = line.ask(with_cookies(*cookies))
    bearers = [one.all("Authorization") for one in backend.heard()]
    is_good = answer.status == 200 and bearers == [[f"Bearer {TOKEN}"]]
    return [] if is_good else [f"answered {answer.status}, the backend heard {bearers}"]


def with_time(seconds: int) -> bytes:
    """The victim's value with another moment of encryption in it, in clear behind its version byte."""
    raw = base64.urlsafe_b64decode(VICTIM)
    return base64.urlsafe_b64encode(raw[:1] + seconds.to_bytes(8, "big") + raw[9:])


HALF = len(VICTIM) // 2
FORGED = {
    "nothing": b"",
    "a plain JWT": TOKEN.encode(),
    "an unsigned JWT": b"eyJhbGciOiJub25lIn0.eyJpZCI6IjEiLCJyb2xlIjoicm9vdCJ9.",
    "a bearer prefix": b"Bearer " + TOKEN.encode(),
    "the value of another key": STRANGER.encrypt(TOKEN.encode()),
    "an empty token, well encrypted": Fernet(KEYS[0]).encrypt(b""),
    "a token with a line end, well encrypted": Fernet(KEYS[0]).encrypt(b"a.b.c\r\nX-Injected: 1"),
    "a token with a blank, well encrypted": Fernet(KEYS[0]).encrypt(b"a.b.c d"),
    "a token with NUL, well encrypted": Fernet(KEYS[0]).encrypt(b"a.b.c\x00"),
    "a token that is not UTF-8, well encrypted": Fernet(KEYS[0]).encrypt(b"\xff\xfe"),
    "an encrypted value in an encrypted value": Fernet(KEYS[0]).encrypt(VICTIM + b" "),
    "the halves swapped": VICTIM[HALF:] + VICTIM[:HALF],
    "the value backwards": VICTIM[::-1],
    "the value twice": VICTIM + VICTIM,
    "the first half": VICTIM[:HALF],
    "the second half": VICTIM[HALF:],
    "one byte less": VICTIM.rstrip(b"=")[:-1],
    "one block less": base64.urlsafe_b64encode(base64.urlsafe_b64decode(VICTIM)[:-16]),
    "one block more": base64.urlsafe_b64encode(base64.urlsafe_b64decode(VICTIM) + b"\x00" * 16),
    "no signature": base64.urlsafe_b64encode(base64.urlsafe_b64decode(VICTIM)[:-32]),
    "a signature of zeros": base64.urlsafe_b64encode(base64.urlsafe_b64decode(VICTIM)[:-32] + b"\x00" * 32),
    "the signature of another value": base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(VICTIM)[:-32] + base64.urlsafe_b64decode(ATTACKER)[-32:]
    ),
    "another version byte": base64.urlsafe_b64encode(b"\x81" + base64.urlsafe_b64decode(VICTIM)[1:]),
    "encrypted at no time": with_time(0),
    "encrypted in a thousand years": with_time(2**40),
    "encrypted at the end of time": with_time(2**64 - 1),
    "capitals": VICTIM.upper(),
    "percent-encoded": b"".join(b"%%%02x" % octet for octet in VICTIM),
    "in quotes": b'"' + VICTIM + b'"',
    "in single quotes": b"'" + VICTIM + b"'",
    "in octal escapes, quoted": b'"' + b"".join(b"\\%03o" % octet for octet in VICTIM) + b'"',
    "behind NUL": b"\x00" + VICTIM,
    "before a no-break space": VICTIM + b"\xa0",
    "behind a no-break space": b"\xa0" + VICTIM,
    "before NEL": VICTIM + b"\x85",
    "behind a byte order mark": b"\xef\xbb\xbf" + VICTIM,
    "with a comma behind": VICTIM + b",",
    "with another cookie behind a comma": VICTIM + b",x=1",
    "with attributes behind commas": VICTIM + b", Path=/",
    "of 4096 bytes": b"A" * 4096,
    "of 12000 bytes": b"A" * 12_000,
    "Fernet's first byte, and 12000": b"gAAAAA" + b"A" * 12_000,
    "undefined": b"undefined",
    "null": b"null",
    "true": b"true",
    "[object Object]": b"[object Object]",
    "an object": b'{"$ne":null}',
    "Python's pickle": base64.b64encode(b"cos\nsystem\n(S'true'\ntR."),
}


@pytest.mark.parametrize("tried", FORGED)
def test_no_value_but_ours_is_a_session(backend, line, judge, tried):
    """TOKEN_COOKIE_KEYS: a value is ours if it says so by its MAC (Fernet: AES-CBC, then HMAC-SHA256)."""
    judge({tried: refused(line, backend, NAME + b"=" + FORGED[tried])})


@pytest.mark.parametrize("bit", range(8))
def test_no_bit_of_the_value_can_be_changed(backend, line, judge, bit):
    """At every position. What base64 decodes to the very same bytes is no other value (RFC 4648 §3.5)."""
    bent = {at: VICTIM[:at] + bytes([VICTIM[at] ^ 1 << bit]) + VICTIM[at + 1 :] for at in range(len(VICTIM))}

    judge(
        {
            f"bit {bit} of byte {at} of {len(VICTIM)}, {value[at : at + 1]!r}": refused(
                line, backend, NAME + b"=" + value
            )
            for at, value in bent.items()
            if not _is_the_same(value)
        }
    )


def _is_the_same(value: bytes) -> bool:
    try:
        return base64.b64decode(value, altchars=b"-_", validate=True) == base64.urlsafe_b64decode(VICTIM)
    except ValueError:
        return False


def test_no_length_of_the_value_but_its_own_will_do(backend, line, judge):
    """Cut off anywhere."""
    whole = VICTIM.rstrip(b"=")
    judge({f"the first {at}": refused(line, backend, NAME + b"=" + VICTIM[:at]) for at in range(1, len(whole))})


BLANKS = {
    "NBSP": b"\xa0",
    "NBSP in UTF-8": b"\xc2\xa0",
    "NEL": b"\x85",
    "NEL in UTF-8": b"\xc2\x85",
    "U+1680": b"\xe1\x9a\x80",
    "U+2000": b"\xe2\x80\x80",
    "U+2003": b"\xe2\x80\x83",
    "U+200B": b"\xe2\x80\x8b",
    "U+2028": b"\xe2\x80\xa8",
    "U+202F": b"\xe2\x80\xaf",
    "U+205F": b"\xe2\x81\x9f",
    "U+3000": b"\xe3\x80\x80",
    "U+FEFF": b"\xef\xbb\xbf",
    "soft hyphen": b"\xad",
    "form feed": b"\x0c",
    "vertical tab": b"\x0b",
    "NUL": b"\x00",
    "unit separator": b"\x1f",
}
OTHER_NAMES = {
    **{f"{blank} before the name": octets + NAME + b"=" + VICTIM for blank, octets in BLANKS.items()},
    **{f"{blank} behind the name": NAME + octets + b"=" + VICTIM for blank, octets in BLANKS.items()},
    **{f"{blank} in the name": b"__Host-" + octets + b"token=" + VICTIM for blank, octets in BLANKS.items()},
    "the name without its prefix": b"token=" + VICTIM,
    "the prefix in small letters": b"__host-token=" + VICTIM,
    "the prefix in capitals": b"__HOST-token=" + VICTIM,
    "the name in capitals": b"__Host-TOKEN=" + VICTIM,
    "another prefix": b"__Secure-token=" + VICTIM,
    "one underscore": b"_Host-token=" + VICTIM,
    "three underscores": b"___Host-token=" + VICTIM,
    "the name and more": b"__Host-token2=" + VICTIM,
    "the name of a chunk": b"__Host-token.0=" + VICTIM,
    "the name as an array's": b"__Host-token[]=" + VICTIM,
    "the name as a member's": b"__Host-token[0]=" + VICTIM,
    "the name percent-encoded": b"%5F%5FHost-token=" + VICTIM,
    "the name in quotes": b'"__Host-token"=' + VICTIM,
    "the name behind a dollar": b"$__Host-token=" + VICTIM,
    "no name": b"=" + VICTIM,
    "the value alone": VICTIM,
    "the name in a nameless cookie's value": b"=__Host-token=" + VICTIM,
    "the name in a nameless cookie's value, blank before": b" =__Host-token=" + VICTIM,
    "the name in another's value": b"x=__Host-token=" + VICTIM,
    "the name in another's value, behind a comma": b"x=1,__Host-token=" + VICTIM,
    "the name in another's value, behind a comma and a blank": b"x=1, __Host-token=" + VICTIM,
    "the name in another's value, behind a blank": b"x=1 __Host-token=" + VICTIM,
    "the name in another's value, behind a tab": b"x=1\t__Host-token=" + VICTIM,
    "the name in another's value, behind an ampersand": b"x=1&__Host-token=" + VICTIM,
    "the name in another's quoted value": b'x="1, __Host-token=' + VICTIM + b'"',
    "the name in a cookie without =": b"x,__Host-token",
    "the name without a value": b"__Host-token",
    "the name behind an escaped semicolon": b"x=1%3b__Host-token=" + VICTIM,
    "the name behind an octal semicolon": b'x="1\\073 __Host-token=' + VICTIM + b'"',
    "the name as an attribute of RFC 2965": b"$Version=1,__Host-token=" + VICTIM,
    "the value as an attribute of RFC 2965": b'$Version="1", x="1"; $__Host-token=' + VICTIM,
    "a fullwidth name": "＿＿Host-token=".encode() + VICTIM,
    "a name with a long s": "__Hoſt-token=".encode() + VICTIM,
}


@pytest.mark.parametrize("tried", OTHER_NAMES)
def test_no_other_name_is_taken_for_ours(backend, line, judge, tried):
    """What the prefix promises ends where a parser trims, folds or splits more than browsers do (CVE-2025-27794;
    PortSwigger, "Cookie Chaos", 2025).
    """
    judge({tried: refused(line, backend, OTHER_NAMES[tried])})


DIFFERENT = {
    "in one line": [NAME + b"=" + VICTIM + b"; " + NAME + b"=" + ATTACKER],
    "in one line, the other way round": [NAME + b"=" + ATTACKER + b"; " + NAME + b"=" + VICTIM],
    "in one line, without a blank": [NAME + b"=" + VICTIM + b";" + NAME + b"=" + ATTACKER],
    "in one line, others between": [NAME + b"=" + VICTIM + b"; x=1; y=2; " + NAME + b"=" + ATTACKER],
    "in two lines": [NAME + b"=" + VICTIM, NAME + b"=" + ATTACKER],
    "in two lines, the other way round": [NAME + b"=" + ATTACKER, NAME + b"=" + VICTIM],
    "three": [NAME + b"=" + VICTIM, NAME + b"=" + ATTACKER, NAME + b"=" + VICTIM],
    "the second empty": [NAME + b"=" + VICTIM + b"; " + NAME + b"="],
    "the first empty": [NAME + b"=; " + NAME + b"=" + VICTIM],
    "the second no value of ours": [NAME + b"=" + VICTIM + b"; " + NAME + b"=x"],
    "the second with quotes": [NAME + b"=" + VICTIM + b"; " + NAME + b'="' + VICTIM + b'"'],
    "behind an old version": [b"$Version=1; " + NAME + b"=" + VICTIM + b"; $Path=/; " + NAME + b"=" + ATTACKER],
    "with a blank around the second name": [NAME + b"=" + VICTIM + b"; \t" + NAME + b" =" + ATTACKER],
}


@pytest.mark.parametrize("path", [b"/api/vehicles", b"/api/auth/session", b"/api/auth/me"])
@pytest.mark.parametrize("tried", DIFFERENT)
def test_of_two_cookies_neither_is_taken_nor_deleted(backend, line, judge, tried, path):
    """Whoever plants one would choose whose session goes on (RFC 6265 §8.6), by being taken or by being left."""
    backend.forget()

    answer = line.ask(with_cookies(*DIFFERENT[tried], path=path))

    is_refused = answer.status == 401 or json.loads(answer.body) == {"authenticated": False}
    faults = [] if is_refused else [f"answered {answer.status}"]
    faults += [f"Set-Cookie: {value}" for value in answer.all("set-cookie")]
    judge({tried: faults + [f"the backend heard {one.all('Authorization')}" for one in backend.heard()]})


GOOD = {
    "alone": [NAME + b"=" + VICTIM],
    "first of two": [NAME + b"=" + VICTIM + b"; x=1"],
    "last of two": [b"x=1; " + NAME + b"=" + VICTIM],
    "without blanks": [b"x=1;" + NAME + b"=" + VICTIM + b";y=2"],
    "with blanks": [b" x=1 ; \t" + NAME + b" = " + VICTIM + b" ; y=2"],
    "before an empty pair": [NAME + b"=" + VICTIM + b";;"],
    "twice the same": [NAME + b"=" + VICTIM + b"; " + NAME + b"=" + VICTIM],
    "twice the same, in two lines": [NAME + b"=" + VICTIM, NAME + b"=" + VICTIM],
    "in the first of two lines": [NAME + b"=" + VICTIM, b"x=1"],
    "in the second of two lines": [b"x=1", NAME + b"=" + VICTIM],
    "in the third of five lines": [b"x=1", b"y=2", NAME + b"=" + VICTIM, b"z=3", b"w=4"],
    "before an empty line": [NAME + b"=" + VICTIM, b""],
    "behind an empty line": [b"", NAME + b"=" + VICTIM],
    "beside a value with a comma": [b"x=a,b; " + NAME + b"=" + VICTIM],
    "beside a value with a quotation mark": [b'x="; ' + NAME + b"=" + VICTIM],
    "beside a value that is not ASCII": [b"x=\xc3\xb1; " + NAME + b"=" + VICTIM],
    "beside a name of the same letters": [b"token=evil; __host-token=evil; " + NAME + b"=" + VICTIM],
    "behind 12000 bytes": [b"x=" + b"x" * 12_000 + b"; " + NAME + b"=" + VICTIM],
    "of the older key": [NAME + b"=" + Fernet(KEYS[1]).encrypt(TOKEN.encode())],
}


@pytest.mark.parametrize("tried", GOOD)
def test_the_cookie_is_found_wherever_a_browser_puts_it(backend, line, judge, tried):
    """HTTP/2 front ends split the field into lines (RFC 9113 §8.2.3); sibling applications set cookies of their own."""
    judge({tried: taken(line, backend, *GOOD[tried])})


def test_no_cookie_reaches_the_backend(backend, line, judge):
    """Neither ours nor another's, through either door."""
    verdicts = {}
    for path in (b"/api/vehicles", b"/api/proxy/items"):
        backend.forget()
        line.ask(with_cookies(b"x=1; " + NAME + b"=" + VICTIM, b"y=2", path=path))
        verdicts[path.decode()] = [f"heard {one.all('Cookie')}" for one in backend.heard() if one.all("Cookie")]
    judge(verdicts)


def _sign_in(line: Line, backend: Recorder, fresh: str, *lines: bytes, cookie: bytes = b"") -> Answer:
    backend.forget()
    reply = json.dumps({"success": True, "token": fresh, "user": {"id": "1"}}).encode()
    backend.reply("POST /api/auth/login", b"HTTP/1.1 200 OK\r\nSet-Cookie: __Host-token=evil; Path=/\r\n"
                  b"Content-Length: %d\r\n\r\n%b" % (len(reply), reply))  # fmt: skip
    return line.ask(request(b"POST", b"/api/auth/login", *lines, cookie=cookie, body=SIGN_IN))


def _fresh_value(answer: Answer) -> bytes:
    """The value of the one cookie that an answer sets."""
    [field] = answer.all("set-cookie")
    name, _, rest = field.partition("=")
    assert name == NAME.decode()
    return rest.partition(";")[0].encode()


def test_each_login_writes_a_value_of_its_own(backend, line):
    """Of the token the backend has just made (OWASP ASVS 5.0, 7.2.4); two are never the same, nor is one guessed."""
    first = _fresh_value(_sign_in(line, backend, "first.b.c"))
    again = _fresh_value(_sign_in(line, backend, "first.b.c"))
    other = _fresh_value(_sign_in(line, backend, "other.b.c"))

    assert len({first, again, other, VICTIM}) == 4
    assert [Fernet(KEYS[0]).decrypt(value) for value in (first, again, other)] == [b"first.b.c"] * 2 + [b"other.b.c"]


FIXED = {
    "the attacker's session": [NAME + b"=" + ATTACKER],
    "a session of the other key": [NAME + b"=" + Fernet(KEYS[1]).encrypt(b"attacker.b.c")],
    "a plain token": [NAME + b"=attacker.b.c"],
    "two sessions": [NAME + b"=" + ATTACKER + b"; " + NAME + b"=" + VICTIM],
    "a value of no key": [NAME + b"=" + STRANGER.encrypt(b"attacker.b.c")],
    "another name": [b"token=attacker.b.c; JSESSIONID=1; connect.sid=x"],
}


@pytest.mark.parametrize("tried", FIXED)
def test_a_cookie_sent_with_a_login_is_never_adopted(backend, line, judge, tried):
    """Session fixation, CWE-384: who signs in gets the session of this sign-in, and the backend hears of no other."""
    answer = _sign_in(
        line, backend, "fresh.b.c", b"Authorization: Bearer attacker.b.c", cookie=b"; ".join(FIXED[tried])
    )

    decrypted = Fernet(KEYS[0]).decrypt(_fresh_value(answer))
    faults = [] if decrypted == b"fresh.b.c" else [f"set {decrypted!r}"]
    heard = backend.heard()
    faults += [f"the backend heard {one.fields}" for one in heard if {"cookie", "authorization"} & one.names]
    judge({tried: faults + [f"the backend heard {len(heard)} requests"] * (len(heard) != 1)})


def test_a_failed_login_leaves_the_session_as_it_was(backend, line):
    """Neither a new cookie nor a deleted one: a page of another site must not sign anybody out by it."""
    backend.forget()
    backend.reply("POST /api/auth/login", b'HTTP/1.1 401 No\r\nContent-Length: 22\r\n\r\n{"message": "refused"}')

    answer = line.ask(request(b"POST", b"/api/auth/login", cookie=NAME + b"=" + VICTIM, body=SIGN_IN))

    assert (answer.status, answer.all("set-cookie"), answer.all("x-bff-error")) == (401, [], [])


@pytest.fixture(scope="module")
def nextauth(backend: Recorder) -> Iterator[Line]:
    """A connection to the service that reads next-auth's session."""
    environ = production(backend.url, TOKEN_SOURCE="nextauth", AUTH_SECRET=SECRET)
    with serve(environ) as server, Line(server.port) as line:
        yield line


def session(token: str = TOKEN, name: str = SESSION, enc: str = CBC, secret: str = SECRET, **header: object) -> str:
    """A session as Auth.js v5 writes it, with another header where told."""
    key = v5_key(name, enc, secret)
    claims = {"exp": int(time.time()) + 3600, "accessToken": token}
    return sealed(claims, key, enc, **{"kid": kid(key), **header})


def header(**members: object) -> str:
    return base64url(json.dumps(members).encode())


REAL = session()
PARTS = REAL.split(".")
TAMPERED = {
    "a plain token": f"{SESSION}={TOKEN}",
    "a session that is not encrypted": f"{SESSION}={header(alg='none')}.{header(accessToken='evil', exp=2**40)}.",
    "a signed session": f"{SESSION}={header(alg='HS256')}.{header(accessToken='evil', exp=2**40)}.x",
    "alg none in the header": f"{SESSION}={header(alg='none', enc=CBC)}." + ".".join(PARTS[1:]),
    "alg A256KW in the header": f"{SESSION}={header(alg='A256KW', enc=CBC)}." + ".".join(PARTS[1:]),
    "alg PBES2 with a billion rounds": f"{SESSION}={header(alg='PBES2-HS512+A256KW', enc=CBC, p2s='x', p2c=10**9)}."
    + ".".join(PARTS[1:]),
    "alg RSA-OAEP": f"{SESSION}={header(alg='RSA-OAEP', enc=CBC)}." + ".".join(PARTS[1:]),
    "alg dir in capitals": f"{SESSION}={header(alg='DIR', enc=CBC)}." + ".".join(PARTS[1:]),
    "alg missing": f"{SESSION}={header(enc=CBC)}." + ".".join(PARTS[1:]),
    "alg a list": f"{SESSION}={header(alg=['dir'], enc=CBC)}." + ".".join(PARTS[1:]),
    "enc A128CBC-HS256": f"{SESSION}={header(alg='dir', enc='A128CBC-HS256')}." + ".".join(PARTS[1:]),
    "enc of the other kind": f"{SESSION}={header(alg='dir', enc=GCM)}." + ".".join(PARTS[1:]),
    "enc none": f"{SESSION}={header(alg='dir', enc='none')}." + ".".join(PARTS[1:]),
    "a zip bomb's header": f"{SESSION}={header(alg='dir', enc=CBC, zip='DEF')}." + ".".join(PARTS[1:]),
    "a session compressed by whom has the key": f"{SESSION}={session(zip='DEF')}",
    "a critical extension": f"{SESSION}={session(crit=['kid'])}",
    "a key by address": f"{SESSION}={session(jku='https://evil.example/keys')}",
    "a key in the header": f"{SESSION}={session(jwk={'kty': 'oct', 'k': 'AAAA'})}",
    "another kid": f"{SESSION}={session(kid='../../../dev/null')}",
    "an encrypted key where none is due": f"{SESSION}={PARTS[0]}.AAAA." + ".".join(PARTS[2:]),
    "no vector": f"{SESSION}={PARTS[0]}...{PARTS[3]}.{PARTS[4]}",
    "no tag": f"{SESSION}=" + ".".join(PARTS[:4]) + ".",
    "half a tag": f"{SESSION}=" + ".".join(PARTS[:4]) + "." + PARTS[4][:21],
    "four parts": f"{SESSION}=" + ".".join(PARTS[:4]),
    "six parts": f"{SESSION}=" + ".".join([*PARTS, PARTS[4]]),
    "another secret": f"{SESSION}={session(secret='x' * 32)}",
    "the other cookie's key": f"{SESSION}={session(name='authjs.session-token')}",
    "the older version's name with this one's key": f"{OLD_SESSION}={REAL}",
    "the plain name": f"authjs.session-token={session(name='authjs.session-token')}",
    "the plain name of the older version": f"next-auth.session-token={session(name='next-auth.session-token')}",
    "the plain name with the secure key": f"authjs.session-token={REAL}",
    "a chunk of the plain name": f"authjs.session-token.0={session(name='authjs.session-token')}",
    "the prefix in another case": f"__secure-authjs.session-token={REAL}",
    "the host prefix": f"__Host-authjs.session-token={REAL}",
    "the second chunk alone": f"{SESSION}.1={REAL}",
    "chunks with a gap": f"{SESSION}.0={REAL[:200]}; {SESSION}.2={REAL[200:]}",
    "chunks in the wrong order": f"{SESSION}.1={REAL[:200]}; {SESSION}.0={REAL[200:]}",
    "a chunk numbered 00": f"{SESSION}.00={REAL}",
    "a chunk numbered -1": f"{SESSION}.-1={REAL}",
    "six chunks": "; ".join(f"{SESSION}.{at}={REAL[at * 60 : at * 60 + 60]}" for at in range(9)),
    "a callback's state": f"__Secure-authjs.state={REAL}",
    "two different sessions": f"{SESSION}={REAL}; {SESSION}={session('attacker.b.c')}",
    "two different first chunks": f"{SESSION}.0={REAL}; {SESSION}.0={session('attacker.b.c')}",
    "nothing": f"{SESSION}=",
    "21000 bytes": "; ".join(f"{SESSION}.{at}={'A' * 2500}" for at in range(5)),
}


@pytest.mark.parametrize("tried", TAMPERED)
def test_no_session_but_next_auths_own_is_read(backend, nextauth, judge, tried):
    """RFC 7516, read as narrowly as it is written (CVE-2022-3102, CVE-2023-48309, CVE-2024-28102, RFC 8725 §3)."""
    judge({tried: refused(nextauth, backend, TAMPERED[tried].encode())})


def test_no_bit_of_the_session_can_be_changed(backend, nextauth, judge):
    """Header, vector, ciphertext and tag. (The last character of a part may have bits that say nothing.)"""
    ends = {len(".".join(PARTS[:number])) - 1 for number in range(1, 6)}
    bent = {at: REAL[:at] + chr(ord(REAL[at]) ^ 1) + REAL[at + 1 :] for at in range(len(REAL)) if at not in ends}

    judge({f"byte {at}": refused(nextauth, backend, f"{SESSION}={value}".encode()) for at, value in bent.items()})


PLANTED = {
    "a chunk beside the whole session": f"{SESSION}.0={session('attacker.b.c')}",
    "a chunk's beginning": f"{SESSION}.0={session('attacker.b.c')[:100]}",
    "the plain name": f"authjs.session-token={session('attacker.b.c', 'authjs.session-token')}",
    "the older version's name, unreadable": f"{OLD_SESSION}=x",
    "the token cookie's name": "token=attacker.b.c",
    "the host token's name": "__Host-token=attacker.b.c",
}


@pytest.mark.parametrize("tried", PLANTED)
def test_no_planted_cookie_takes_the_place_of_the_session(backend, nextauth, judge, tried):
    """Before it and behind it: it is the victim's session that goes on."""
    real = f"{SESSION}={REAL}"
    judge(
        {
            f"{tried}, behind": taken(nextauth, backend, f"{real}; {PLANTED[tried]}".encode()),
            f"{tried}, before": taken(nextauth, backend, f"{PLANTED[tried]}; {real}".encode()),
            f"{tried}, in a line of its own": taken(nextauth, backend, PLANTED[tried].encode(), real.encode()),
        }
    )


CHUNKED = {0: REAL[:150], 1: REAL[150:300], 2: REAL[300:]}
OF_ATTACKER = session("attacker.b.c")


@pytest.mark.parametrize("planted", [0, 1, 2, 3])
def test_a_planted_chunk_makes_no_session_of_the_attackers(backend, nextauth, judge, planted):
    """It can spoil the session, as whoever may set cookies can; it cannot become one."""
    backend.forget()
    pieces = {**CHUNKED, planted: OF_ATTACKER[planted * 150 :][:150]}
    cookies = "; ".join(f"{SESSION}.{at}={piece}" for at, piece in pieces.items())

    nextauth.ask(with_cookies(cookies.encode()))

    bearers = [one.all("Authorization") for one in backend.heard()]
    judge({f"chunk {planted}": [f"the backend heard {one}" for one in bearers if one != [f"Bearer {TOKEN}"]]})


def test_a_real_session_is_read(backend, nextauth, judge):
    """Whole, in chunks, and with its chunks in any order: else a service that refuses everything would pass."""
    chunks = [f"{SESSION}.{at}={piece}".encode() for at, piece in CHUNKED.items()]
    judge(
        {
            "whole": taken(nextauth, backend, f"{SESSION}={REAL}".encode()),
            "with the other algorithm": taken(nextauth, backend, f"{SESSION}={session(enc=GCM)}".encode()),
            "in chunks": taken(nextauth, backend, b"; ".join(chunks)),
            "in chunks, backwards": taken(nextauth, backend, b"; ".join(reversed(chunks))),
            "in chunks, a line each": taken(nextauth, backend, *chunks),
        }
    )


@pytest.mark.parametrize("path", [b"/api/auth/login", b"/api/auth/logout"])
def test_our_own_sign_in_is_not_there_beside_next_auth(backend, nextauth, path):
    """Two ways to a session would be one too many."""
    backend.forget()

    answer = nextauth.ask(request(b"POST", path, cookie=b"", body=SIGN_IN))

    assert (answer.status, answer.all("set-cookie"), backend.heard()) == (404, [], [])


def test_a_stolen_looking_answer_is_never_cached(server, backend):
    """The answer that sets the cookie, and the one that deletes it."""
    backend.forget()
    deleted = talk(server.port, get(b"/api/vehicles", cookie=NAME + b"=x"), enough=1).answers[0]

    assert (deleted.status, deleted.one("cache-control")) == (401, "no-store")
    assert "__Host-token=;" in deleted.one("set-cookie")
