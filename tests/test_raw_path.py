"""The path as it came, from whatever a server hands on."""

import pytest

from raw_path import RawPath, raw_path


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/api/vehicles/A%2FB?x=%2F", "/api/vehicles/A%2FB"),
        ("/a%2fb", "/a%2fb"),
        ("/a/../b", "/a/../b"),
        ("/?", "/"),
        ("http://example.com/a%2Fb?x", "/a%2Fb"),
        ("http://example.com", "/"),
        ("http://example.com?x=/y", "/"),
        ("/a://b/c", "/a://b/c"),
        ("http://example.com/a://b/c", "/a://b/c"),
        ("*", "*"),
        ("/\xc3\xb1 \xff\x7f", "/%C3%B1%20%FF%7F"),
        ("/!\"#$%&'()*+,-.:;<=>@[\\]^_`{|}~", "/!\"#$%&'()*+,-.:;<=>@[\\]^_`{|}~"),
    ],
)
def test_the_path_of_the_request_target_is_kept(target, path):
    """Origin-form and absolute-form (RFC 9112 §3.2); bytes outside of ASCII are encoded, each for itself."""
    assert raw_path({"RAW_URI": target, "PATH_INFO": "/decoded"}) == path
    assert raw_path({"REQUEST_URI": target, "PATH_INFO": "/decoded"}) == path


def test_without_a_request_target_the_decoded_path_is_encoded_again():
    """Some WSGI servers hand on no more; `%2F` alone is lost."""
    assert raw_path({"PATH_INFO": "/a b/50%/\xc3\xb1"}) == "/a%20b/50%25/%C3%B1"
    assert raw_path({}) == ""


def test_the_application_sees_the_path_as_it_came():
    """Whatever the server made of it."""
    application = RawPath(lambda environ, _: [environ["PATH_INFO"].encode()])

    body = application({"RAW_URI": "/A%2FB?x", "PATH_INFO": "/A/B"}, lambda *_: lambda _: None)

    assert body == [b"/A%2FB"]
