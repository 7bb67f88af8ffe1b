"""proxy/api/openapi.yaml: a group's part of it put in, or taken out; every other line stays as it is, comments too."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from scaffold.operations import Group, Operation, Unusable

NAME = "proxy/api/openapi.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml takes a tenth of the time, where it is there
_WITH_ANY = (400, 401, 403, 404, 429, 500, 502, 503, 504)
_ERRORS = {
    400: "BadRequest",
    401: "NotSignedIn",
    403: "Forbidden",
    404: "NotFound",
    413: "TooLarge",
    429: "TooMany",
    500: "Defect",
    502: "BadGateway",
    503: "Unavailable",
    504: "GatewayTimeout",
}
_METHODS = frozenset("get put post delete options head patch trace".split())


class _Dumper(yaml.SafeDumper):
    """Short objects in braces, like those of the file; no anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = not mapping or ("$ref" in mapping and len(mapping) == 1)
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(isinstance(item, yaml.ScalarNode) for item in node.value)
        return node


def with_group(text: str, group: Group) -> str:
    """The document with the group's tag, operations and schemas.

    Raises:
        Unusable: It has a tag, an operation, a path or a schema of the same name already.
    """
    _refuse_what_is_there(text, group)
    paths: dict[str, Any] = {}
    for operation in group.operations:
        paths.setdefault(group.prefix + operation.path, {})[operation.method.lower()] = _told(operation, group)
    text = _inserted(text, ["tags"], f"  - {{name: {group.name}, description: {_quoted(group.about)}}}\n")
    text = _inserted(text, ["paths"], _written(paths, 2))
    if group.schemas:
        text = _inserted(text, ["components", "schemas"], _written(group.schemas, 4))
    return text


def without_group(text: str, name: str) -> str:
    """The document without what is the group's alone.

    Raises:
        Unusable: There is no such tag.
    """
    document = _parsed(text)
    if name not in [tag["name"] for tag in document["tags"]]:
        raise Unusable(f"{name}: {NAME} has no such tag")
    gone: list[list[str]] = [["tags", name]]
    for path, item in document["paths"].items():
        methods = [method for method in item if method in _METHODS and name in item[method]["tags"]]
        is_whole = not (item.keys() & _METHODS) - set(methods)
        gone += [["paths", path]] if methods and is_whole else [["paths", path, method] for method in methods]
    text = _removed(text, gone)
    while unused := [["components", kind, component] for kind, component in _unused(_parsed(text))]:
        text = _removed(text, unused)
    return text


def operation_ids(text: str) -> set[str]:
    """The names of all operations."""
    return {
        operation["operationId"]
        for item in _parsed(text)["paths"].values()
        for method, operation in item.items()
        if method in _METHODS
    }


def _refuse_what_is_there(text: str, group: Group) -> None:
    document, there = _parsed(text), operation_ids(text)
    shapes = {re.sub(r"{\w+}", "{}", path): path for path in document["paths"]}
    if group.name in [tag["name"] for tag in document["tags"]]:
        raise Unusable(f"{group.name}: {NAME} has this tag already")
    for operation in group.operations:
        path = group.prefix + operation.path
        if operation.view in there:
            raise Unusable(f"{operation.view}: {NAME} has an operation of this name already")
        if (other := shapes.get(re.sub(r"{\w+}", "{}", path))) is not None:
            raise Unusable(f"{path}: {NAME} has {other} already; another --prefix?")
    if taken := sorted(document["components"]["schemas"].keys() & group.schemas.keys()):
        raise Unusable(f"{taken[0]}: {NAME} has a schema of this name already")


def _told(operation: Operation, group: Group) -> dict[str, Any]:
    told: dict[str, Any] = {"tags": [group.name], "operationId": operation.view, "summary": operation.summary}
    told |= {"security": []} if operation.is_public else {}
    parameters = list(operation.parameters) or [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in operation.segments
    ]
    told |= {"parameters": parameters} if parameters else {}
    if operation.body:
        content = {"schema": dict(operation.body.schema), "example": dict(operation.body.example)}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    headers = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
    success: dict[str, Any] = {"description": f"{operation.summary}.", "headers": headers}
    if operation.answer is not None:
        success["content"] = {"application/json": {"schema": operation.answer} if operation.answer else {}}
    statuses = [status for status in _ERRORS if status in _WITH_ANY or (status == 413 and operation.body)]
    errors = {str(status): {"$ref": f"#/components/responses/{_ERRORS[status]}"} for status in statuses}
    return told | {"responses": {str(operation.status): success, **errors}}


def _written(mapping: Mapping[str, Any], indent: int) -> str:
    text = yaml.dump(
        json.loads(json.dumps(mapping)), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=116 - indent
    )
    return "".join(f"{' ' * indent}{line}" if line.strip() else line for line in text.splitlines(keepends=True))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _parsed(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(text, _LOADER)  # noqa: S506 - either of the two is the safe one
    return document


def _pairs(node: Any) -> Iterator[tuple[str, Any, Any]]:
    """The name of each part of a mapping, where it begins, and its value; of a sequence of objects, by `name`."""
    for part in node.value:
        if isinstance(part, tuple):
            yield part[0].value, part[0], part[1]
        else:
            yield next(value.value for key, value in part.value if key.value == "name"), part, part


def _value(node: Any, where: Sequence[str]) -> Any:
    """The value at a place of the document."""
    for wanted in where:
        node = next(value for name, _, value in _pairs(node) if name == wanted)
    return node


def _last_line(node: Any) -> int:
    """The line behind the last that is the node's own; a block's own mark stands behind blanks and comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.line + (1 if node.end_mark.column else 0)
    return end


def _inserted(text: str, where: Sequence[str], more: str) -> str:
    lines = text.splitlines(keepends=True)
    place = _last_line(_value(yaml.compose(text, Loader=_LOADER), where))
    return "".join([*lines[:place], more, *lines[place:]])


def _removed(text: str, places: Sequence[Sequence[str]]) -> str:
    """The text without the lines of what stands at these places."""
    whole = yaml.compose(text, Loader=_LOADER)
    gone: set[int] = set()
    for *where, wanted in places:
        start, value = next((start, value) for name, start, value in _pairs(_value(whole, where)) if name == wanted)
        gone |= set(range(start.start_mark.line, _last_line(value)))
    return "".join(line for number, line in enumerate(text.splitlines(keepends=True)) if number not in gone)


def _unused(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Components that nothing refers to, but for themselves."""
    whole = json.dumps(document)
    needed = {name for part in _objects(document) for need in part.get("security", ()) for name in need}
    for kind, components in document["components"].items():
        for name, component in components.items():
            reference = f'"#/components/{kind}/{name}"'
            elsewhere = whole.count(reference) - json.dumps(component).count(reference)
            if not elsewhere and not (kind == "securitySchemes" and name in needed):
                yield kind, name


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _objects(each)
