"""Requests with two readings: whoever stands in front of us may read them the other way (RFC 9112 §11.2).

Each is a legal request with one place changed, and a second request behind it, or inside of it, by either reading. One
answer, 400, the connection closed, and nothing at the backend: then there is nothing left to disagree about.
"""

import json

import pytest

from tests.attack.recorder import Heard
from tests.attack.stage import COOKIE, STREAMED, TYPED, WAYS_IN, Endpoint, get
from tests.attack.wire import Conversation, talk

SMUGGLED = get(b"/api/auth/users?smuggled")

HEAD = (
    b"POST {target} HTTP/1.1\r\n"
    b"Host: app.example.com\r\n"
    b"Cookie: " + COOKIE + b"\r\n"
    b"Content-Type: application/json\r\n"
)  # fmt: skip
WITH_LENGTH = HEAD + b"Content-Length: {length}\r\n\r\n{body}"
IN_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n{size}\r\n{body}\r\n0\r\n\r\n"

REFUSED = frozenset({400})
TOO_MUCH = frozenset({400, 413, 414, 431})


def changed(template: bytes, place: bytes, tries: dict[str, bytes]) -> dict[str, bytes]:
    """The template with `place` replaced, once for every try."""
    assert template.count(place) == 1, place
    return {tried: template.replace(place, by) for tried, by in tries.items()}


