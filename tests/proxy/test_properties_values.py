"""What holds for every JSON document, and for every text that a variable of the environment may have."""

import base64
import json
import math
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import setting_types
from proxy import headers, strict_json
from proxy.allowlist import AllowList
from proxy.tokens import Token

PARSERS = [
    *(setting_types.app_env, setting_types.token_source, setting_types.same_site, setting_types.yes_or_no),
    setting_types.log_level,
    *(setting_types.port, setting_types.at_least_one, setting_types.few, setting_types.hops, setting_types.seconds),
    *(setting_types.size, setting_types.base_url, setting_types.ca_bundle, setting_types.cookie_name),
    *(setting_types.domain, setting_types.keys, setting_types.claim, setting_types.origins, setting_types.proxy_rules),
    *(setting_types.rate_limit, setting_types.rate_limit_storage, setting_types.bearer_token, setting_types.is_weak),
]
SECRET = "hunter2-Zq9xK"
# What settings are made of, woven into text of any kind.
TEXT = st.lists(
    st.sampled_from(
        "http:// https:// redis:// memory:// @ : / // ? # . .. , ; * {id} { } [ ] ::1 [::1] app.example.com localhost "
        "127.0.0.1 :443 :80 :0 :65536 GET GET+PUT KiB MiB 1 0 10 0.5 per minute minute /hour second 1e9 -1 ٣ ñ %2F %zz "
        "a true off Lax none production yes ſ xn-- \n \0 \t".split(" ")
    )
    | st.just(" ")
    | st.text(max_size=3),
    max_size=8,
).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.builds(
    lambda value, indent, is_ascii: json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "replace"),
    JSON,
    st.none() | st.integers(0, 2),
    st.booleans(),
)
METHODS = set(
    "GET HEAD POST PUT PATCH DELETE OPTIONS QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT".split()
)
METHODS |= {"SEARCH"}
HOSTS = st.sampled_from(["app.example.com", "LOCALHOST", "127.0.0.1", "[::1]", "xn--espaa-rta.example"])
KEYS = st.binary(min_size=31, max_size=33).map(base64.urlsafe_b64encode).map(bytes.decode) | st.sampled_from(
    ["A" * 43 + "=", "A" * 43, "+/" * 21 + "A=", "-_" * 21 + "B=", "é" * 44, "A" * 43 + "=A", ""]
)
OPENAPI = st.fixed_dictionaries(
    {
        "paths": st.dictionaries(
            st.sampled_from(
                ["/", "/a", "/a/{id}", "/a/{id.x}/b", "a", "/a/*", "x-a", "//", "/../b", "/{", "/ñ", "/a%2fb"]
            ),
            st.dictionaries(st.sampled_from(["get", "PUT", "parameters", "x-y", "trace", "summary"]), JSON) | JSON,
        )
    }
)
BROKEN = st.lists(
    st.sampled_from(
        b'{ } [ ] " , : 1 -0 1e999 0.1 .1 01 true null NaN -Infinity \\ \\u \\ud800 \xef\xbb\xbf \xff \0 //'.split()
    )
    | st.binary(max_size=3),
    max_size=10,
).map(b"".join)


@given(DOCUMENTS | BROKEN)
@example(b"\xef\xbb\xbf{}")
@example(b'"\\ud800"')
@example("{}".encode("utf-16"))
@example(b"9" * 5_000)
@example(b"[NaN]")
def test_a_document_is_read_as_python_reads_it_or_is_refused(text):
    """Less its own constants (RFC 8259 §6), and in no other encoding (§8.1); a refusal is a ValueError."""
    constants: list[str] = []

    try:
        value = strict_json.parse(text)
    except ValueError:
        return

    assert repr(value) == repr(json.loads(text.decode("utf-8", "replace"), parse_constant=constants.append))
    assert constants == []


@given(DOCUMENTS)
def test_a_document_without_pythons_constants_is_not_refused(text):
    """Whatever Python spells of it: blanks, escapes, or none."""
    is_plain = "NaN" not in text.decode() and "Infinity" not in text.decode()
    assume(is_plain)

    value = strict_json.parse(text)

    assert value == json.loads(text)


@given(DOCUMENTS | BROKEN)
@example(b"[1e999]")
@example(b"1" + b"0" * 400)
@example(b"[" * 100_000)
def test_a_document_without_doubt_is_read_the_same_or_is_refused(text):
    """What two readers could take for two things is refused, and nothing is taken for a third."""
    try:
        value = strict_json.parse_unambiguous(text)
    except ValueError:
        return

    assert repr(value) == repr(strict_json.parse(text))
    assert all(math.isfinite(float(number)) for number in re.findall(rb"[0-9]{300,}", strict_json.dumps(value)))


@given(
    st.lists(st.sampled_from(["a", "\\u0061", "b", "A", "\\ud800", ""]), max_size=3),
    st.sampled_from(["[%s]", '{"a":%s}']),
)
def test_a_name_that_stands_twice_leaves_a_doubt_however_it_is_written(names, around):
    """At any depth; in other objects, and in another case, it is another name (RFC 8259 §4)."""
    text = around % "{%s}" % ",".join(f'"{name}":1' for name in names)
    is_doubtful = len({name.replace("\\u0061", "a") for name in names}) < len(names)
    refused = False

    try:
        strict_json.parse_unambiguous(text.encode())
    except ValueError:
        refused = True

    assert refused == is_doubtful


