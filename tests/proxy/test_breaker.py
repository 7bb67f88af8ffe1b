"""When the backend is not asked, and when a request is not sent again; time is what the test says it is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from proxy.breaker import Breaker, RetryBudget, State
from proxy.errors import BackendDown

PAUSE = 0.5


@dataclass
class Clock:
    """Stands still until it is set."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A breaker that opens after three failures in a row, and what it has told."""

    failures: int = 3
    clock: Clock = field(default_factory=Clock)
    told: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.failures, PAUSE, self.clock, self.told.append)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def breaker(watched: Watched) -> Breaker:
    return watched.breaker


@pytest.fixture
def clock(watched: Watched) -> Clock:
    return watched.clock


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def tries(breaker: Breaker) -> bool:
    """Whether it admits a request, which fails then."""
    if not admits(breaker):
        return False
    breaker.failed()
    return True


def admits(breaker: Breaker) -> bool:
    try:
        breaker.admit()
    except BackendDown:
        return False
    return True


# Closed


def test_it_begins_closed(breaker, watched):
    """And has nothing to tell."""
    assert admits(breaker)
    assert (breaker.state, watched.told) == ("closed", [])


def test_it_opens_at_the_last_of_a_run_of_failures(breaker):
    """Neither one earlier nor one later."""
    fail(breaker, 2)
    before = breaker.state, admits(breaker)

    breaker.failed()

    assert before == ("closed", True)
    assert (breaker.state, admits(breaker)) == ("open", False)


def test_an_answer_ends_the_run(breaker, watched):
    """Failures must follow each other: one request in three that fails does not open it, nor is anything told."""
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)

    assert (breaker.state, watched.told) == ("closed", [])


@pytest.mark.parametrize("failures", [1, 1000])
def test_with_0_it_never_opens(failures):
    """BREAKER_FAILURES=0 switches it off."""
    off = Watched(failures=0)

    fail(off.breaker, failures)

    assert admits(off.breaker)
    assert (off.breaker.state, off.told) == ("closed", [])


def test_with_1_a_single_failure_opens_it():
    """The least that it can be set to."""
    nervous = Watched(failures=1)

    nervous.breaker.failed()

    assert not admits(nervous.breaker)


# Open


def test_the_refusal_is_a_503_that_says_when_to_come_back(breaker):
    """RFC 9110 §15.6.4."""
    fail(breaker, 3)

    with pytest.raises(BackendDown) as error:
        breaker.admit()

    assert (error.value.status, error.value.code) == (503, "backend_down")
    assert error.value.headers == {"Retry-After": "1"}


def test_until_the_pause_is_over_nobody_passes(breaker, clock):
    """To the moment."""
    fail(breaker, 3)

    clock.now += PAUSE - 0.001
    before = admits(breaker)
    clock.now += 0.001

    assert (before, admits(breaker)) == (False, True)


def test_failures_that_come_late_do_not_put_the_trial_off(breaker, clock):
    """Requests that were under way when it opened end one by one, each with its time-out."""
    fail(breaker, 3)
    clock.now += PAUSE - 0.001
    fail(breaker, 5)

    clock.now += 0.001

    assert admits(breaker)


def test_a_success_that_comes_late_closes_it(breaker):
    """Whoever was under way when it opened, and has an answer, shows that there is one."""
    fail(breaker, 3)

    breaker.succeeded()

    assert admits(breaker)
    assert breaker.state == "closed"


# Half-open


def test_after_the_pause_one_request_tries(breaker, clock):
    """And none beside it."""
    fail(breaker, 3)
    clock.now += PAUSE

    admitted = [admits(breaker) for _ in range(5)]

    assert admitted == [True, False, False, False, False]
    assert breaker.state == "half_open"


def test_of_many_at_once_one_tries(breaker, clock):
    """Threads that look at the clock at the same moment."""
    fail(breaker, 3)
    clock.now += PAUSE
    together = threading.Barrier(20)

    def come(_: int) -> bool:
        together.wait(timeout=10)
        return admits(breaker)

    with ThreadPoolExecutor(20) as pool:
        admitted = list(pool.map(come, range(20)))

    assert sum(admitted) == 1