def filled(template: bytes, way_in: Endpoint) -> bytes:
    """The template as a request to one endpoint, with the second request behind it.

    `{chunks}` is the length of the chunked body as a whole, `{all}` that and the second request, `{body and all}` the
    same for a body that is not chunked.
    """
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(way_in.body), way_in.body)
    values = {
        b"{target}": way_in.path,
        b"{length}": b"%d" % len(way_in.body),
        b"{size}": b"%x" % len(way_in.body),
        b"{chunks}": b"%d" % len(chunks),
        b"{all}": b"%d" % (len(chunks) + len(SMUGGLED)),
        b"{body and all}": b"%d" % (len(way_in.body) + len(SMUGGLED)),
        b"{smuggled}": SMUGGLED,
        b"{body}": way_in.body,
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template + SMUGGLED


# RFC 9112 §6.2: one length, in digits. (CVE-2018-7159, CVE-2019-16785, CVE-2022-1705: parsers that took more.)
LENGTHS = changed(
    WITH_LENGTH,
    b"Content-Length: {length}",
    {
        "two equal Content-Length lines": b"Content-Length: {length}\r\nContent-Length: {length}",
        "two different Content-Length lines, short one first": b"Content-Length: 5\r\nContent-Length: {length}",
        "two different Content-Length lines, long one first": b"Content-Length: {body and all}\r\nContent-Length: 5",
        "Content-Length in two cases": b"Content-Length: {length}\r\ncontent-length: {body and all}",
        "Content-Length as a list of equals": b"Content-Length: {length}, {length}",
        "Content-Length as a list of two": b"Content-Length: {length}, {body and all}",
        "Content-Length with a comma behind": b"Content-Length: {length},",
        "Content-Length with a plus": b"Content-Length: +{length}",
        "Content-Length negative": b"Content-Length: -{length}",
        "Content-Length minus zero": b"Content-Length: -0",
        "Content-Length in two words": b"Content-Length: {length} 1",
        "Content-Length hexadecimal": b"Content-Length: 0x3e",
        "Content-Length with hexadecimal letters": b"Content-Length: 3e",
        "Content-Length with an underscore": b"Content-Length: 1_0",
        "Content-Length with a fraction": b"Content-Length: {length}.0",
        "Content-Length with an exponent": b"Content-Length: 1e1",
        "Content-Length empty": b"Content-Length:",
        "Content-Length blank": b"Content-Length: \t ",
        "Content-Length in superscript": b"Content-Length: \xb2",
        "Content-Length a quarter": b"Content-Length: \xbc",
        "Content-Length in Arabic digits": b"Content-Length: \xd9\xa3",
        "Content-Length in fullwidth digits": b"Content-Length: \xef\xbc\x95",
        "Content-Length in words": b"Content-Length: five",
        "Content-Length with letters behind": b"Content-Length: {length}x",
        "Content-Length quoted": b'Content-Length: "{length}"',
        "Content-Length with a parameter": b"Content-Length: {length};x=1",
        "Content-Length behind a vertical tab": b"Content-Length: \x0b{length}",
        "Content-Length behind a form feed": b"Content-Length: \x0c{length}",
        "Content-Length behind a no-break space": b"Content-Length: \xa0{length}",
        "Content-Length with NUL behind": b"Content-Length: {length}\x00",
        "Content-Length over 64 bits": b"Content-Length: 18446744073709551621",
        "Content-Length of 5000 digits": b"Content-Length: " + b"9" * 5000,
        "blank before the colon of Content-Length": b"Content-Length : {length}",
        "NUL in the name of Content-Length": b"Content-Length\x00: {length}",
    },
)

# RFC 9112 §6.1: "A server MAY reject a request that contains both"; and whoever takes one must not be the only one.
BOTH = changed(
    IN_CHUNKS,
    b"Transfer-Encoding: chunked",
    {
        "length, then chunked": b"Content-Length: {chunks}\r\nTransfer-Encoding: chunked",
        "chunked, then length": b"Transfer-Encoding: chunked\r\nContent-Length: {chunks}",
        "length of everything, then chunked": b"Content-Length: {all}\r\nTransfer-Encoding: chunked",
        "chunked, then length of everything": b"Transfer-Encoding: chunked\r\nContent-Length: {all}",
        "length 4, then chunked": b"Content-Length: 4\r\nTransfer-Encoding: chunked",
        "chunked, then length 4": b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        "length 0, then chunked": b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        "chunked, then length 0": b"Transfer-Encoding: chunked\r\nContent-Length: 0",
        "both in small letters": b"content-length: {all}\r\ntransfer-encoding: chunked",
        "both in capitals": b"TRANSFER-ENCODING: CHUNKED\r\nCONTENT-LENGTH: {all}",
        "both in mixed case": b"cOnTeNt-LeNgTh: 4\r\ntRaNsFeR-eNcOdInG: cHuNkEd",
        "chunked between two lengths": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Length: 4",
        "length between two chunked": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
        "length, then chunked and no blank": b"Content-Length: {all}\r\nTransfer-Encoding:chunked",
        "length, then chunked behind a tab": b"Content-Length: {all}\r\nTransfer-Encoding:\tchunked",
        "length, then chunked before blanks": b"Content-Length: {all}\r\nTransfer-Encoding: chunked \t ",
        "length, then chunked before a comma": b"Content-Length: {all}\r\nTransfer-Encoding: chunked,",
        "a length that is none, then chunked": b"Content-Length: x\r\nTransfer-Encoding: chunked",
    },
)

# RFC 9112 §6.1, §6.3: chunked, once, last, and in HTTP/1.1. (Kettle, "HTTP Desync Attacks", 2019; CVE-2020-10108,
# CVE-2021-22959, CVE-2022-32213, CVE-2024-1135, gunicorn's own.)
CODINGS = {
    "xchunked": b"Transfer-Encoding: xchunked",
    "chunkedx": b"Transfer-Encoding: chunkedx",
    "chunk": b"Transfer-Encoding: chunk",
    "chunked, identity": b"Transfer-Encoding: chunked, identity",
    "identity": b"Transfer-Encoding: identity",
    "identity, chunked": b"Transfer-Encoding: identity, chunked",
    "gzip": b"Transfer-Encoding: gzip",
    "gzip, chunked": b"Transfer-Encoding: gzip, chunked",
    "chunked, gzip": b"Transfer-Encoding: chunked, gzip",
    "br, chunked": b"Transfer-Encoding: br, chunked",
    "chunked, chunked": b"Transfer-Encoding: chunked, chunked",
    "two lines of chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunked, then a line of identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "a line of identity, then chunked": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "chunked, then a line of cow": b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
    "chunked in double quotes": b'Transfer-Encoding: "chunked"',
    "chunked in single quotes": b"Transfer-Encoding: 'chunked'",
    "chunked with a parameter": b"Transfer-Encoding: chunked;q=1",
    "chunked behind an empty member": b"Transfer-Encoding: ,chunked",
    "chunked before an empty member": b"Transfer-Encoding: chunked,",
    "no coding": b"Transfer-Encoding:",
    "chunked behind a vertical tab": b"Transfer-Encoding: \x0bchunked",
    "chunked before a vertical tab": b"Transfer-Encoding: chunked\x0b",
    "chunked behind a form feed": b"Transfer-Encoding: \x0cchunked",
    "chunked before NUL": b"Transfer-Encoding: chunked\x00",
    "chunked before 0x1f": b"Transfer-Encoding: chunked\x1f",
    "chunked behind a no-break space": b"Transfer-Encoding: \xa0chunked",
    "chunked before NEL": b"Transfer-Encoding: chunked\x85",
    "chunked with a long s": b"Transfer-Encoding: chun\xe2\x84\xaaed",
    "chunked behind a bare CR": b"Transfer-Encoding: \rchunked",
    "chunked behind a bare LF": b"Transfer-Encoding:\nchunked",
    "chunked on the next line, behind a blank": b"Transfer-Encoding:\r\n chunked",
    "chunked on the next line, behind a tab": b"Transfer-Encoding:\r\n\tchunked",
    "identity on the next line": b"Transfer-Encoding: chunked\r\n , identity",
    "blank before the colon": b"Transfer-Encoding : chunked",
    "tab before the colon": b"Transfer-Encoding\t: chunked",
    "vertical tab before the colon": b"Transfer-Encoding\x0b: chunked",
    "NUL before the colon": b"Transfer-Encoding\x00: chunked",
    "blank before the name": b" Transfer-Encoding: chunked",
    "tab before the name": b"\tTransfer-Encoding: chunked",
    "no hyphen but a blank": b"Transfer Encoding: chunked",
    "no hyphen but an underscore": b"Transfer_Encoding: chunked",
    "no colon": b"Transfer-Encoding chunked",
    "two colons": b"Transfer-Encoding:: chunked",
    "behind a bare LF in another field": b"X-Other: x\nTransfer-Encoding: chunked",
    "behind a bare CR in another field": b"X-Other: x\rTransfer-Encoding: chunked",
}
WITH_EVERYTHING = {f"{tried}, and a length": line + b"\r\nContent-Length: {all}" for tried, line in CODINGS.items()}
TRANSFER_CODINGS = changed(
    IN_CHUNKS,
    b"Transfer-Encoding: chunked",
    {f"Transfer-Encoding, {tried}": line for tried, line in {**CODINGS, **WITH_EVERYTHING}.items()},
) | {"Transfer-Encoding in HTTP/1.0": IN_CHUNKS.replace(b"HTTP/1.1", b"HTTP/1.0")}

# RFC 9112 §2.2: a lone LF MAY be taken for a line end, a lone CR must not; we take neither.
LINE_ENDS = (
    changed(
        WITH_LENGTH,
        b" HTTP/1.1\r\n",
        {
            "bare LF ends the request line": b" HTTP/1.1\n",
            "bare CR ends the request line": b" HTTP/1.1\r",
            "CR CR LF ends the request line": b" HTTP/1.1\r\r\n",
            "LF CR ends the request line": b" HTTP/1.1\n\r",
            "a bare CR in the version": b" HTTP/\r1.1\r\n",
        },
    )
    | changed(
        WITH_LENGTH,
        b"application/json\r\n",
        {
            "bare LF ends a field line": b"application/json\n",
            "bare CR ends a field line": b"application/json\r",
            "CR CR LF ends a field line": b"application/json\r\r\n",
            "a bare CR in a field value": b"application\r/json\r\n",
            "a bare LF in a field value": b"application\n/json\r\n",
        },
    )
    | changed(
        WITH_LENGTH,
        b"{length}\r\n\r\n",
        {
            "LF LF ends the head": b"{length}\n\n",
            "CR LF LF ends the head": b"{length}\r\n\n",
            "LF CR LF ends the head": b"{length}\n\r\n",
            "CR CR ends the head": b"{length}\r\r",
            "CR LF CR ends the head": b"{length}\r\n\r",
        },
    )
)

# RFC 9112 §3: method SP target SP version, and no more. Leading empty lines alone may be skipped (§2.2).
REQUEST_LINES = changed(
    WITH_LENGTH,
    b"POST {target} HTTP/1.1",
    {
        "no version, HTTP/0.9": b"GET {target}",
        "no version, but a blank": b"GET {target} ",
        "no target": b"GET HTTP/1.1",
        "an empty target": b"POST  HTTP/1.1",
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM",
        "HTTP/1.10": b"POST {target} HTTP/1.10",
        "HTTP/01.1": b"POST {target} HTTP/01.1",
        "HTTP/1": b"POST {target} HTTP/1",
        "HTTP/1.": b"POST {target} HTTP/1.",
        "HTTP/.1": b"POST {target} HTTP/.1",
        "HTTP/1.1 with a letter behind": b"POST {target} HTTP/1.1x",
        "HTTP/1.1 with a blank behind": b"POST {target} HTTP/1.1 ",
        "HTTP/1.1 with a tab behind": b"POST {target} HTTP/1.1\t",
        "HTTP/1.1 in superscript": b"POST {target} HTTP/1.\xb9",
        "HTTP/0.9 by name": b"POST {target} HTTP/0.9",
        "HTTP/2.0": b"POST {target} HTTP/2.0",
        "HTTP/3.0": b"POST {target} HTTP/3.0",
        "HTTP/9.9": b"POST {target} HTTP/9.9",
        "http/1.1 in small letters": b"POST {target} http/1.1",
        "HTTPS/1.1": b"POST {target} HTTPS/1.1",
        "HTTP-1.1": b"POST {target} HTTP-1.1",
        "a blank in the version": b"POST {target} HTTP/ 1.1",
        "a method in small letters": b"post {target} HTTP/1.1",
        "a method in mixed case": b"Post {target} HTTP/1.1",
        "a method with a parenthesis": b"PO(ST {target} HTTP/1.1",
        "a method with a colon": b"POST: {target} HTTP/1.1",
        "a method with NUL": b"PO\x00ST {target} HTTP/1.1",
        "a method with a vertical tab": b"POST\x0b {target} HTTP/1.1",
        "a method with an accent": b"P\xd3ST {target} HTTP/1.1",
        "a method in quotes": b'"POST" {target} HTTP/1.1',
        "a blank before the method": b" POST {target} HTTP/1.1",
        "a tab before the method": b"\tPOST {target} HTTP/1.1",
        "a byte order mark before the method": b"\xef\xbb\xbfPOST {target} HTTP/1.1",
        "NUL before the method": b"\x00POST {target} HTTP/1.1",
        "an empty line of bare LF before": b"\nPOST {target} HTTP/1.1",
        "a bare CR before": b"\rPOST {target} HTTP/1.1",
        "two blanks behind the method": b"POST  {target} HTTP/1.1",
        "two blanks before the version": b"POST {target}  HTTP/1.1",
        "a tab behind the method": b"POST\t{target} HTTP/1.1",
        "a tab before the version": b"POST {target}\tHTTP/1.1",
        "a form feed before the version": b"POST {target}\x0cHTTP/1.1",
        "two targets": b"POST {target} /api/auth/users?smuggled HTTP/1.1",
        "two request lines in one": b"POST {target} HTTP/1.1 GET /api/auth/users?smuggled HTTP/1.1",
        "a blank in the target": b"POST {target}?a b HTTP/1.1",
        "a tab in the target": b"POST {target}?a\tb HTTP/1.1",
        "NUL in the target": b"POST {target}\x00 HTTP/1.1",
        "0x01 in the target": b"POST {target}?\x01 HTTP/1.1",
        "DEL in the target": b"POST {target}?\x7f HTTP/1.1",
        "ESC in the target": b"POST {target}?\x1b[2J HTTP/1.1",
        "UTF-8 in the target": b"POST {target}?\xc3\xb1 HTTP/1.1",
        "latin-1 in the target": b"POST {target}?\xf1 HTTP/1.1",
        "NEL in the target": b"POST {target}?\x85 HTTP/1.1",
        "a fragment in the target": b"POST {target}#smuggled HTTP/1.1",
        "an empty fragment in the target": b"POST {target}# HTTP/1.1",
        "a target without its slash": b"POST api/vehicles HTTP/1.1",
        "the target * with POST": b"POST * HTTP/1.1",
        "the target * with GET": b"GET * HTTP/1.1",
        "authority-form with POST": b"POST app.example.com:80 HTTP/1.1",
        "authority-form with GET": b"GET app.example.com:80 HTTP/1.1",
        "absolute-form of another host": b"POST http://evil.example{target} HTTP/1.1",
        "absolute-form of another port": b"POST http://app.example.com:81{target} HTTP/1.1",
        "absolute-form with a user": b"POST http://app.example.com@evil.example{target} HTTP/1.1",
        "absolute-form with our host as user": b"POST http://x@app.example.com{target} HTTP/1.1",
        "absolute-form without a host": b"POST http://{target} HTTP/1.1",
        "absolute-form of no scheme": b"POST ://app.example.com{target} HTTP/1.1",
        "absolute-form of ftp": b"POST ftp://app.example.com{target} HTTP/1.1",
        "absolute-form of file": b"POST file:///etc/passwd HTTP/1.1",
        "a scheme behind a word": b"POST x/http://app.example.com{target} HTTP/1.1",
    },
)

# RFC 9112 §3.2: one Host, or 400; of an address, or 400. Links and allow-lists of virtual hosts are made of it.
HOSTS = changed(
    WITH_LENGTH,
    b"Host: app.example.com\r\n",
    {
        "no Host": b"",
        "an empty Host": b"Host:\r\n",
        "a blank Host": b"Host: \t \r\n",
        "two equal Hosts": b"Host: app.example.com\r\nHost: app.example.com\r\n",
        "two different Hosts": b"Host: app.example.com\r\nHost: evil.example\r\n",
        "two Hosts in two cases": b"Host: app.example.com\r\nhOST: evil.example\r\n",
        "Host with a blank": b"Host: app.example.com evil.example\r\n",
        "Host with a tab": b"Host: app.example.com\tevil.example\r\n",
        "Host with a slash": b"Host: app.example.com/evil\r\n",
        "Host with a backslash": b"Host: app.example.com\\evil\r\n",
        "Host with a question mark": b"Host: app.example.com?evil\r\n",
        "Host with a hash": b"Host: app.example.com#evil\r\n",
        "Host with a user": b"Host: app.example.com@evil.example\r\n",
        "Host with a comma": b"Host: app.example.com, evil.example\r\n",
        "Host with a semicolon": b"Host: app.example.com;evil.example\r\n",
        "Host with a scheme": b"Host: http://app.example.com\r\n",
        "Host with quotes": b'Host: "app.example.com"\r\n',
        "Host with angle brackets": b"Host: <script>\r\n",
        "Host with 0x01": b"Host: app.example.com\x01\r\n",
        "Host with NUL": b"Host: app.example.com\x00evil.example\r\n",
        "Host with a no-break space": b"Host: app.example.com\xa0\r\n",
        "Host with an accent": b"Host: \xe1pp.example.com\r\n",
        "Host with a broken escape": b"Host: app%zz.example.com\r\n",
        "Host with a port that is none": b"Host: app.example.com:x\r\n",
        "Host with two ports": b"Host: app.example.com:80:80\r\n",
        "Host with a signed port": b"Host: app.example.com:+80\r\n",
        "Host with a port over 65535": b"Host: app.example.com:65616\r\n",
        "Host with a port alone": b"Host: :80\r\n",
        "Host with an open bracket": b"Host: [::1\r\n",
        "Host with words behind a bracket": b"Host: [::1]evil.example\r\n",
        "Host with a bracket and no address": b"Host: [x]\r\n",
        "Host on the next line": b"Host:\r\n app.example.com\r\n",
    },
)

# RFC 9112 §5: a name that is a token, a colon, a value without controls. Our own names with `_` for `-` would be the
# same variable to any WSGI or CGI program behind or before us (RFC 3875 §4.1.18; CVE-2024-35190 and its kin).
FIELDS = changed(
    WITH_LENGTH,
    b"Content-Length: {length}\r\n",
    {
        f"field line, {tried}": line + b"\r\nContent-Length: {length}\r\n"
        for tried, line in {
            "continued behind a blank": b"X-Other: x\r\n y",
            "continued behind a tab": b"X-Other: x\r\n\ty",
            "continued with nothing": b"X-Other: x\r\n ",
            "blank before the colon": b"X-Other : x",
            "tab before the colon": b"X-Other\t: x",
            "blank before the name": b" X-Other: x",
            "no name": b": x",
            "no name and no value": b":",
            "no colon": b"X-Other",
            "a request line for a field": b"GET /api/auth/users?smuggled HTTP/1.1",
            "a blank in the name": b"X Other: x",
            "NUL in the name": b"X-Oth\x00er: x",
            "0x01 in the name": b"X-Oth\x01er: x",
            "DEL in the name": b"X-Oth\x7fer: x",
            "an accent in the name": b"X-Oth\xe9r: x",
            "sharp s in the name": b"Ho\xdf: x",
            "a parenthesis in the name": b"X-Other(): x",
            "a slash in the name": b"X/Other: x",
            "quotes in the name": b'"X-Other": x',
            "brackets in the name": b"X-Other[0]: x",
            "NUL in the value": b"X-Other: x\x00y",
            "0x01 in the value": b"X-Other: x\x01y",
            "backspace in the value": b"X-Other: x\x08y",
            "vertical tab in the value": b"X-Other: x\x0by",
            "form feed in the value": b"X-Other: x\x0cy",
            "ESC in the value": b"X-Other: x\x1b[2Jy",
            "0x1e in the value": b"X-Other: x\x1ey",
            "DEL in the value": b"X-Other: x\x7fy",
            "a second Content-Type": b"Content-Type: text/plain",
            "an expectation nobody knows": b"Expect: 200-ok",
            "an expectation and another": b"Expect: 100-continue, 200-ok",
            "Content_Length": b"Content_Length: {body and all}",
            "Content_Type": b"Content_Type: text/plain",
            "X_Forwarded_For": b"X_Forwarded_For: 203.0.113.9",
            "X_Forwarded-For": b"X_Forwarded-For: 203.0.113.9",
            "X_Forwarded_Host": b"X_Forwarded_Host: evil.example",
            "X_Forwarded_Proto": b"X_Forwarded_Proto: https",
            "X_Request_ID": b"X_Request_ID: evil",
            "Sec_Fetch_Site": b"Sec_Fetch_Site: same-origin",
            "User_Agent": b"User_Agent: evil",
        }.items()
    },
)

# RFC 9112 §7.1: hexadecimal digits, extensions that are tokens, CRLF, the data, CRLF. (CVE-2022-32214, CVE-2024-27982;
# Gutierrez, "Funky chunks", 2025: line ends inside of extensions and behind chunk data.)
CHUNKS = (
    changed(
        IN_CHUNKS,
        b"\r\n\r\n{size}\r\n",
        {
            f"chunk size {tried}": b"\r\n\r\n" + line
            for tried, line in {
                "with 0x": b"0x{size}\r\n",
                "with 0X": b"0X{size}\r\n",
                "with a plus": b"+{size}\r\n",
                "negative": b"-{size}\r\n",
                "with a blank before": b" {size}\r\n",
                "with a tab before": b"\t{size}\r\n",
                "with a blank behind": b"{size} \r\n",
                "with a tab behind": b"{size}\t\r\n",
                "with a blank inside": b"0 {size}\r\n",
                "with an underscore": b"0_{size}\r\n",
                "empty": b"\r\n",
                "empty with an extension": b";x=1\r\n",
                "with an h": b"{size}h\r\n",
                "with a g": b"g{size}\r\n",
                "with a fraction": b"{size}.0\r\n",
                "quoted": b'"{size}"\r\n',
                "with a comma": b"{size},{size}\r\n",
                "with NUL behind": b"{size}\x00\r\n",
                "with a vertical tab behind": b"{size}\x0b\r\n",
                "with a form feed before": b"\x0c{size}\r\n",
                "with a no-break space behind": b"{size}\xa0\r\n",
                "in superscript": b"\xb2\r\n",
                "in fullwidth digits": b"\xef\xbc\x95\r\n",
                "over 64 bits": b"10000000000000000{size}\r\n",
                "over 64 bits, the rest our size": b"f0000000000000000000000000000{size}\r\n",
                "of 100000 zeros": b"0" * 100_000 + b"{size}\r\n",
                "behind an empty line": b"\r\n{size}\r\n",
                "ended by a bare LF": b"{size}\n",
                "ended by a bare CR": b"{size}\r",
                "ended by CR CR LF": b"{size}\r\r\n",
                "with an extension that ends in a bare LF": b"{size};x\n\r\n",
                "with an extension that ends in a bare CR": b"{size};x\rx\r\n",
                "with a chunk hidden behind LF in its extension": b"{size};x\n0\n\nGET /\r\n",
                "with NUL in its extension": b"{size};x=\x00\r\n",
                "with 0x01 in its extension": b"{size};x=\x01\r\n",
                "with a quoted LF in its extension": b'{size};x="\n"\r\n',
                "with a quoted CR in its extension": b'{size};x="\r"\r\n',
                "with an open quote in its extension": b'{size};x="y\r\n',
                "with an extension of no name": b"{size};=x\r\n",
                "with an extension of two words": b"{size};x y\r\n",
                "with an extension of 100000 bytes": b"{size};" + b"x" * 100_000 + b"\r\n",
            }.items()
        },
    )
    | changed(
        IN_CHUNKS,
        b"{body}\r\n0\r\n",
        {
            "no line end behind the chunk": b"{body}0\r\n",
            "bare LF behind the chunk": b"{body}\n0\r\n",
            "bare CR behind the chunk": b"{body}\r0\r\n",
            "LF CR behind the chunk": b"{body}\n\r0\r\n",
            "two letters behind the chunk": b"{body}xx0\r\n",
            "one byte more than the chunk says": b"{body}x\r\n0\r\n",
            "an empty line behind the chunk": b"{body}\r\n\r\n0\r\n",
            "no last chunk": b"{body}\r\n",
            "a last chunk of minus zero": b"{body}\r\n-0\r\n",
            "a last chunk of 0x0": b"{body}\r\n0x0\r\n",
            "a last chunk ended by a bare LF": b"{body}\r\n0\n",
            "a last chunk ended by a bare CR": b"{body}\r\n0\r",
            "a second request for a chunk": b"{body}\r\n{smuggled}\r\n0\r\n",
        },
    )
    | {"one byte less than the chunk says": IN_CHUNKS.replace(b"{body}\r\n", b'{"alias": 1}\r\n')}
    | changed(
        IN_CHUNKS,
        b"\r\n0\r\n\r\n",
        {
            f"trailers, {tried}": b"\r\n0\r\n" + trailers
            for tried, trailers in {
                "ended by a bare LF": b"\n",
                "ended by a bare CR": b"\r",
                "a line ended by a bare LF": b"X-Other: x\n\r\n",
                "a line ended by a bare CR": b"X-Other: x\r\r\n",
                "a line without a colon": b"X-Other\r\n\r\n",
                "a line without a name": b": x\r\n\r\n",
                "blank before the colon": b"X-Other : x\r\n\r\n",
                "continued on the next line": b"X-Other: x\r\n y\r\n\r\n",
                "NUL in a value": b"X-Other: x\x00\r\n\r\n",
                "Content-Length": b"Content-Length: {all}\r\n\r\n",
                "Transfer-Encoding": b"Transfer-Encoding: chunked\r\n\r\n",
                "Host": b"Host: evil.example\r\n\r\n",
                "Authorization": b"Authorization: Bearer evil\r\n\r\n",
                "Trailer": b"Trailer: X-Other\r\n\r\n",
                "a request line": b"GET /api/auth/users?smuggled HTTP/1.1\r\n\r\n",
            }.items()
        },
    )
)

IN_THE_HEAD = {**LENGTHS, **BOTH, **TRANSFER_CODINGS, **LINE_ENDS, **REQUEST_LINES, **HOSTS, **FIELDS}
OVERSIZE = {
    "Content-Length over 64 bits",
    "Content-Length of 5000 digits",
    "chunk size over 64 bits",
    "chunk size over 64 bits, the rest our size",
    "chunk size of 100000 zeros",
    "chunk size with an extension of 100000 bytes",
}


def refusal_faults(
    conversation: Conversation, heard: list[Heard], *, statuses: frozenset[int] = REFUSED, may_have_begun: bool = False
) -> list[str]:
    """What is wrong with the way a request was refused; nothing, when it was refused as it should be.

    Args:
        conversation: What came back.
        heard: What the backend heard.
        statuses: Those that are as good as 400 here.
        may_have_begun: Whether the backend may have heard the beginning of a body that broke afterwards.
    """
    faults = []
    if len(conversation.answers) != 1 or conversation.answers[0].status not in statuses:
        faults.append(f"answered {conversation.statuses}")
    if conversation.rest:
        faults.append(f"sent what is no answer: {conversation.rest[:60]!r}")
    if not conversation.closed:
        faults.append("did not close the connection")
    faults += [fault for answer in conversation.answers[:1] for fault in _error_faults(answer.body, answer.fields)]
    allowed = [one for one in heard if may_have_begun and one.fault and "smuggled" not in one.target]
    if len(allowed) < len(heard) or len(allowed) > 1:
        faults.append(f"the backend heard {', '.join(map(str, heard))}")
    return faults


def _error_faults(body: bytes, fields: tuple[tuple[str, str], ...]) -> list[str]:
    """Every error has the one shape, whoever noticed it: pages read it, and tell ours from the backend's by it."""
    try:
        is_error = isinstance(json.loads(body)["error"], str)
    except (ValueError, KeyError, TypeError):
        is_error = False
    names = [name for name, _ in fields]
    return [] if is_error and "x-bff-error" in names else ["the error is not in our shape"]


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("tried", IN_THE_HEAD)
def test_a_head_with_two_readings_is_refused(server, backend, judge, way_in, tried):
    """Before anything of it is used; the rest of the connection is nobody's (RFC 9112 §11.2, CWE-444)."""
    backend.forget()

    conversation = talk(server.port, filled(IN_THE_HEAD[tried], WAYS_IN[way_in]))

    statuses = TOO_MUCH if tried in OVERSIZE else REFUSED
    judge({tried: refusal_faults(conversation, backend.heard(), statuses=statuses)})


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("tried", CHUNKS)
def test_a_body_with_two_readings_is_refused(server, backend, judge, way_in, tried):
    """The backend hears nothing of it, or where bodies stream, a beginning that it can see to be no more."""
    backend.forget()

    conversation = talk(server.port, filled(CHUNKS[tried], WAYS_IN[way_in]))

    statuses = TOO_MUCH if tried in OVERSIZE else REFUSED
    is_streamed = WAYS_IN[way_in] is STREAMED
    judge({tried: refusal_faults(conversation, backend.heard(), statuses=statuses, may_have_begun=is_streamed)})


UNREAD = {
    "an answer of the backend's": b"GET /api/vehicles",
    "an answer of ours": b"GET /healthz",
    "a sign-out": b"POST /api/auth/logout",
    "no such path": b"POST /api/nowhere",
    "no such method": b"POST /api/dashboard",
    "a path that is not allowed": b"POST /api/proxy/nowhere",
}


@pytest.mark.parametrize("line", UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize("tried", CHUNKS)
def test_a_body_that_nobody_reads_gets_no_answer_of_its_own(server, backend, judge, line, tried):
    """What is wrong with it shows once the request has been answered: a second answer would be the next request's."""
    backend.forget()
    request = filled(CHUNKS[tried].replace(b"POST {target}", line), TYPED)

    conversation = talk(server.port, request)

    faults = [] if len(conversation.answers) == 1 and not conversation.rest else [f"answered {conversation.statuses}"]
    faults += [] if conversation.closed else ["did not close the connection"]
    judge({tried: faults + [f"the backend heard {one}" for one in backend.heard() if "smuggled" in one.target]})


def ended(template: bytes) -> bytes:
    """The request alone: nothing behind it."""
    return filled(template, TYPED).removesuffix(SMUGGLED)


@pytest.mark.parametrize(
    ("tried", "line"),
    {
        "TRACE": b"TRACE /api/vehicles HTTP/1.1\r\nX-Secret: echoed",
        "TRACE through the proxy": b"TRACE /api/proxy/items HTTP/1.1\r\nX-Secret: echoed",
        "CONNECT with authority": b"CONNECT app.example.com:443 HTTP/1.1",
        "CONNECT with another authority": b"CONNECT 169.254.169.254:80 HTTP/1.1",
        "CONNECT with a path": b"CONNECT /api/vehicles HTTP/1.1",
        "CONNECT through the proxy": b"CONNECT /api/proxy/items HTTP/1.1",
        "PURGE": b"PURGE /api/vehicles HTTP/1.1",
        "DEBUG": b"DEBUG /api/vehicles HTTP/1.1",
        "TRACK": b"TRACK /api/vehicles HTTP/1.1",
    }.items(),
    ids=str,
)
def test_a_method_that_echoes_or_tunnels_is_refused(server, backend, judge, tried, line):
    """RFC 9110 §9.3.6, §9.3.8: neither is for an origin server that hands requests on."""
    backend.forget()

    conversation = talk(server.port, line + b"\r\nHost: app.example.com\r\nCookie: " + COOKIE + b"\r\n\r\n", enough=1)

    faults = [f"answered {conversation.statuses}"] if not {400, 405} >= set(conversation.statuses) else []
    faults += [f"the backend heard {one}" for one in backend.heard()]
    faults += ["echoed"] if b"echoed" in b"".join(answer.body for answer in conversation.answers) else []
    judge({tried: faults})


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n",
        b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
    ],
    ids=["h2c", "h2c and its settings not named", "h2c not named", "websocket", "TLS"],
)
def test_no_connection_is_upgraded(server, backend, judge, way_in, fields):
    """Through a tunnel nobody sees what is asked (Bishop Fox, "h2c smuggling", 2020)."""
    backend.forget()
    request = filled(WITH_LENGTH, WAYS_IN[way_in]).removesuffix(SMUGGLED)

    conversation = talk(server.port, request.replace(b"Content-Length", fields + b"Content-Length", 1), enough=1)

    heard = backend.heard()
    carried = [one for one in heard if {"upgrade", "http2-settings", "connection"} & one.names]
    refused_or_ignored = ([200], [400], [405])  # Werkzeug's router keeps its rules for WebSockets apart
    faults = [] if conversation.statuses in refused_or_ignored else [f"answered {conversation.statuses}"]
    judge({fields.decode(): faults + [f"the backend heard {one.fields}" for one in carried]})


