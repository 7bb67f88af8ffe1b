"""The stage of every attack, and the count: what was tried, and what got through."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.attack.recorder import Recorder
from tests.attack.stage import production, serve
from tests.server import Server

HERE = Path(__file__).parent
Verdicts = Mapping[str, Sequence[str]]


@pytest.fixture(scope="session")
def backend() -> Iterator[Recorder]:
    """A backend that says yes to everything, so that whatever gets through is heard."""
    with Recorder() as backend:
        yield backend


@pytest.fixture(scope="session")
def server(backend: Recorder) -> Iterator[Server]:
    """The service in production, with nobody in front of it; `items` may be reached through `/api/proxy`."""
    with serve(production(backend.url, PROXY_ALLOW="items, items/*")) as server:
        yield server


@pytest.fixture
def judge(record_property: Callable[[str, object], None]) -> Callable[[Verdicts], None]:
    """Takes what was tried, in words, each with its faults; fails with those that have one, and keeps the count."""

    def judge(verdicts: Verdicts) -> None:
        through = {tried: faults for tried, faults in verdicts.items() if faults}
        record_property("tried", len(verdicts))
        record_property("through", len(through))
        said = [f"{tried}: {'; '.join(faults)}" for tried, faults in through.items()]
        if said:
            pytest.fail("\n".join(said), pytrace=False)

    return judge


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add a line for each file of this folder that was run. A test that broke before its judgement counts as one."""
    tried: Counter[str] = Counter()
    through: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            file = Path(report.nodeid.partition("::")[0])
            if not Path(terminalreporter.config.rootpath, file).is_relative_to(HERE):
                continue
            counted = dict(getattr(report, "user_properties", ()))
            tried[file.stem] += counted.get("tried", 1)
            through[file.stem] += counted.get("through", int(outcome != "passed"))
    for name, count in tried.items():
        terminalreporter.write_line(f"{name}: {count} tried, {through[name]} got through")
