"""`make audit`: what is locked is needed, installed as locked, under licences we take, and without a known advisory.

All but the advisories is read from files here; the suite asks for it too. Advisories are PyPI's: where it cannot be
asked, or does not know a release, that is said, and is no failure.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# The middle two each hold all of the first, the last holds all.
LOCKS = ("requirements.txt", "requirements-otel.txt", "requirements-gevent.txt", "requirements-dev.txt")
NODE_LOCKS = sorted(path for path in ROOT.glob("*/*/package-lock.json") if "node_modules" not in path.parts)

# As SPDX has them, and as the older classifiers do. The GPL's family is not among them: a decision, not an oversight.
LICENCES = frozenset("0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause ISC MIT MIT-0 MPL-2.0 PSF-2.0 ZPL-2.1".split()) | {
    "Apache Software License",
    "BSD License",
    "3-Clause BSD License",
    "MIT License",
    "Mozilla Public License 2.0 (MPL 2.0)",
}

# An advisory's id, and why it does not touch us.
ACCEPTED: dict[str, str] = {}

_LOCKED = re.compile(r"([a-z0-9-]+==[0-9a-z.]+(?: ; .+?)?)((?: --hash=sha256:[0-9a-f]{64})+)")
_PINNED = re.compile(r"([A-Za-z0-9_.-]+)==([0-9a-z.]+)")
_ASKED_AT_ONCE = 8
_SECONDS_PER_QUESTION = 5
_SECONDS_IN_ALL = 20


@dataclass(frozen=True)
class Locked:
    """One release, and what its files may be."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        [specifier] = self.requirement.specifier
        return specifier.version

    @property
    def is_for_here(self) -> bool:
        """Whether this Python, on this system, needs it."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


Lock = dict[str, Locked]
Ask = Callable[[str], dict[str, Any]]


def _lines(text: str) -> list[str]:
    """Without comments, continued lines joined, blanks made one."""
    joined = re.sub(r"(^|\s)#.*", "", text).replace("\\\n", " ")
    return [" ".join(line.split()) for line in joined.splitlines() if line.strip()]


def read_lock(text: str) -> Lock:
    """The releases of a requirements file, each once, by name.

    Raises:
        ValueError: A line that is anything else than a name, a version, and hashes: an option, an index, an address.
    """
    lock: Lock = {}
    for line in _lines(text):
        match = _LOCKED.fullmatch(line)
        if not match:
            raise ValueError(f"not locked by version and sha256: {line}")
        requirement = Requirement(match[1])
        if requirement.name in lock:
            raise ValueError(f"locked twice: {requirement.name}")
        lock[requirement.name] = Locked(requirement, frozenset(match[2].split()))
    return lock


def read_pins(text: str) -> dict[str, str]:
    """The direct dependencies: name, and version.

    Raises:
        ValueError: A line that is no pin, and no file of ours.
    """
    lines = [
        line
        for line in _lines(text)
        if not re.fullmatch(r"-r requirements(-otel|-gevent)?\.in|-c requirements(-otel|-gevent)?\.txt", line)
    ]
    for line in lines:
        if not _PINNED.fullmatch(line):
            raise ValueError(f"not pinned by version: {line}")
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def unlike_its_pins(lock: Lock, pins: dict[str, str]) -> Iterator[str]:
    """A direct dependency that the lock does not have, or at another version: `make lock` was forgotten."""
    for name, version in pins.items():
        if name not in lock or lock[name].version != version:
            yield f"{name} {version} is asked for, and not locked: make lock"


def apart(service: Lock, everything: Lock) -> Iterator[str]:
    """What the service runs on, and tests do not."""
    for name, locked in service.items():
        if everything.get(name) != locked:
            yield f"{name} is another in requirements-dev.txt: make lock"


def misinstalled(lock: Lock) -> Iterator[str]:
    """What is not here, or not at the version locked."""
    here = {str(canonicalize_name(each.name)): each.version for each in metadata.distributions()}
    for name, locked in lock.items():
        if locked.is_for_here and here.get(name) != locked.version:
            yield f"{name} {locked.version} is locked, {here.get(name, 'none')} is installed: make install-dev"


def needs(name: str) -> list[Requirement]:
    """What an installed package needs without its extras, here or elsewhere."""
    requirements = map(Requirement, metadata.requires(name) or [])
    return [each for each in requirements if "extra" not in str(each.marker)]


def unmet(lock: Lock) -> Iterator[str]:
    """What a locked package needs, and the lock does not have, or not at a version it takes."""
    for name in [name for name, locked in lock.items() if locked.is_for_here]:
        for need in needs(name):
            found = lock.get(canonicalize_name(need.name))
            if (need.marker is None or need.marker.evaluate()) and not (
                found and need.specifier.contains(found.version, prereleases=True)
            ):
                yield f"{name} needs {need}, which is not locked"


def unneeded(lock: Lock, pins: dict[str, str]) -> Iterator[str]:
    """What no direct dependency leads to."""
    reached: set[str] = set()
    ahead = set(pins)
    while ahead:
        reached |= ahead
        known = [name for name in ahead if name in lock and lock[name].is_for_here]
        ahead = {str(canonicalize_name(need.name)) for name in known for need in needs(name)} - reached
    for name in sorted(lock.keys() - reached):
        yield f"{name} is locked, and nothing needs it"


def licences(about: metadata.PackageMetadata) -> set[str]:
    """As a package's own metadata names them, the newest kind of field first."""
    if "License-Expression" in about:
        return set(re.findall(r"[^\s()]+", about["License-Expression"])) - {"AND", "OR"}
    named = {each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or [] if each.startswith("License ::")}
    return named or set(about.get_all("License") or ["none named"])


