"""The documentation as a site: the pages gathered into var/docs, and var/site built of them, without a network.

`make docs` runs it, by the Python of .venv/docs. Pages are written for who reads them in the
repository: here a link to another page becomes one to its place in the site, and a link to anything else in the
repository becomes its path. A link that leads nowhere ends the build.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent.parent
GATHERED = ROOT / "var/docs"
CONFIGURED = ROOT / "var/mkdocs.yml"

_FENCE = re.compile(r"^( *```.*?^ *```[ \t]*$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")


def pages() -> dict[Path, Path]:
    """Every page: where it is in the repository, and where in the site; both relative."""
    found = {path: path.relative_to("docs") for path in _files("docs/**/*.md")}
    found |= {path: path for path in map(Path, ("CONTRIBUTING.md", "CHANGELOG.md", "bench/RESULTS.md"))}
    found |= {Path("README.md"): Path("PROJECT.md"), Path("examples/README.md"): Path("examples/index.md")}
    return found | {path: Path(f"examples/{path.parent.name}.md") for path in _files("examples/*/README.md")}


def _files(pattern: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in ROOT.glob(pattern) if "node_modules" not in path.parts)


def moved(text: str, page: Path, places: dict[Path, Path]) -> str:
    """The text of a page, its links as they are in the site.

    Raises:
        LookupError: A link to a file that is not there.
    """
    parts = _FENCE.split(text)  # every other part is code
    parts[::2] = [_LINK.sub(lambda link: _moved_link(link, page, places), part) for part in parts[::2]]
    return "".join(parts)


def _moved_link(link: re.Match[str], page: Path, places: dict[Path, Path]) -> str:
    mark, text, target = link.groups()
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:", target) or not path:
        return link[0]
    to = Path(os.path.normpath(page.parent / path))
    if not (ROOT / to).exists():
        raise LookupError(f"{page}: {target} leads nowhere")
    to = to / "README.md" if to / "README.md" in places else to
    if to in places or mark:
        place = os.path.relpath(places.get(to, to.relative_to("docs") if mark else to), places[page].parent)
        return f"{mark}[{text}]({place}{'#' + anchor if anchor else ''})"
    name = str(to)
    return text if name in text else f"{text} (`{name}`)"


def gather() -> None:
    """Make var/docs anew, and the configuration with the decisions in its navigation."""
    places = pages()
    shutil.rmtree(GATHERED, ignore_errors=True)
    for page, place in places.items():
        target = GATHERED / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(moved((ROOT / page).read_text("utf-8"), page, places), "utf-8")
    shutil.copytree(ROOT / "docs/img", GATHERED / "img")
    told = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    [explained] = [section["Explanation"] for section in told["nav"] if "Explanation" in section]
    explained[-1] = {"Decisions": [str(place) for place in places.values() if place.parent.name == "decisions"]}
    told |= {"docs_dir": "docs", "site_dir": "site"}
    CONFIGURED.write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), "utf-8")


def main() -> int:
    """Gather, and build; the exit status."""
    gather()
    program = Path(sys.executable).with_name("zensical")
    shutil.rmtree(ROOT / "var/site", ignore_errors=True)
    return subprocess.run([program, "build", "--clean", "--strict", "-f", CONFIGURED], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
