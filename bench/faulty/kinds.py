"""Every fault of the backend, and what the service makes of it by its interface."""

from dataclasses import dataclass, field

from bench.faulty.browser import CREATE, LIST, PROXIED, PROXIED_POST, UPDATE, Ask

INVALID = frozenset({"502 backend_invalid"})
UNREACHABLE = frozenset({"502 backend_unreachable"})
TIMEOUT = frozenset({"504 backend_timeout"})
DOWN = "503 backend_down"
RIGHT = frozenset({"200"})
CUT = frozenset({"cut"})  # the head was through already: /api/proxy/* can only break off

ALL = (LIST, CREATE, UPDATE, PROXIED, PROXIED_POST)
TYPED = (LIST, CREATE, UPDATE)


@dataclass(frozen=True)
class Fault:
    """What one kind of request brings about.

    `name` is the fault's, in a query or as a command for the port. `typed` and `proxied` are the outcomes that are
    right, in the route groups and through /api/proxy/*. `opens` says that it may open the breaker, whose 503 is right
    then, at once, for healthy requests too. `closes_kept` says that kept connections end without a word: a POST that
    meets one's end is told an honest 502, for it may have arrived. `recovers_seconds` is how long after its end it may
    still be felt.
    """

    name: str
    said: str
    typed: frozenset[str]
    proxied: frozenset[str] = field(default=frozenset())
    asks: tuple[Ask, ...] = ALL
    opens: bool = False
    closes_kept: bool = False
    is_slow: bool = False
    recovers_seconds: float = 1.0

    def expected(self, ask: Ask) -> frozenset[str]:
        """The outcomes that are right for such a request."""
        outcomes = self.proxied or self.typed if ask.is_proxied else self.typed
        return outcomes | {DOWN} if self.opens else outcomes


BY_REQUEST = (
    Fault("reset-before", "resets before the answer", UNREACHABLE),
    Fault("close-before", "closes before the answer", UNREACHABLE),
    Fault("reset-in-head", "resets in the head", UNREACHABLE),
    Fault("reset-in-body", "resets in the body", INVALID, CUT),
    Fault("reset-after", "resets after the answer", RIGHT, closes_kept=True),
    Fault("garbage", "answers garbage", INVALID),
    Fault("half-head", "half a head", INVALID),
    Fault("half-by-length", "half a body, by length", INVALID, CUT),
    Fault("half-by-chunk", "half a body, by chunk", INVALID, CUT),
    Fault("drip", "a body that drips", TIMEOUT, asks=TYPED, opens=True, is_slow=True),
    Fault("drip-head", "a head that drips", TIMEOUT, opens=True, is_slow=True),
    Fault("black-hole", "takes it, and never answers", TIMEOUT, opens=True, is_slow=True),
    Fault("latency", "1 s of latency", RIGHT, is_slow=True),
    Fault("html", "200 with HTML", INVALID, frozenset({"200 html"})),
    Fault("failing", "500 with JSON", frozenset({"500"})),
    Fault("early-hints", "103 twice before 200", RIGHT),
    Fault("other-protocol", "101", INVALID),
    Fault("huge-field", "a field of 100 kB", INVALID),
    Fault("many-fields", "500 fields", INVALID),
    Fault("two-lengths", "two lengths that differ", INVALID),
    Fault("surplus", "a second answer behind the first", RIGHT),
)

# What the fickle port does; only the typed groups ask there.
BY_PORT = (
    Fault("close", "refuses connections", UNREACHABLE, asks=TYPED, opens=True),
    # A reset that comes before `connect` has returned is a failure to connect.
    Fault("hang-up", "resets each connection at once", UNREACHABLE, asks=TYPED, opens=True),
    # A trial that began just before the end fails after CONNECT_TIMEOUT, 0.5 s; the next comes as long after it.
    Fault("deafen", "a full backlog: no connection", TIMEOUT, asks=TYPED, opens=True, is_slow=True, recovers_seconds=2),
)
UNRESOLVABLE = Fault("unresolvable", "a name that does not resolve", UNREACHABLE, asks=TYPED, opens=True)
