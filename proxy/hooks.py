"""The one place where a team changes what passes, without touching the code that forwards.

A hook before the backend is asked, or before the browser is answered; for every route group, or for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from proxy.tokens import Token
from proxy.upstream import Body

if TYPE_CHECKING:
    from flask import Response


@dataclass(slots=True)
class Outgoing:
    """A request on its way to the backend; a hook may change all of it but the group and the token.

    `group` is the route group's name ("vehicles", and "passthrough" for `/api/proxy/*`). `target` is path and query
    below the base URL, percent-encoded. `headers` are all fields but `Host` and `Content-Length`, the bearer token
    among them. `body` is bytes in the typed groups, and a stream through `/api/proxy/*`.
    """

    group: str
    method: str
    target: str
    headers: dict[str, str]
    body: Body | None
    token: Token | None


Subject = TypeVar("Subject")
Hook = Callable[[Subject], None]


class HookList(Generic[Subject]):
    """Hooks of one kind, run in the order in which they were added."""

    def __init__(self) -> None:
        self._hooks: list[tuple[str | None, Hook[Subject]]] = []

    def __call__(self, group: str | None = None) -> Callable[[Hook[Subject]], Hook[Subject]]:
        """A decorator that adds a hook, for one group or, without a name, for all."""

        def add(hook: Hook[Subject]) -> Hook[Subject]:
            self._hooks.append((group, hook))
            return hook

        return add

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def run(self, group: str, subject: Subject) -> None:
        """Run those of the group and those of all. What one raises ends the request, and no later one runs.

        Raises:
            BffError: Shown to the browser as it is.
            Exception: Anything else is shown as a 500, and its trace is in the log.
        """
        for wanted, hook in self._hooks:
            if wanted in {None, group}:
                hook(subject)


class Hooks:
    """What `create_app` takes.

    `before_send` hooks get an `Outgoing`, after our own fields were added and before the backend is asked; when one
    raises, the backend is not asked. `before_response` hooks get the Flask response to a request of a route group,
    errors included; when one raises, its error is the response, and nothing of the former is shown. A streamed response
    is read into memory by a hook that asks for its data, and stays a stream for those that do not.
    """

    def __init__(self) -> None:
        self.before_send: HookList[Outgoing] = HookList()
        self.before_response: HookList[Response] = HookList()