@pytest.mark.parametrize(
    "connection",
    [b"close", b"Close", b"keep-alive, close", b"close, keep-alive", b"x\r\nConnection: close"],
    ids=["close", "Close", "keep-alive and close", "close and keep-alive", "close on the second line"],
)
def test_what_follows_a_closed_connection_is_not_answered(server, backend, judge, connection):
    """RFC 9112 §9.6: a server that reads `close` must not process another request."""
    backend.forget()
    request = filled(WITH_LENGTH, TYPED).replace(
        b"Content-Length", b"Connection: " + connection + b"\r\nContent-Length"
    )

    conversation = talk(server.port, request)

    as_it_should = (conversation.statuses, conversation.closed, [str(one) for one in backend.heard()])
    is_good = as_it_should == ([200], True, [TYPED.heard_as])
    judge({f"Connection: {connection.decode()}": [] if is_good else [f"{as_it_should}"]})


def test_the_rest_of_a_refused_request_is_not_answered(server, backend, judge):
    """Refused by the application this time, the body not read: it is read, or the connection closed."""
    backend.forget()
    unread = WITH_LENGTH.replace(b"POST {target}", b"POST /api/nowhere").replace(b"{length}", b"{body and all}")

    conversation = talk(server.port, filled(unread, TYPED), patience=0.5)

    is_good = conversation.statuses == [404] and not conversation.rest and backend.heard() == []
    judge({"a request in the body of a 404": [] if is_good else [f"{conversation} {backend.heard()}"]})


