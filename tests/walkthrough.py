"""The README's console blocks, run against a live `make run`: each command must print what is printed below it.

`python -m tests.walkthrough`; an ellipsis stands for any text. Everything is run twice: the second time must work too.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.server import ROOT, free_port

README = ROOT / "README.md"
_SERVES_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class Step:
    """A command, and what it prints."""

    command: str
    output: str


def steps(markdown: str) -> list[Step]:
    """The `$ ` lines of the console blocks, with their continuation lines, and what follows each."""
    blocks = re.findall(r"^```console\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)
    prompts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    matches = [re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", prompt, re.DOTALL) for prompt in prompts]
    return [Step(match[1].strip(), match[2].strip()) for match in matches if match]


def is_printed(expected: str, printed: str) -> bool:
    """Whether `printed` is `expected`, where an ellipsis stands for any text."""
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def main() -> int:
    """Run every step twice; the exit status is the number of those that printed something else."""
    port = free_port()
    environ = {**os.environ, "PORT": str(port)}
    environ["API_BASE_URL"] = ""  # not set, whatever a developer's .env says
    server = subprocess.Popen(["make", "run"], cwd=ROOT, env=environ, start_new_session=True)
    try:
        _wait_until_it_serves(port)
        with tempfile.TemporaryDirectory() as folder:
            told = steps(README.read_text("utf-8"))
            return sum(not _holds(step, port, Path(folder)) for _ in range(2) for step in told)
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(timeout=30)


def _wait_until_it_serves(port: int) -> None:
    give_up = time.monotonic() + _SERVES_WITHIN_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/readyz", timeout=5).close()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return


def _holds(step: Step, port: int, folder: Path) -> bool:
    command = step.command.replace("localhost:8000", f"localhost:{port}")
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    holds = is_printed(step.output, done.stdout)
    print(f"{'ok  ' if holds else 'FAIL'} {step.command.splitlines()[0]}", flush=True)
    if not holds:
        print(f"expected: {step.output}\nprinted:  {done.stdout}{done.stderr}", file=sys.stderr, flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(main())