def test_a_trial_that_succeeds_closes_it(breaker, clock):
    """For all, at once; and a run of failures is counted from nothing."""
    fail(breaker, 3)
    clock.now += PAUSE
    breaker.admit()

    breaker.succeeded()
    fail(breaker, 2)

    assert [admits(breaker) for _ in range(3)] == [True] * 3
    assert breaker.state == "closed"


def test_a_trial_that_fails_leaves_it_open(breaker, clock):
    """The next has its turn a pause behind it, not behind its end."""
    fail(breaker, 3)
    clock.now += PAUSE
    breaker.admit()
    clock.now += PAUSE / 2

    breaker.failed()
    at_once = breaker.state, admits(breaker)
    clock.now += PAUSE / 2

    assert at_once == ("open", False)
    assert admits(breaker)


def test_a_trial_that_never_comes_back_does_not_keep_it_open(breaker, clock):
    """It hangs for READ_TIMEOUT; a sound backend has not so long to wait for the next."""
    fail(breaker, 3)
    clock.now += PAUSE
    breaker.admit()
    clock.now += PAUSE

    second = [admits(breaker), admits(breaker)]
    breaker.succeeded()

    assert second == [True, False]
    assert breaker.state == "closed"


def test_it_tries_once_a_pause_for_as_long_as_the_outage_lasts(breaker, clock):
    """However often it is asked: ten times a pause, here."""
    fail(breaker, 3)
    tried = []

    for _ in range(100):
        clock.now += PAUSE / 10
        tried.append(tries(breaker))

    assert 9 <= sum(tried) <= 10


# What it tells


def test_each_change_is_told_once(breaker, watched, clock):
    """A trial is none: it would be told twice a second."""
    fail(breaker, 10)
    clock.now += PAUSE
    breaker.admit()
    breaker.failed()
    clock.now += PAUSE
    breaker.admit()
    breaker.succeeded()
    breaker.succeeded()
    fail(breaker, 3)

    assert watched.told == ["open", "closed", "open"]


def test_threads_that_fail_together_tell_it_once():
    """Or the gauge of open breakers would be wrong for good."""
    fragile = Watched(failures=5)
    together = threading.Barrier(20)

    def run(what: str) -> None:
        together.wait(timeout=10)
        getattr(fragile.breaker, what)()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(run, ["failed"] * 20))
        opened = list(fragile.told)
        list(pool.map(run, ["succeeded"] * 20))

    assert opened == ["open"]
    assert fragile.told == ["open", "closed"]


def test_it_may_be_looked_at_by_whom_it_tells():
    """What is told is told outside of the lock: the state can be read, and a request admitted."""
    seen: list[tuple[State, bool]] = []
    looked_at = Breaker(1, PAUSE, Clock(), lambda _: seen.append((looked_at.state, admits(looked_at))))

    looked_at.failed()
    looked_at.succeeded()

    assert seen == [("open", False), ("closed", True)]


# The budget


def test_a_few_retries_are_there_at_the_start():
    """The first request of all may meet a closed connection."""
    budget = RetryBudget(share=0.2, most=3)

    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]


def test_every_fifth_request_adds_one():
    """In an outage the backend gets a fifth more, not twice as much."""
    budget = RetryBudget(share=0.2, most=1)
    budget.take()

    taken = []
    for _ in range(50):
        budget.add_request()
        taken.append(budget.take())

    assert 9 <= sum(taken) <= 10


def test_no_more_is_saved_up_than_the_most():
    """A quiet hour does not pay for a storm."""
    budget = RetryBudget(share=0.2, most=3)

    for _ in range(1000):
        budget.add_request()

    assert [budget.take() for _ in range(4)] == [True, True, True, False]


def test_threads_do_not_take_more_than_there_is():
    """Twenty at once, for ten."""
    budget = RetryBudget(most=10)
    together = threading.Barrier(20)

    def take(_: int) -> bool:
        together.wait(timeout=10)
        return budget.take()

    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(take, range(20)))

    assert sum(taken) == 10
