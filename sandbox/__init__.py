"""The embedded development backend: KilomeTracker's private JSON API, on SQLite.

It stands in for the original wherever that one is out of reach: the same paths, rules, texts and figures, reached over
HTTP like any backend. What would be mailed is printed to the log `sandbox`.
"""

from sandbox.accounts import DEMO_ACCOUNTS, DemoAccount
from sandbox.server import Sandbox, start

__all__ = ["DEMO_ACCOUNTS", "DemoAccount", "Sandbox", "start"]
