"""The door to the backend: segments, bodies, and the question who asks."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadRequest, NotFound
from proxy.fetch import backend_path


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("MOTO", "MOTO"),
        ("A%2FB", "A%2FB"),
        ("a%2fb", "a%2Fb"),
        ("MI%20CARRO", "MI%20CARRO"),
        ("Q%3FX%23Y", "Q%3FX%23Y"),
        ("50%25", "50%25"),
        ("50%2541", "50%2541"),
        ("%41", "A"),
        ("a+b", "a%2Bb"),
        ("..%2F..%2Fauth", "..%2F..%2Fauth"),
        ("%5C..%5C", "%5C..%5C"),
        ("...", "..."),
        ("%C3%B1", "%C3%B1"),
        ("a;b=c@d:e", "a%3Bb%3Dc%40d%3Ae"),
        ("%0D%0AX", "%0D%0AX"),
        ("~-._", "~-._"),
    ],
)
def test_a_segment_is_decoded_once_and_sent_as_one(raw, sent):
    """Nothing in it can end the segment, start a query or be decoded a second time."""
    assert backend_path("/api/x/{}/y", raw) == f"/api/x/{sent}/y"


@pytest.mark.parametrize("raw", [".", "..", "%2E", "%2e%2E", ".%2e"])
def test_a_dot_segment_is_not_found(raw):
    """RFC 3986 §5.2.4: clients and servers fold it away, and another path would be meant."""
    with pytest.raises(NotFound):
        backend_path("/api/x/{}", raw)


@pytest.mark.parametrize("raw", ["%", "50%", "%2", "%zz", "%%41", "%00", "a%00b", "%FF", "%C3", "%C0%AF", "%ED%A0%80"])
def test_a_segment_without_one_meaning_is_refused(raw):
    """A broken escape, NUL, and what is not UTF-8: overlong forms and surrogates are not."""
    with pytest.raises(BadRequest):
        backend_path("/api/x/{}", raw)


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="/"), min_size=1))
def test_any_raw_segment_goes_out_as_one_segment_that_means_the_same_or_not_at_all(raw):
    """Whatever a request line can hold between two slashes."""
    try:
        path = backend_path("/api/x/{}", raw)
    except (BadRequest, NotFound):
        return

    segment = path.removeprefix("/api/x/")
    assert set(segment).isdisjoint("/?#\\ ")
    assert segment not in {".", ".."}
    assert unquote(segment, errors="strict") == unquote(raw, errors="strict")


def test_a_query_that_no_request_line_can_carry_is_refused(client, backend):
    """A server may let a control character through; it must not split our request in two."""
    response = client.get("/api/vehicles", environ_overrides={"QUERY_STRING": "a=1\r\nX: y"})

    assert (response.status_code, response.headers["X-BFF-Error"]) == (400, "bad_request")
    assert backend.requests == []


def test_options_is_answered_from_the_url_rules(anonymous, backend):
    """Neither a token nor the backend is needed to say which methods there are."""
    response = anonymous.options("/api/vehicles")

    assert response.status_code == 200
    assert {"GET", "POST"} <= response.allow
    assert backend.requests == []


def test_head_is_get_without_the_body(client, backend):
    """The backend is asked with GET, so that the length is right."""
    backend.answer("GET /api/vehicles", json=[1, 2])

    response = client.head("/api/vehicles")

    assert (response.status_code, response.data, response.content_length) == (200, b"", 6)