def unlicensed(lock: Lock) -> Iterator[str]:
    """What comes under a licence that is not in our list."""
    for name in [name for name, locked in lock.items() if locked.is_for_here]:
        for licence in sorted(licences(metadata.metadata(name)) - LICENCES):
            yield f"{name}'s licence is not one we take: {licence}"


def loose_in_node(packages: dict[str, Any]) -> Iterator[str]:
    """What a package-lock.json has without a hash, or from an address: npm is to ask wherever it is set up to."""
    for name, package in packages.items():
        if name and not re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package.get("integrity", "")):
            yield f"{name} has no integrity"
        if "resolved" in package:
            yield f"{name} comes from {package['resolved']}"


def soundness() -> Iterator[str]:
    """All that files here can tell; when packages are missing that alone, for the rest is read from theirs.

    Raises:
        ValueError: A requirements file that is no lock, or no list of pins.
    """
    service, traced, green, everything = map(read_lock, _texts(*LOCKS))
    direct, of_traces, of_gevent, of_tests = map(read_pins, _texts(*(name.replace(".txt", ".in") for name in LOCKS)))
    missing = list(misinstalled(everything | service))
    if missing:
        yield from missing
        return
    pins_of = (
        (service, direct),
        (traced, direct | of_traces),
        (green, direct | of_gevent),
        (everything, direct | of_traces | of_gevent | of_tests),
    )
    for lock, pins in pins_of:
        yield from unlike_its_pins(lock, pins)
        yield from unneeded(lock, pins)
        yield from unmet(lock)
    yield from apart(service, everything)
    yield from apart(traced, everything)
    yield from apart(green, everything)
    yield from unlicensed(everything)
    for path in NODE_LOCKS:
        yield from (f"{path.relative_to(ROOT)}: {found}" for found in loose_in_node(_packages(path)))


def _texts(*names: str) -> list[str]:
    return [(ROOT / name).read_text("utf-8") for name in names]


def _packages(path: Path) -> dict[str, Any]:
    packages: dict[str, Any] = json.loads(path.read_text("utf-8"))["packages"]
    return packages


def ask_pypi(path: str) -> dict[str, Any]:
    """The JSON page of a release (`name/version`), or of a project and its newest release (`name`).

    Raises:
        OSError: No answer in time, or one that says no (HTTPError).
    """
    with urlopen(f"https://pypi.org/pypi/{path}/json", timeout=_SECONDS_PER_QUESTION) as response:
        page: dict[str, Any] = json.load(response)
        return page


def known_to_pypi(name: str, version: str, ask: Ask = ask_pypi) -> list[str] | None:
    """What speaks against a release; None where PyPI does not say.

    An index may have the pages of projects alone: that tells of a release which is its project's newest.

    Raises:
        OSError: PyPI cannot be asked.
    """
    for path in (f"{name}/{version}", name):
        try:
            page = ask(path)
        except HTTPError:
            continue
        if page["info"]["version"] == version and "vulnerabilities" in page:
            return [f"{name} {version}: {found}" for found in _against(page)]
    return None


def _against(page: dict[str, Any]) -> Iterator[str]:
    if page["info"].get("yanked"):
        yield f"yanked, {page['info'].get('yanked_reason') or 'no reason given'}"
    told: set[str] = set()
    for advisory in [each for each in page["vulnerabilities"] if not each.get("withdrawn")]:
        names = {advisory["id"], *advisory["aliases"]}
        if not names & (told | ACCEPTED.keys()):
            yield f"{', '.join(sorted(names))}; fixed in {', '.join(advisory['fixed_in']) or 'no release'}"
        told |= names


def advisories(lock: Lock, ask: Ask = ask_pypi) -> tuple[list[str], str]:
    """What PyPI knows against the releases locked, and one line that says how far it could be asked."""
    pool = ThreadPoolExecutor(_ASKED_AT_ONCE)
    named = {f"{name} {each.version}": (name, each.version, ask) for name, each in lock.items()}
    asked = {pool.submit(known_to_pypi, *question): release for release, question in named.items()}
    answered = wait(asked, _SECONDS_IN_ALL).done
    pool.shutdown(wait=False, cancel_futures=True)
    answers = {asked[each]: each.result() for each in answered if not each.exception()}
    found = [finding for answer in answers.values() for finding in answer or []]
    unknown = sorted(name for name in asked.values() if answers.get(name) is None)
    if len(unknown) == len(lock):
        return found, "advisories: PyPI could not be asked, so none were looked up"
    left = f"; PyPI does not say of {', '.join(unknown)}" if unknown else ""
    return found, f"advisories: {len(lock) - len(unknown)} of {len(lock)} releases looked up{left}"


def main() -> None:
    """Everything, in a few lines; exit 1 with what was found.

    Raises:
        SystemExit: Something was.
    """
    try:
        findings = list(soundness())
        service, _, _, everything = map(read_lock, _texts(*LOCKS))
    except ValueError as error:
        sys.exit(str(error))
    print(f"locks: {len(service)} releases for the service, {len(everything)} with tests and checks, each with hashes")
    print(f"npm: {sum(len(_packages(path)) - 1 for path in NODE_LOCKS)} packages in {len(NODE_LOCKS)} locks")
    against, told = advisories(everything)
    print(told, flush=True)
    if findings + against:
        sys.exit("\n".join(dict.fromkeys(findings + against)))
    print("nothing found")


if __name__ == "__main__":
    main()
