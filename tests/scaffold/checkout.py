"""A copy of what a group is written into, so that the commands can be tried as a team would."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.server import ROOT

_FOLDERS = ("proxy", "sandbox", "scaffold", "checks")
_TESTS = ("__init__.py", "backend.py", "conftest.py", "proxy/__init__.py", "proxy/test_openapi.py", "proxy/api")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "swagger_ui", "vendor")


@dataclass(frozen=True)
class Checkout:
    """The service, its command and the tests that hold routes and document together, in a folder of their own."""

    root: Path

    @classmethod
    def into(cls, root: Path) -> "Checkout":
        """Copy it."""
        for path in (*ROOT.glob("*.py"), ROOT / "pyproject.toml", ROOT / ".flaskenv"):
            shutil.copy2(path, root)
        for name in _FOLDERS:
            shutil.copytree(ROOT / name, root / name, ignore=_NOT_COPIED)
        for name in _TESTS:
            (root / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / "tests" / name).is_dir():
                shutil.copytree(ROOT / "tests" / name, root / "tests" / name, ignore=_NOT_COPIED)
            else:
                shutil.copy2(ROOT / "tests" / name, root / "tests" / name)
        return cls(root)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a module of Python's there: `scaffold new-group …`, `pytest …`."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def texts(self) -> dict[str, str]:
        """Every file that a command may touch, by its path."""
        folders = ("proxy/api", "tests/proxy/api")
        paths = [path for name in folders for path in (self.root / name).glob("*") if path.suffix in {".py", ".yaml"}]
        return {str(path.relative_to(self.root)): path.read_text("utf-8") for path in paths}
