"""What holds for the header fields of every request and every reply, in both directions."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from proxy import headers
from proxy.headers import Asker
from proxy.tokens import Token
from tests.fuzz import oracles

ASKER = Asker(client="203.0.113.7", scheme="https", host="app.example.com", request_id="r-1")
TOKEN = Token("to+k/en.b.c=", None)
CROSSING = ("Accept", "Content-Type", "If-None-Match", "Range", "Referer", "X-Custom", "User-Agent")
TYPED = {"user-agent", "accept-language", "traceparent", "tracestate"}
BACKENDS = (
    "http://api.internal:3000",
    "https://api.internal/v1",
    "http://backend",
    "http://api:8080/v1",
    "http://[::1]",
    "http://api.internal.:3000",
    "http://backend.",
)

ANY_CASE = st.sampled_from([str.lower, str.upper, str.title, str])
LATIN_1 = st.text(st.characters(max_codepoint=0xFF), max_size=12)


def named(*names: str) -> st.SearchStrategy[str]:
    """One of the names in any case, or any other that a field may have (RFC 9110 §5.1)."""
    known = st.builds(lambda case, name: str(case(name)), ANY_CASE, st.sampled_from(sorted({*names, *CROSSING})))
    return known | st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,8}", fullmatch=True)


ASKED_WITH = named(*oracles.NEVER_FORWARDED, *TYPED)
ANSWERED_WITH = named(*oracles.NEVER_RETURNED, "Location", "Content-Location", "ETag", "Link", "Retry-After")
OPTIONS = st.lists(ASKED_WITH | ANSWERED_WITH | st.sampled_from(["", "close", " "]), max_size=4).map(" ,".join)
# WSGI has joined the fields of one name.
REQUESTS = st.builds(
    lambda fields, connection: list({name.lower(): (name, value) for name, value in [*fields, *connection]}.values()),
    st.lists(st.tuples(ASKED_WITH, LATIN_1), max_size=8),
    st.lists(st.tuples(st.sampled_from(["Connection", "CONNECTION"]), OPTIONS), max_size=1),
)
# What a backend says of itself, woven into text of any kind.
LEAKS = st.sampled_from(
    "to+k/en.b.c= api.internal API.Internal:3000 %61pi.internal http://api.internal:3000 https://api.internal/v1 //api "
    "//backend http://user@backend:80 backend.:80 api.internal. //backend. %2f%2fapi to%2Bk%2fen.b.c%3D % %a "
    "http://api:8080/v1 //[::1]/ [::1] / /v1 /v1/ /v10 .. %2e%2e %2f // "
    "//evil.example http: https:evil \\ @ ? # \0 \r \n \t \x7f \xe9 a x/y ; , < >".split(" ")
)
SAID = st.lists(LEAKS | LATIN_1, max_size=5).map("".join)
CACHING = (
    st.sampled_from(
        'public PUBLIC s-maxage=60 S-MaxAge=0 private Private no-store max-age=5 private="a,public" public=1'.split(" ")
    )
    | st.sampled_from(["", "\tpublic ", "public ;x", "s-maxage =5", "\x85public", "\x0bs-maxage=5", "x=api%2einternal"])
    | SAID
)
REPLIES = st.lists(st.tuples(ANSWERED_WITH, SAID) | st.tuples(st.just("Connection"), OPTIONS), max_size=8)


def lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


@given(REQUESTS)
@example([("Connection", "AUTHORIZATION, x-forwarded-for,X-Request-Id")])
def test_of_a_typed_request_four_fields_cross_and_the_rest_is_ours(browser):
    """Whatever the browser sends, in whatever case: ours are what they are without it (RFC 9110 §7.6.1)."""
    ours = headers.outgoing(CaseInsensitiveDict(), ASKER, TOKEN, has_body=True)
    sent = CaseInsensitiveDict(browser)
    connection = sent.get("Connection", "")

    fields = headers.outgoing(sent, ASKER, TOKEN, has_body=True)

    theirs = {name: value for name, value in fields.items() if name not in ours}
    assert fields.items() >= ours.items()
    assert lower(theirs) <= TYPED - oracles.options(connection)
    assert lower(theirs) >= {name for name in TYPED if sent.get(name) and name not in connection.lower()}
    assert theirs == {name: sent[name] for name in theirs}


@given(REQUESTS)
@example([("AUTHORIZATION", "Bearer x"), ("x-forwarded-FOR", "127.0.0.1")])
@example([("Connection", "authorization, via, x-custom"), ("X-Custom", "1")])
@example([("x-custom", "as\x00it\r\ncame")])
@example([(name, "forged") for name in sorted(oracles.NEVER_FORWARDED)])
def test_of_a_passed_request_all_crosses_as_it_came_but_what_is_ours_to_say(browser):
    """No value is changed, so none is cleaned: gunicorn refuses CR, LF and NUL, and `http.client` a bare CR or LF."""
    ours = headers.outgoing_all([], ASKER, TOKEN, "bff-1")
    sent = CaseInsensitiveDict(browser)
    connection = sent.get("Connection", "")

    fields = headers.outgoing_all(browser, ASKER, TOKEN, "bff-1")

    theirs = {name: value for name, value in fields.items() if name not in ours}
    via = fields.pop("Via").removeprefix(sent.get("Via", "")).removeprefix(", ")
    assert fields.items() | {("Via", via)} >= ours.items()
    assert len(lower(fields)) == len(fields)
    assert lower(theirs).isdisjoint(oracles.NEVER_FORWARDED | oracles.options(connection))
    assert theirs.items() <= set(browser)
    assert {name for name in CROSSING if name in sent and name.lower() not in connection.lower()} <= {
        name for name in CROSSING if name.lower() in lower(theirs)
    }


@given(st.dictionaries(named("Retry-After", *oracles.NEVER_RETURNED), SAID))
@example({"Retry-After": "7\r\nSet-Cookie: a=b"})
def test_of_a_typed_reply_no_more_than_a_short_retry_after_comes_back(reply):
    """Cookies, CORS and X-BFF-Error of the backend's are not ours."""
    fields = headers.incoming(CaseInsensitiveDict(reply))

    assert set(fields) <= {"Retry-After"}
    assert all(re.fullmatch(r"[\x20-\x7e]{1,64}", value) for value in fields.values())


