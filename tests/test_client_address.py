"""Who the client is, as proxies in front write it."""

import pytest

from client_address import ClientAddress

PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("192.0.2.1:65535", "192.0.2.1"),
        ("[2001:DB8::1]:65535", "2001:db8::1"),
        ("[64:ff9b::192.0.2.1]", "64:ff9b::c000:201"),
        ("192.0.2.1:123456", PROXY),
        ("[2001:db8::1]:123456", PROXY),
        ("[2001:db8::1]x", PROXY),
        ("192.0.2.1:4711 x", PROXY),
        ("x 192.0.2.1:4711", PROXY),
        ("", PROXY),
        ("unknown", PROXY),
        ("_hidden", PROXY),
        ("192.0.2.256", PROXY),
        ("192.0.2.1 ", PROXY),
        ("\x85forged", PROXY),
        ("fe80::1%\x85", PROXY),
        ("1" * 5000, PROXY),
    ],
)
def test_it_is_an_address_or_our_proxys(told, taken):
    """It is logged, counted by, and sent to the backend (RFC 7239 §6 has the odd forms)."""
    environ = {"REMOTE_ADDR": told, "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": PROXY}}

    ClientAddress(lambda *_: [])(environ, lambda *_: lambda _: None)

    assert environ["REMOTE_ADDR"] == taken


def test_where_none_is_told_it_is_our_proxys():
    """PEP 3333 lets a server leave it out. What the application answers is passed on."""
    application = ClientAddress(lambda environ, start: [environ["REMOTE_ADDR"].encode()])

    body = application({"werkzeug.proxy_fix.orig": {"REMOTE_ADDR": PROXY}}, lambda *_: lambda _: None)

    assert body == [PROXY.encode()]
