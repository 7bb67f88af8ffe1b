"""An audit that never finds anything is worth nothing: what it must find, and what it must not."""

from email.message import Message
from urllib.error import HTTPError, URLError

import pytest

from tests import audit

HASH = "--hash=sha256:" + "0" * 64
OTHER = "--hash=sha256:" + "1" * 64
ADVISORY = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["1.1"], "withdrawn": None}


def test_a_lock_is_read():
    """As uv writes one: continued lines, markers, comments."""
    text = f"""# by uv
deprecated==1.3.1 ; python_full_version < '3.12' \\
    {HASH} \\
    {OTHER}
    # via limits
flask==3.1.3 {HASH}
"""
    lock = audit.read_lock(text)

    assert {name: (locked.version, len(locked.hashes)) for name, locked in lock.items()} == {
        "deprecated": ("1.3.1", 2),
        "flask": ("3.1.3", 1),
    }


@pytest.mark.parametrize(
    "line",
    [
        "flask==3.1.3",
        f"flask>=3.1.3 {HASH}",
        f"flask {HASH}",
        "flask==3.1.3 --hash=md5:0123456789abcdef0123456789abcdef",
        f"flask @ https://example.org/flask.whl {HASH}",
        "--index-url https://example.org/simple",
        "--extra-index-url=https://example.org/simple",
        "--find-links wheels",
        "--trusted-host example.org",
        "-r others.txt",
        "-e .",
        "./wheels/flask.whl",
    ],
)
def test_a_line_that_locks_nothing_is_refused(line):
    """Nor may a file that users install from send them to another index."""
    with pytest.raises(ValueError, match="not locked by version and sha256"):
        audit.read_lock(line)


def test_a_release_is_locked_once():
    """Two machines must not get two versions."""
    with pytest.raises(ValueError, match="twice"):
        audit.read_lock(f"flask==3.1.3 {HASH}\nflask==3.1.2 {HASH}")


@pytest.mark.parametrize("line", ["Flask", "Flask>=3", "Flask==3.*", "--index-url https://example.org", "-r a.in"])
def test_a_pin_names_one_version(line):
    """The comment behind it is no part of it."""
    assert audit.read_pins("Flask_Limiter==4.1.1  # attempts per client") == {"flask-limiter": "4.1.1"}
    with pytest.raises(ValueError, match="not pinned by version"):
        audit.read_pins(line)


def test_a_pin_that_was_raised_alone_is_found():
    """Someone forgot `make lock`."""
    lock = audit.read_lock(f"flask==3.1.3 {HASH}\nrequests==2.34.2 {HASH}")

    found = list(audit.unlike_its_pins(lock, {"flask": "3.1.4", "requests": "2.34.2", "redis": "7.4.1"}))

    assert found == [
        "flask 3.1.4 is asked for, and not locked: make lock",
        "redis 7.4.1 is asked for, and not locked: make lock",
    ]


@pytest.mark.parametrize("line", [f"flask==3.1.2 {HASH}", f"flask==3.1.3 {OTHER}", f"requests==2.34.2 {HASH}"])
def test_tests_run_on_what_the_service_runs_on(line):
    """By version, and by file."""
    service = audit.read_lock(f"flask==3.1.3 {HASH}")

    assert list(audit.apart(service, audit.read_lock(line))) == ["flask is another in requirements-dev.txt: make lock"]
    assert list(audit.apart(service, audit.read_lock(f"flask==3.1.3 {HASH}\npytest==9.2.0 {OTHER}"))) == []


def test_what_is_not_installed_as_locked_is_found():
    """What is for another system is not looked for."""
    elsewhere = f"colorama==1 ; sys_platform == 'win32' {HASH}"
    lock = audit.read_lock(f"flask==0.1 {HASH}\nno-such-package==1 {HASH}\n{elsewhere}")

    found = list(audit.misinstalled(lock))

    assert found[0].startswith("flask 0.1 is locked, 3.")
    assert found[1:] == ["no-such-package 1 is locked, none is installed: make install-dev"]


@pytest.mark.parametrize("others", ["", f"markupsafe==1.0 {HASH}"])
def test_a_need_that_is_not_locked_is_found(others):
    """Or locked at a version that will not do."""
    lock = audit.read_lock(f"jinja2==3.1.6 {HASH}\n{others}")

    assert list(audit.unmet(lock)) == ["jinja2 needs MarkupSafe>=2.0, which is not locked"]