@given(base_url=st.sampled_from(BACKENDS), reply=REPLIES)
@example(base_url="http://backend", reply=[(name.title(), "theirs") for name in sorted(oracles.NEVER_RETURNED)])
def test_of_a_passed_reply_nothing_comes_back_that_is_the_backends_own_affair(base_url, reply):
    """Neither its cookies and policies, nor what it names in Connection, nor a byte that no field may have."""
    connection = ",".join(value for name, value in reply if name.lower() == "connection")

    *fields, (last, _) = headers.incoming_all(reply, base_url, "/api/proxy", TOKEN)

    assert last == "Cache-Control"
    assert lower(name for name, _ in fields).isdisjoint(oracles.NEVER_RETURNED | oracles.options(connection))
    assert not any(re.search(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]", value) for _, value in fields)


@given(base_url=st.sampled_from(BACKENDS), reply=REPLIES)
@example(base_url="http://be.internal", reply=[("X-Custom", "%be.internal")])
@example(base_url="http://backend", reply=[("Location", "http://user@backend/x?y=//backend")])
@example(base_url="http://api.internal", reply=[("X-Custom", "see %61pi.internal")])
def test_of_a_passed_reply_neither_token_nor_host_comes_back(base_url, reply):
    """As they are, or percent-encoded once."""
    host = str(urlsplit(base_url).hostname)

    fields = headers.incoming_all(reply, base_url, "/api/proxy", TOKEN)

    shown = [text for _, value in fields for text in (value, unquote(value))]
    assert not any(TOKEN.value in text or oracles.names_host(text, host) for text in shown)


@given(base_url=st.sampled_from(BACKENDS), name=st.sampled_from(["Location", "content-location"]), reference=SAID)
@example(base_url="https://api.internal/v1", name="Location", reference="////evil.example")
@example(base_url="https://api.internal/v1", name="Location", reference="/v1/%2e%2e/x")
@example(base_url="https://api.internal/v1", name="Location", reference="/\\evil.example")
@example(base_url="http://backend", name="Location", reference="/a?b\\c d")
@example(base_url="https://api.internal/v1", name="Location", reference="http:evil.example")
def test_an_address_that_comes_back_leads_to_us(base_url, name, reference):
    """By a resolver of its own (RFC 3986 §5.2), with none of the characters that browsers read otherwise."""
    fields = dict(headers.incoming_all([(name, reference)], base_url, "/api/proxy", TOKEN))

    shown = fields.get(name, "")
    target = urlsplit(urljoin("https://app.example.com/api/proxy/a/b", shown))
    assert (target.scheme, target.netloc) == ("https", "app.example.com")
    assert f"{target.path}/".startswith("/api/proxy/")
    assert {".", ".."}.isdisjoint(unquote(target.path).split("/"))
    assert not re.search(r"[\x00-\x20\x7f\\]", shown)


@given(
    st.sampled_from(["//", "http://", "https://", "HTTP://u@", "http://api.internal:3000@"]),
    st.sampled_from(["evil.example", "api.internal:3001", "api.internal.evil.example:3000", "[::1]:3000", "backend"]),
    SAID,
)
@example("https://", "api.internal:3000", "/v1/a")
def test_an_address_elsewhere_does_not_come_back(before, authority, rest):
    """Not even as one of ours: it would be another page than was meant."""
    reply = [("Location", f"{before}{authority}/{rest}"), ("Location", f"{before}{authority}/v1/a")]

    fields = list(headers.incoming_all(reply, "http://api.internal:3000/v1", "/api/proxy", TOKEN))

    assert [name for name, _ in fields] == ["Cache-Control"]


@given(st.lists(st.tuples(st.sampled_from(["ETag", "Link", "x-custom", "Retry-After"]), st.text('aZ0 \t";=,/%é'))))
def test_what_is_end_to_end_comes_back_as_it_came_in_its_order(reply):
    """Fields of one name stay apart (RFC 9110 §5.3)."""
    *fields, caching = headers.incoming_all(reply, "http://api.internal", "/api/proxy", TOKEN)

    assert fields == reply
    assert caching == ("Cache-Control", "no-store")


@given(st.lists(st.lists(CACHING, max_size=4).map(" ,".join), max_size=3))
@example(["no-store, x=http://api.internal/", "max-age=5"])
def test_no_cache_that_several_users_share_may_keep_a_reply(values):
    """What the backend says of them is left out, in any case, on any line; `private` or `no-store` is always said."""
    reply = [("cache-CONTROL", value) for value in values]

    [(name, caching)] = headers.incoming_all(reply, "http://api.internal", "/api/proxy", TOKEN)

    assert name == "Cache-Control"
    assert oracles.directives(caching) & {"private", "no-store"}
    assert oracles.directives(caching).isdisjoint({"public", "s-maxage"})
    assert re.fullmatch(r"[\x21-\x7e]+(, [\x21-\x7e]+)*", caching)
    assert not any(
        TOKEN.value in text or oracles.names_host(text, "api.internal") for text in (caching, unquote(caching))
    )


@pytest.mark.parametrize(
    "value",
    [
        *("no-cache\x00", "x=to+k/en.b.c=", "x=http://api.internal/", "x=api.internal", "x=api%2einternal"),
        *("public ;x, max-age=5", "s-maxage =5", "max-age=5\x85", "no-cache\t, max-age=5\r"),
    ],
)
def test_what_is_said_of_caching_is_no_way_round_these_rules(value):
    """A byte that the server refuses makes a 500; the token and the host are not for the browser."""
    [(_, caching)] = headers.incoming_all([("Cache-Control", value)], "http://api.internal", "/api/proxy", TOKEN)

    assert caching == "no-store"


@pytest.mark.parametrize("escaped", ["to%2Bk%2Fen.b.c%3D", "to%2bk/en.b.c="])
def test_a_token_that_is_percent_encoded_does_not_come_back_either(escaped):
    """A redirect with the token in its query encodes `+`, `/` and `=`, which a token may have (RFC 6750 §2.1)."""
    reply = [("Location", f"/done?token={escaped}")]

    fields = dict(headers.incoming_all(reply, "http://api.internal", "/api/proxy", TOKEN))

    assert "Location" not in fields
