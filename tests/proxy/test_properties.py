"""What holds for every path, told by example after example: segments, request targets and the allow-list."""

import time
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import setting_types
from proxy.allowlist import AllowList, leads_to_credentials, require_one_meaning
from proxy.errors import BadRequest, NotFound
from proxy.fetch import backend_path
from raw_path import raw_path
from setting_types import ProxyRule
from tests.fuzz import oracles

# What a path is attacked with; woven into text of any kind.
TRICKS = st.sampled_from(
    [
        *(".", "..", "%2e", "%2E", "/", "\\", "%2f", "%2F", "%5c", ";", ";v=1", "//", "%252e", "%25", "%2", "%", "%zz"),
        *("%00", "\0", "%0d%0a", "\r\n", " ", "%20", "%7f", "?", "#", "{", "}", "{}", "%C3%B1", "%FF", "%c0%ae"),
        *("a", "A", "b", "auth", "AUTH", "%61uth", "login", "Log%69n", "register", "reset-password", "resetpassword"),
    ]
)
UNICODE = st.lists(TRICKS | st.text(max_size=3), max_size=8).map("".join)
ON_THE_WIRE = st.lists(
    TRICKS | st.text(st.characters(max_codepoint=0xFF), max_size=3) | st.just("\xc3\xb1"), max_size=8
).map("".join)

LITERALS = ("a", "b", "A", "a.b", "-", "%20", "~", "(c)")
PATTERNS = st.lists(
    st.lists(st.sampled_from([*LITERALS, "*", "{id}", "{x}"]), min_size=1, max_size=3).map("".join),
    min_size=1,
    max_size=3,
).map("/".join)
ENTRIES = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "GET ", "GET+PUT ", "DELETE ", "HEAD "]), PATTERNS),
    min_size=1,
    max_size=3,
).map(", ".join)
ASKED = st.lists(st.sampled_from([*LITERALS, "/", "%2F", "%2f", "\n", "\xf1"]), max_size=8).map("".join)


@given(UNICODE)
@example(".")
@example("%2E.")
@example("50%")
@example("a%00")
def test_a_segment_goes_out_as_one_segment_of_the_same_meaning_or_is_refused(raw):
    """One decoding, by a reader of its own, tells which: nothing else may happen to any text."""
    meaning = oracles.segment(raw)

    outcome: object
    try:
        outcome = backend_path("/a/{}/b", raw)
    except (BadRequest, NotFound) as refusal:
        outcome = type(refusal)

    assert outcome == (f"/a/{quote(meaning, safe='')}/b" if isinstance(meaning, str) else meaning)


@given(st.text(), st.text(max_size=20))
@example("..;", "")
@example("%2e%2e", "")
@example("{}", "")
def test_every_text_reaches_the_backend_as_it_was_meant(text, unescaped):
    """However much of it the browser escaped; NUL and dot segments alone are refused, as above."""
    raw = quote(text, safe=unescaped.replace("%", ""))
    sent = text if isinstance(oracles.segment(raw), str) else "x"

    path = backend_path("/a/{}/b", quote(sent, safe=unescaped.replace("%", "")))

    assert oracles.is_one_segment(path)
    assert [unquote(part, errors="strict") for part in path.split("/")] == ["", "a", sent, "b"]


@given(ON_THE_WIRE, st.sampled_from(["", "/", "http://app.example", "https://a/", "*", "//"]))
@example("a?b#c", "/")
def test_a_path_is_printable_ascii_and_means_what_came(rest, start):
    """Whatever bytes a server lets into its request line."""
    target = start + rest or "*"

    path = raw_path({"RAW_URI": target, "PATH_INFO": "/decoded"})

    assert set(path) <= set(map(chr, range(0x21, 0x7F)))
    assert path.startswith("/") or not target.startswith(("/", "http"))
    assert "?" not in path
    assert unquote(path, "latin-1") in unquote(target, "latin-1") + "/"


@given(ON_THE_WIRE)
def test_without_a_target_the_decoded_path_is_told_byte_for_byte(decoded):
    """`%` itself is escaped again, so that nothing is decoded twice."""
    path = raw_path({"PATH_INFO": decoded}).partition("?")[0]

    assert unquote(path, "latin-1") == decoded


@given(ON_THE_WIRE)
@example("a/..;/b")
@example("%252e%252e/a")
@example("a%2f..%2fb")
def test_a_path_that_passes_is_the_same_however_it_is_read(path):
    """Decoded once, twice or three times, a backslash for a slash, parameters cut off, folded: one path."""
    try:
        require_one_meaning(path)
    except BadRequest:
        return

    assert oracles.has_one_meaning(path)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_plain_segments_make_a_path_that_passes(texts):
    """What is no trick gets through: the refusals are no broader than they need be."""
    words = [f"a{''.join(filter(str.isalnum, text))}" for text in texts]

    require_one_meaning("/".join(map(quote, words)))


@given(ON_THE_WIRE)
@example("api/auth%2Flogin")
@example("auth;v=1/LOGIN.")
def test_no_way_to_write_it_hides_an_endpoint_that_answers_with_a_token(path):
    """Case, escapes, parameters, and blanks or dots at the end of a segment."""
    try:
        require_one_meaning(path)
    except BadRequest:
        return

    assert leads_to_credentials(f"/v1/{path}") == oracles.holds_credentials(f"v1/{path}")


@given(ENTRIES, ASKED)
@example("GET a/*, DELETE a/{id}", "a%2Fb")
@example("a/{id}", "a/b/c")
@example("*", "")
def test_an_entry_names_what_its_words_in_the_readme_say(entries, path):
    """`*` any characters, `{name}` one segment or a part of one, GET includes HEAD, case counts, `%2F` both ways."""
    methods = AllowList(setting_types.proxy_rules(entries)).methods(path)

    assert {method for method in oracles.ANY_METHOD if methods is None or method in methods} == oracles.allowed(
        entries, path
    )


@given(
    st.lists(st.sampled_from(["a", "b", "/", "a/b", "*", "{x}"]), max_size=9).map("".join), st.text("ab/", max_size=12)
)
@example("*a{x}b*", "a/aab")
@example("a*{x}/b{y}a", "a/ab/bba")
@example("**{x}", "")
def test_a_pattern_with_many_placeholders_matches_what_all_ways_through_it_match(pattern, path):
    """Keeping each piece where it is found first loses none of them."""
    allow = AllowList([ProxyRule(None, pattern)])

    assert (allow.methods(path) is None) == oracles.matches(pattern, path)


@pytest.mark.parametrize(
    "entry",
    [
        *("*", "*/b/*/c", "{a}/{b}/{c}/{d}/*", "*a*a*a*a*a*b", "*/*/*/*/*/*!", "x/{a}-{b}-{c}-{d}-{e}-{f}.json"),
        *("{a}{b}{c}{d}{e}{f}/", "*a{a}c*b{b}c*a{c}", "*a{a}b*a{b}b*a{c}!", "*{a}*{b}*{c}/!", "*/{a}-{b}/*-{c}/{d}!"),
    ],
)
@pytest.mark.parametrize("unit", ["a", "/b", "a-", "a/", "ab", "%2F", "."])
def test_a_long_path_is_matched_at_once(entry, unit):
    """A request line may be 8190 bytes long, and almost match; the token is not looked at by then."""
    allow = AllowList(setting_types.proxy_rules(entry))
    path = f"x/{unit * 8_000}"[:8_000]
    start = time.process_time()

    allow.methods(path)

    assert time.process_time() - start < 0.05
