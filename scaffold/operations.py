"""What a route group is made of; and a group told in a few words: `tasks list create get`."""

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

# By method; a list has its own, and so has a POST that makes nothing. In Spanish: the user reads them.
_FALLBACKS = {
    "GET": "Error al obtener el registro",
    "POST": "Error al crear el registro",
    "PUT": "Error al actualizar el registro",
    "PATCH": "Error al actualizar el registro",
    "DELETE": "Error al eliminar el registro",
}
_OF_A_LIST = "Error al obtener la lista"
_OF_AN_ACTION = "Error al realizar la acción"

_OF_THE_SERVICE = frozenset("endpoints explorer health passthrough proxy web".split())  # modules, blueprints, a tag
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PREFIX = re.compile(r"/api(/[a-z0-9][a-z0-9._-]*)+")
_BACKEND = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*")


class Unusable(ValueError):
    """What was asked for cannot be made; the message is one line that says why."""


@dataclass(frozen=True)
class Body:
    """A JSON object that an operation takes; `named` are the fields that the view itself asks for."""

    schema: Schema
    example: Mapping[str, Any]
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One view: `path` is below the group's prefix, `backend` the API's; both name segments, `/{task_id}`.

    `answer` is the schema of what comes with `status`; None: nothing comes. `parameters` are OpenAPI's.
    """

    view: str
    method: str
    path: str
    backend: str
    summary: str
    fallback: str
    status: int = 200
    answer: Schema | None = field(default_factory=dict)
    body: Body | None = None
    parameters: tuple[Schema, ...] = ()
    is_public: bool = False

    @property
    def segments(self) -> list[str]:
        """The names of the segments, in their order."""
        return re.findall(r"{(\w+)}", self.path)


@dataclass(frozen=True)
class Group:
    """A route group: the views of one file; `schemas` are what its operations refer to."""

    name: str
    prefix: str
    about: str
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def checked_name(name: str) -> str:
    """A name that a file, a blueprint and a tag can have."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _OF_THE_SERVICE:
        raise Unusable(f"{name}: a group's name is lower-case letters, digits and _, and not one of the service's own")
    return name


def checked_prefix(prefix: str) -> str:
    """A path that a group can be below."""
    if not _PREFIX.fullmatch(prefix) or f"{prefix}/".startswith("/api/proxy/"):
        raise Unusable(f"{prefix}: a prefix is a path below /api, without a slash at its end: /api/tasks")
    return prefix


def checked_backend(path: str) -> str:
    """A path of the API's that others can be below."""
    if not _BACKEND.fullmatch(path):
        raise Unusable(f"{path}: the API's path begins with a slash and ends without one: /v1/tasks")
    return path


def fallback_for(method: str, view: str, status: int) -> str:
    """What the user reads where the API says nothing of an error."""
    if method == "GET" and view.startswith("list"):
        return _OF_A_LIST
    return _OF_AN_ACTION if method == "POST" and status != 201 else _FALLBACKS[method]


def singular(noun: str) -> str:
    """`tasks` → `task`: good enough for the names of English collections."""
    if noun == "people":
        return "person"
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("ss", "ss")):
        if noun.endswith(ending) and len(noun) > len(ending):
            return noun.removesuffix(ending) + instead
    return noun.removesuffix("s") or noun


def from_words(name: str, words: Iterable[str], *, prefix: str, backend: str) -> Group:
    """A group over one collection.

    Args:
        name: Of the group; best a plural: `tasks`.
        words: What can be done: `list`, `create`, `get`, `update`, `patch`, `delete`.
        prefix: Where the browser finds it: `/api/tasks`.
        backend: Where the API has it: `/v1/tasks`.

    Raises:
        Unusable: A word that is none of these, or none at all.
    """
    item = singular(name)
    one = f"/{{{item}_id}}"
    noun, nouns = item.replace("_", " "), name.replace("_", " ")
    anything = Body({"type": "object"}, {})
    known = {
        "list": ("GET", "", f"list_{name}", f"Every one of the {nouns}", 200, None),
        "create": ("POST", "", f"create_{item}", f"The new {noun}", 201, anything),
        "get": ("GET", one, f"get_{item}", f"One {noun}", 200, None),
        "update": ("PUT", one, f"update_{item}", f"The {noun}, changed", 200, anything),
        "patch": ("PATCH", one, f"patch_{item}", f"The {noun}, changed in part", 200, anything),
        "delete": ("DELETE", one, f"delete_{item}", f"Success; the {noun} is gone", 200, None),
    }
    wanted = list(dict.fromkeys(words))
    if unknown := [word for word in wanted if word not in known]:
        raise Unusable(f"{unknown[0]}: what can be done is {', '.join(known)}")
    if not wanted:
        raise Unusable(f"say what can be done: {', '.join(known)}; or --openapi FILE")
    operations = tuple(
        Operation(view, method, path, backend + path, summary, fallback_for(method, view, status), status, body=body)
        for method, path, view, summary, status, body in (known[word] for word in wanted)
    )
    return Group(name, prefix, f"the {nouns} of the signed-in user", operations)
