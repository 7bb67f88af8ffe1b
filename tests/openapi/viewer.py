"""Swagger UI as it is vendored, beside the package it is from; `python -m tests.openapi.viewer VERSION` takes another.

Not a part of the suite, but of `make openapi`: it needs npm and its registry.
"""

import gzip
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from tests.server import ROOT

FOLDER = ROOT / "proxy/explorer/swagger_ui"
README = FOLDER / "README.md"
COMPRESSED = ("swagger-ui-bundle.js", "swagger-ui.css")
AS_THEY_ARE = ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt")


def vendored() -> str:
    """The version that the README names."""
    [version] = re.findall(r"^# Swagger UI ([0-9.]+)$", README.read_text("utf-8"), re.MULTILINE)
    return str(version)


def published(version: str) -> dict[str, bytes]:
    """The files of that release of `swagger-ui-dist`, by their names; npm has checked its integrity."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"swagger-ui-dist@{version}", "--silent", "--pack-destination", folder]
        subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=True)
        [archive] = Path(folder).iterdir()
        content = archive.read_bytes()
    with tarfile.open(fileobj=BytesIO(content)) as package:
        opened = {name: package.extractfile(f"package/{name}") for name in (*COMPRESSED, *AS_THEY_ARE)}
        return {name: file.read() for name, file in opened.items() if file}


def test_what_is_vendored_is_the_package():
    """Byte for byte."""
    package = published(vendored())

    ours = {name: gzip.decompress((FOLDER / f"{name}.gz").read_bytes()) for name in COMPRESSED}
    ours |= {name: (FOLDER / name).read_bytes() for name in AS_THEY_ARE}

    assert ours == package


def take(version: str) -> None:
    """Put that release into the place of the one that is there, and its name and hashes into the README."""
    package = published(version)
    text = re.sub(r"^# Swagger UI .*$", f"# Swagger UI {version}", README.read_text("utf-8"), flags=re.MULTILINE)
    for name in COMPRESSED:
        (FOLDER / f"{name}.gz").write_bytes(gzip.compress(package[name], mtime=0))
        digest = hashlib.sha256(package[name]).hexdigest()
        text = re.sub(rf"^\| {re.escape(name)} \| .*$", f"| {name} | {digest} |", text, flags=re.MULTILINE)
    for name in AS_THEY_ARE:
        (FOLDER / name).write_bytes(package[name])
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    take(sys.argv[1])
