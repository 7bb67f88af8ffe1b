"""Which paths have one meaning, and which of them PROXY_ALLOW names."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import setting_types
from proxy.allowlist import AllowList, leads_to_credentials, require_one_meaning
from proxy.errors import BadRequest

READ = frozenset({"GET", "HEAD"})


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("Exercises/categories", None),
        ("Exercises/", None),
        ("Exercises/a%2Fb", None),
        ("Exercises", frozenset()),
        ("exercises/categories", frozenset()),
        ("xExercises/categories", frozenset()),
        ("Reports/2026/11", READ),
        ("Items/7", READ | {"PUT"}),
        ("Items/", frozenset()),
        ("Items/7/", frozenset()),
        ("Items/7/parts", frozenset()),
        ("Items/7%2Fparts", frozenset()),
        ("Items/7%2fparts", frozenset()),
        ("Files/7.json", READ),
        ("Files/.json", frozenset()),
        ("Files/7xjson", frozenset()),
        ("a+b(c)", frozenset({"POST"})),
        ("aab(c)", frozenset()),
        ("", frozenset()),
    ],
)
def test_an_entry_names_what_its_pattern_says_and_nothing_else(path, methods):
    """Deny by default; `%2F` must be allowed both as a part of a segment and as a slash, for backends differ."""
    entries = "Exercises/*, GET Reports/*, GET+PUT Items/{id}, GET Files/{name}.json, POST a+b(c)"

    allowed = AllowList(setting_types.proxy_rules(entries)).methods(path)

    assert allowed == methods


def test_entries_for_one_path_add_up():
    """One for each method reads well."""
    entries = "GET Items/*, DELETE Items/{id}"

    allowed = AllowList(setting_types.proxy_rules(entries))

    assert allowed.methods("Items/7") == READ | {"DELETE"}
    assert allowed.methods("Items/7/parts") == READ


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/",
        "a/b",
        "a%2Fb",
        "a%20b",
        "50%25",
        "a;v=1/b",
        "a..b",
        "...",
        "~-._!$&'()*+,;=:@",
        "%C3%B1",
        "\xc3\xb1",
    ],
)
def test_a_path_with_one_meaning_passes(path):
    """Whole escapes, RFC 3986's characters, and UTF-8, escaped or raw."""
    require_one_meaning(path)


@pytest.mark.parametrize(
    "path",
    [
        *("..", "../a", "a/..", "a/../b", ".", "a/./b", "%2e%2e", "%2E./a", "a/.%2e/b", "..;/a", "a/..;x=1/b", ".;x"),
        *("..%2fa", "a%2f..%2Fb", "a%2F%2E%2E", "%2e%2e%2f", "a%2f.%2fb"),
        *("/", "//a", "a//b", "a/%2fb", "a%2F/b", "%2fa", "%2F%2Fevil.example", "a%2f", "a%2F", "a%2f%2f"),
        *("a\\b", "a%5cb", "..%5Ca", "%5c%5cevil.example"),
        *("%00", "a%00.json", "a%0d%0aX: y", "a%09b", "%7f", "%1b"),
        *("%252e%252e", "%252f", "a%2500", "%25%32%65", "%2541"),
        *("%", "a%", "%2", "%zz", "%u002e", "%c0%ae", "%e0%80%af", "%ff", "\xff", "%ed%a0%80"),
        *(
            "http://evil.example/",
            "https:%2f%2fevil.example",
            "a b",
            "a\tb",
            "a\x00",
            "a#b",
            "a?b",
            "a|b",
            'a"b',
            "a<b",
        ),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(path):
    """Dot segments, empty ones, slashes in disguise, escapes of escapes, and what no path may hold."""
    with pytest.raises(BadRequest):
        require_one_meaning(path)


@given(st.text(alphabet=st.characters(max_codepoint=0xFF)))
def test_no_path_makes_another_exception_and_none_that_passes_can_climb(path):
    """Whatever bytes a request line may hold."""
    try:
        require_one_meaning(path)
    except BadRequest:
        return

    read = unquote(path, encoding="latin-1").replace("\\", "/").split("/")
    assert {".", ".."}.isdisjoint(read)
    assert "" not in read[:-1]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "api/auth/login",
            "auth/login",
            "API/Auth/LOGIN",
            "api/auth/login/",
            "api/auth/register",
            "v2/api/auth/register/",
        ),
        *("api/auth/resetpassword/f00d", "api/auth/reset-password/f00d", "api/auth/%6cogin", "api%2Fauth%2Flogin"),
        *("api/auth/login;x=1", "auth;x/login", "api/auth;v=1/login", "auth/login.", "auth/login%20"),
    ],
)
def test_an_endpoint_that_answers_with_a_token_is_known(path):
    """The backend takes any case and a slash at the end."""
    assert leads_to_credentials(path)


@pytest.mark.parametrize(
    "path", ["api/auth/me", "api/auth/logins", "oauth/login", "api/auth", "login", "api/author/login"]
)
def test_other_endpoints_are_not_taken_for_it(path):
    """`oauth` is another word."""
    assert not leads_to_credentials(path)