LEGAL = {
    "a length": WITH_LENGTH,
    "chunks": IN_CHUNKS,
    "Chunked in another case": IN_CHUNKS.replace(b": chunked", b": Chunked"),
    "names in another case": WITH_LENGTH.replace(b"Content-Length", b"content-LENGTH"),
    "blanks and tabs around values": WITH_LENGTH.replace(b"{length}", b"\t {length} \t"),
    "no blank before a value": WITH_LENGTH.replace(b": {length}", b":{length}"),
    "an empty line before": b"\r\n" + WITH_LENGTH,
    "a size in capitals with zeros before": IN_CHUNKS.replace(b"{size}", b"000{size}"),
    "two chunks": IN_CHUNKS.replace(b"{size}\r\n", b"1\r\n{\r\n{size}\r\n").replace(b"{size}\r\n{", b"{rest}\r\n{"),
    "an extension": IN_CHUNKS.replace(b"{size}", b"{size};name"),
    "an extension with a value": IN_CHUNKS.replace(b"{size}", b'{size} ; name = "a \\" value"'),
    "trailers": IN_CHUNKS.replace(b"\r\n0\r\n", b"\r\n0\r\nX-Checksum: 1\r\n"),
    "Expect: 100-continue": WITH_LENGTH.replace(b"Content-Length", b"Expect: 100-continue\r\nContent-Length"),
    "a Host with a port": WITH_LENGTH.replace(b"app.example.com", b"app.example.com:8443"),
    "a Host of IPv6": WITH_LENGTH.replace(b"app.example.com", b"[2001:db8::1]:8443"),
    "a field of latin-1": WITH_LENGTH.replace(b"Content-Length", b"X-Name: Jos\xe9\r\nContent-Length"),
}


