"""Your own hooks: see docs/HOOKS.md. Both servers use what is added to `hooks` here."""

from proxy.hooks import Hooks

hooks = Hooks()