def test_what_nothing_needs_is_found():
    """Left behind when what needed it went."""
    lock = audit.read_lock(f"jinja2==3.1.6 {HASH}\nmarkupsafe==3.0.4 {HASH}\nidna==3.20 {HASH}")

    assert list(audit.unneeded(lock, {"jinja2": "3.1.6"})) == ["idna is locked, and nothing needs it"]


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"License-Expression": "MIT"}, set()),
        ({"License-Expression": "Apache-2.0 OR (MIT AND BSD-3-Clause)"}, set()),
        ({"License-Expression": "MIT AND GPL-3.0-or-later"}, {"GPL-3.0-or-later"}),
        ({"License-Expression": "LGPL-2.1-only", "License": "MIT"}, {"LGPL-2.1-only"}),
        ({"Classifier": "License :: OSI Approved :: BSD License", "License": "see LICENSE"}, set()),
        ({"Classifier": "License :: Other/Proprietary License"}, {"Other/Proprietary License"}),
        ({"Classifier": "Framework :: Flask", "License": "MIT"}, set()),
        ({"License": "GPLv3"}, {"GPLv3"}),
        ({}, {"none named"}),
    ],
)
def test_a_licence_is_one_of_our_list(fields, unknown):
    """None named is no permission."""
    about = Message()
    for name, value in fields.items():
        about[name] = value

    assert audit.licences(about) - audit.LICENCES == unknown  # type: ignore[arg-type]


def test_a_node_package_without_a_hash_or_from_elsewhere_is_found():
    """The entry without a name is the project itself."""
    integrity = "sha512-" + "A" * 86 + "=="

    found = audit.loose_in_node(
        {
            "": {"name": "ours"},
            "node_modules/sound": {"integrity": integrity},
            "node_modules/loose": {},
            "node_modules/weak": {"integrity": "sha1-AAAA"},
            "node_modules/strange": {"integrity": integrity, "resolved": "git+ssh://example.org/strange.git"},
        }
    )

    assert list(found) == [
        "node_modules/loose has no integrity",
        "node_modules/weak has no integrity",
        "node_modules/strange comes from git+ssh://example.org/strange.git",
    ]


def page(version: str, *advisories: object, **info: object) -> dict[str, object]:
    return {"info": {"version": version, **info}, "vulnerabilities": list(advisories)}


def pypi(**pages: object):
    """PyPI with these pages; `/` is written `_`."""

    def ask(path):
        if path.replace("/", "_") not in pages:
            raise HTTPError(path, 404, "Not Found", Message(), None)
        return pages[path.replace("/", "_")]

    return ask


def test_an_advisory_is_found_once():
    """Each database has its own name for it."""
    twin = {"id": "GHSA-1", "aliases": ["CVE-1", "PYSEC-1"], "fixed_in": ["1.1"], "withdrawn": None}

    found = audit.known_to_pypi("flask", "1", pypi(flask_1=page("1", ADVISORY, twin)))

    assert found == ["flask 1: CVE-1, PYSEC-1; fixed in 1.1"]


def test_a_withdrawn_advisory_is_none():
    """It does not hide its twin either, that says the same and stands."""
    withdrawn = ADVISORY | {"id": "GHSA-1", "withdrawn": "2026-01-01T00:00:00Z"}

    assert audit.known_to_pypi("flask", "1", pypi(flask_1=page("1", withdrawn))) == []
    assert audit.known_to_pypi("flask", "1", pypi(flask_1=page("1", withdrawn, ADVISORY))) == [
        "flask 1: CVE-1, PYSEC-1; fixed in 1.1"
    ]


def test_a_yanked_release_is_found():
    """Its own authors say not to use it."""
    found = audit.known_to_pypi("flask", "1", pypi(flask_1=page("1", yanked=True, yanked_reason="broken")))

    assert found == ["flask 1: yanked, broken"]


def test_the_page_of_a_project_tells_of_its_newest_release_alone():
    """No page of the release: silence about it is not "nothing known"."""
    index = pypi(flask=page("2", ADVISORY))

    assert audit.known_to_pypi("flask", "2", index) == ["flask 2: CVE-1, PYSEC-1; fixed in 1.1"]
    assert audit.known_to_pypi("flask", "1", index) is None
    assert audit.known_to_pypi("requests", "1", index) is None


def test_what_was_not_looked_up_is_said():
    """One line, and no failure: offline nothing is known, which is not the same as nothing found."""
    lock = audit.read_lock(f"flask==1 {HASH}\nredis==2 {HASH}")

    def offline(path):
        raise URLError("no network")

    assert audit.advisories(lock, offline) == ([], "advisories: PyPI could not be asked, so none were looked up")
    assert audit.advisories(lock, pypi(flask_1=page("1", ADVISORY))) == (
        ["flask 1: CVE-1, PYSEC-1; fixed in 1.1"],
        "advisories: 1 of 2 releases looked up; PyPI does not say of redis 2",
    )