@given(DOCUMENTS | BROKEN)
@example(b"1e999")
@example(b"-0.0")
def test_what_was_read_is_written_the_same_way_for_ever(text):
    """One rewriting, and nothing changes any more; an infinity alone cannot be written."""
    with suppress(ValueError):
        written = strict_json.dumps(strict_json.parse(text))

        assert written.isascii()
        assert strict_json.dumps(strict_json.parse(written)) == written


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
@given(depth=st.integers(1, 200_000))
def test_no_depth_makes_another_exception_while_it_is_read(opened, depth):
    """Python's own limit depends on how deep the call already is."""
    with pytest.raises(ValueError, match=r".+"):
        strict_json.parse(opened * depth)


@settings(max_examples=500)
@given(st.sampled_from(PARSERS), TEXT, st.sampled_from([SECRET, ""]), TEXT)
def test_a_text_is_taken_or_refused_without_being_repeated(parser, before, secret, after):
    """What stands in a variable may be another's secret: no message has it, and no other exception shows it."""
    message = ""

    try:
        parser(before + secret + after)
    except ValueError as error:
        message = str(error)

    assert SECRET not in message


@given(st.lists(KEYS, min_size=1, max_size=3).map(" , ".join))
def test_a_key_that_is_taken_encrypts(text):
    """Else the first login would be the one to fail."""
    try:
        taken = setting_types.keys(text)
    except ValueError:
        return

    assert [Fernet(key.value).encrypt(b"x")[:1] for key in taken] == [b"g"] * (text.count(",") + 1)


@given(TEXT, st.sampled_from(["http://", "https://", "HTTP://", ""]))
@example("app.example.com:443/v1/", "https://")
@example("[::1]:80", "http://")
def test_a_base_url_that_is_taken_is_one(text, scheme):
    """Paths are appended to it, and its host is looked for in what comes back."""
    try:
        url = setting_types.base_url(scheme + text)
    except ValueError:
        return

    [(_, location), _] = headers.incoming_all([("Location", f"{url}/x")], url, "/p", Token("t.o.k", None))
    assert (urlsplit(url).scheme in {"http", "https"}, bool(urlsplit(url).hostname)) == (True, True)
    assert (urlsplit(url).query, urlsplit(url).fragment, urlsplit(url).username) == ("", "", None)
    assert set(url) <= set(map(chr, range(0x21, 0x7F)))
    assert not url.endswith("/")
    assert location == "/p/x"


@pytest.mark.parametrize("url", ["http://[::1]x", "http://[::1].evil.example:3000", "http://[::1]\xae:3000"])
def test_text_behind_the_bracket_of_an_address_is_not_skipped(url):
    """As urlsplit would: no connection could be made to it. (The fuzzer's find.)"""
    with pytest.raises(ValueError, match="URL"):
        setting_types.base_url(url)
    with pytest.raises(ValueError, match="origins"):
        setting_types.origins(url)


@given(TEXT)
@example("GET *, {a}{b}, PUT a.b+(c)")
def test_an_allow_list_that_is_taken_can_be_asked(text):
    """No entry is a broken pattern."""
    try:
        rules = setting_types.proxy_rules(text)
    except ValueError:
        return

    methods = AllowList(rules).methods("a/b")
    assert methods is None or methods <= METHODS


@given(st.sampled_from(["http", "https"]), HOSTS, st.sampled_from(["", ":1", ":80", ":443", ":8443"]))
def test_an_origin_is_kept_as_browsers_write_it(scheme, host, port):
    """To compare strings is to compare origins (RFC 6454 §6.2)."""
    [origin] = setting_types.origins(f"{scheme}://{host}{port}")

    kept = "" if (scheme, port) in {("http", ":80"), ("https", ":443")} else port
    assert origin == f"{scheme}://{host.lower()}{kept}"


@pytest.mark.parametrize("host", ["app.example.com", "[::1]"])
@pytest.mark.parametrize("port", [":", ":0443", ":08443", ":0"])
def test_an_origin_that_no_browser_writes_is_not_taken(host, port):
    """It would never be equal to any Origin."""
    with pytest.raises(ValueError, match="origins"):
        setting_types.origins(f"https://{host}{port}")


@settings(max_examples=50)
@given(OPENAPI | JSON)
def test_any_file_behind_the_at_sign_is_a_list_or_is_refused(document):
    """Whatever its shape: a team's OpenAPI file is seldom quite valid."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        Path(file.name).write_text(json.dumps(document), "utf-8")

        with suppress(ValueError):
            rules = setting_types.proxy_rules(f"@{file.name}")

            assert rules
            assert all(rule.methods and rule.methods <= METHODS for rule in rules)
            assert all(not rule.pattern.startswith("/") for rule in rules)
