"""`python -m tests.fuzz.run [seconds]`: each target in turn under libFuzzer, guided by the coverage of the service.

It needs atheris beside requirements.txt (see RESULTS.md). What it finds is merged into `corpus/<target>/`, minimised:
the files with names of their own stay, of the others those that reach anything more. An input that breaks a promise
stays there too, as `crash-…`, and fails `test_corpus.py`; once it is dealt with, give it a name that says what it was.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CORPUS = Path(__file__).parent / "corpus"
SECONDS = 60
# The oracles too: they go through an input by the character, where the service asks one regular expression.
INSTRUMENTED = ["proxy", "setting_types", "raw_path", "tests.fuzz.oracles"]
MOST_FILES = 60  # for a target, see test_corpus.py
LIMITS = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]  # seconds for one input, MiB
_FOUND = re.compile(r"[0-9a-f]{40}")  # libFuzzer names an input by its SHA-1
_BROKE = ("crash-", "timeout-", "oom-", "slow-unit-")  # …, and so one that breaks a promise


def main(arguments: list[str]) -> int:
    """Fuzz all targets for so many seconds together; or, called by itself, one target with libFuzzer's arguments."""
    if arguments and not arguments[0].isdigit():
        fuzz_here(*arguments)
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is needed: see tests/fuzz/RESULTS.md")
    names = sorted(folder.name for folder in CORPUS.iterdir())
    seconds = max(1, int(arguments[0] if arguments else SECONDS) // len(names))
    print("| target | seconds | executions | edges | features | new in the corpus | files | crashes |", flush=True)
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    return 1 if sum([fuzz(name, seconds) for name in names]) else 0


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one target, print its row, and give the number of its crashes."""
    corpus = CORPUS / name
    before = set(corpus.iterdir())
    with tempfile.TemporaryDirectory() as found:
        output = libfuzzer(name, f"-max_total_time={seconds}", f"-artifact_prefix={corpus}/", found, str(corpus))
        executions = re.findall(r"number_of_executed_units: *(\d+)", output)
        if executions:
            minimise(name, Path(found))
    crashes = {file for file in corpus.iterdir() if file.name.startswith(_BROKE)}
    new = set(corpus.iterdir()) - before - crashes
    edges, features = (re.findall(r"cov: (\d+) ft: (\d+)", output) or [("?", "?")])[-1]
    row = (name, seconds, "".join(executions), edges, features, len(new), len(list(corpus.iterdir())), len(crashes))
    print("|", " | ".join(map(str, row)), "|", flush=True)
    if crashes or not executions:
        print(output, file=sys.stderr)
    return max(len(crashes), 0 if executions else 1)


def minimise(name: str, found: Path) -> None:
    """Of all found inputs, now and before, keep as few as reach as much (libFuzzer's merge, by greedy set cover)."""
    corpus = CORPUS / name
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder)
        for file in corpus.iterdir():
            if _FOUND.fullmatch(file.name):
                shutil.move(file, found)
            elif not file.name.startswith(_BROKE):
                shutil.copy(file, kept)
        libfuzzer(name, "-set_cover_merge=1", f"-artifact_prefix={found}/", folder, str(found))
        smallest = sorted(
            kept.iterdir(), key=lambda file: (_FOUND.fullmatch(file.name) is not None, file.stat().st_size)
        )
        for file in smallest[:MOST_FILES]:
            shutil.copy(file, corpus)


def libfuzzer(name: str, *arguments: str) -> str:
    """Run it in a process of its own, for it ends the one it runs in; what it says."""
    command = [sys.executable, "-m", "tests.fuzz.run", name, "-print_final_stats=1", *LIMITS, *arguments]
    return subprocess.run(
        command, cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    ).stdout


def fuzz_here(name: str, *arguments: str) -> None:
    """Hand this process to libFuzzer; to merge, it calls itself by the first argument, through a shell."""
    atheris = importlib.import_module("atheris")  # not in requirements-dev.txt: few systems have it
    with atheris.instrument_imports(include=INSTRUMENTED):
        targets = importlib.import_module("tests.fuzz.targets")
    atheris.Setup([f"{sys.executable} -m tests.fuzz.run {name}", *arguments], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
