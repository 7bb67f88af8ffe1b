"""What a check finds: how bad, about what, and the remedy."""

from functools import partial
from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One line: how bad, about what (a variable, mostly), and what to do."""

    level: Literal["ok", "warn", "wrong"]
    subject: str
    text: str


ok, warn, wrong = partial(Finding, "ok"), partial(Finding, "warn"), partial(Finding, "wrong")
