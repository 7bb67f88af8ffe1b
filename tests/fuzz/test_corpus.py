"""Every input that the fuzzer keeps, called again without it."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_an_input_breaks_no_promise(file):
    """What was found once stays found, on every machine."""
    TARGETS[file.parent.name](file.read_bytes())


def test_every_target_has_its_inputs():
    """The fuzzer takes its targets from the folders."""
    assert {file.parent.name for file in FILES} == set(TARGETS)


def test_the_corpus_is_small():
    """`tests.fuzz.run` minimises what it finds; more than this, and somebody added what adds nothing."""
    counts = [sum(file.parent.name == name for file in FILES) for name in TARGETS]

    assert max(counts) <= 60
    assert sum(file.stat().st_size for file in FILES) < 300_000