@pytest.mark.parametrize("way_in", WAYS_IN)
@pytest.mark.parametrize("tried", LEGAL)
def test_a_legal_request_is_served_and_so_is_the_next(server, backend, judge, way_in, tried):
    """A service that refuses everything would pass all of the above."""
    backend.forget()
    template = LEGAL[tried].replace(b"{rest}\r\n{body}", b"%x\r\n%b" % (len(WAYS_IN[way_in].body) - 1, b"{rest of it}"))
    request = filled(template, WAYS_IN[way_in]).replace(b"{rest of it}", WAYS_IN[way_in].body[1:])

    conversation = talk(server.port, request)

    heard = [str(one) for one in backend.heard()]
    body_is_right = [one.body for one in backend.heard()][:1] == [WAYS_IN[way_in].body]
    statuses = [status for status in conversation.statuses if status != 100]
    is_good = statuses == [200, 200] and heard == [WAYS_IN[way_in].heard_as, "GET /api/auth/users?smuggled"]
    judge({tried: [] if is_good and body_is_right else [f"answered {conversation.statuses}, heard {heard}"]})


def test_absolute_form_of_our_own_host_is_served(server, backend):
    """RFC 9112 §3.2.2: "a server MUST accept the absolute-form in requests"."""
    backend.forget()
    request = ended(WITH_LENGTH.replace(b"POST {target}", b"POST http://app.example.com{target}"))

    conversation = talk(server.port, request, enough=1)

    assert (conversation.statuses, [str(one) for one in backend.heard()]) == ([200], [TYPED.heard_as])
