"""A group from an OpenAPI description (3.0 or 3.1): what of it fits a typed route group, and what does not."""

import builtins
import keyword
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from scaffold.examples import example_of, fits
from scaffold.operations import Body, Group, Operation, Schema, Unusable, fallback_for, singular

_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = re.compile(r"application/(json|[\w.+-]+\+json)(\s*;.*)?|\*/\*")
_TAKEN = frozenset("bp relay bff_fetch backend_path json_body public reply path body Blueprint Response".split())
_ADDRESS = re.compile(r"https?://[^\s\")>]*")  # the document names none
_SAID_OF_A_SCHEMA = frozenset("discriminator xml externalDocs deprecated example nullable".split())


class _Loader(yaml.SafeLoader):
    """YAML in which a day is the text it was written as: JSON has no days."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> dict[str, Any]:
    """The description in a file of YAML or JSON.

    Raises:
        Unusable: The file cannot be read, or holds no OpenAPI 3.
    """
    try:
        document = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - a safe one, less days
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise Unusable(f"{path}: neither YAML nor JSON: {' '.join(str(error).split())}") from error
    version = str(document.get("openapi", "")) if isinstance(document, dict) else ""
    if not re.match(r"3\.[01]\.", version) or not isinstance(document.get("paths"), dict):
        raise Unusable(f"{path}: an OpenAPI 3.0 or 3.1 description with paths is wanted")
    return document  # type: ignore[no-any-return]  # seen to be one above


def from_openapi(
    document: dict[str, Any],
    name: str,
    *,
    prefix: str,
    backend: str,
    tag: str | None = None,
    taken: Collection[str] = (),
) -> Group:
    """The group that offers what the description does.

    Args:
        document: From `read`.
        name: Of the group.
        prefix: Where the browser finds it; what all paths of the description begin with is not repeated behind it.
        backend: What stands in front of the description's paths at the API; "" for nothing.
        tag: Only the operations with it.
        taken: Names of operations that other groups have.

    Raises:
        Unusable: Nothing of it fits, or two operations would have one name.
    """
    return _Reading(document, name, tag, taken).group(prefix, backend)


class _Reading:
    """A description, as it is read: notes, and the schemas that were referred to, gather on the way."""

    def __init__(self, document: dict[str, Any], name: str, tag: str | None, taken: Collection[str]) -> None:
        self._document = document
        self._name = name
        self._tag = tag
        self._taken = taken
        self._notes: list[str] = []
        self._schemas: dict[str, Schema] = {}

    def group(self, prefix: str, backend: str) -> Group:
        told = [each for each in self._operations() if self._fits(*each)]
        if not told:
            raise Unusable("the description has no operation with JSON that a route group could offer")
        shared = _shared_start([path for path, _, _, _ in told])
        operations = [self._operation(*each, shared, backend) for each in told]
        views = [operation.view for operation in operations]
        if twice := [view for view in views if views.count(view) > 1]:
            raise Unusable(f"{twice[0]}: two operations would have this name; give them an operationId each")
        about = _line(self._document.get("info", {}).get("title", "")) or self._name
        return Group(self._name, prefix, about, tuple(operations), self._schemas, tuple(dict.fromkeys(self._notes)))

    def _operations(self) -> Iterator[tuple[str, str, dict[str, Any], list[dict[str, Any]]]]:
        """Path, method, operation, and all its parameters; the operation's own win (OpenAPI §4.8.9)."""
        for path, listed in self._document["paths"].items():
            item = self._resolved(listed)
            for method in _METHODS:
                if method in item and (self._tag is None or self._tag in item[method].get("tags", ())):
                    every = [
                        self._resolved(each)
                        for each in (*item.get("parameters", ()), *item[method].get("parameters", ()))
                    ]
                    parameters = {(each["name"], each["in"]): each for each in every}
                    yield path, method, item[method], list(parameters.values())

    def _fits(self, path: str, method: str, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> bool:
        """Whether a typed group can offer it: JSON in and out, and segments that are one parameter or none."""
        what = f"{method.upper()} {path}"
        if re.search(r"[^/]{|}[^/]", path):
            return self._note(f"{what} is left out: a parameter is only a part of its segment")
        body = self._resolved(operation.get("requestBody", {})).get("content", {})
        if body and not _json_of(body):
            return self._note(f"{what} is left out: it takes {next(iter(body))}; /api/proxy/* passes that on")
        if _json_of(body) and not self._is_object(_json_of(body).get("schema", {})):
            return self._note(f"{what} is left out: its body is no JSON object; /api/proxy/* passes that on")
        _, answer = self._success(operation)
        if answer and not _json_of(answer):
            return self._note(f"{what} is left out: it answers {next(iter(answer))}; /api/proxy/* passes that on")
        for each in parameters:
            if each["in"] in {"header", "cookie"}:
                self._note(
                    f"{what}: {each['in']} {each['name']} does not pass by itself: docs/HOOKS.md adds what it needs"
                )
        return True

    def _note(self, text: str) -> bool:
        self._notes.append(text)
        return False

    def _operation(
        self,
        path: str,
        method: str,
        operation: dict[str, Any],
        parameters: list[dict[str, Any]],
        shared: str,
        backend: str,
    ) -> Operation:
        names = _segment_names(path)
        renamed = re.sub(r"{[^}]+}", "{}", path).format(*(f"{{{name}}}" for name in names))
        below = renamed.removeprefix(shared).rstrip("/")
        status, answer = self._success(operation)
        summary = _line(operation.get("summary") or operation.get("description", ""))
        content = _json_of(self._resolved(operation.get("requestBody", {})).get("content", {}))
        view = self._view(method, path.removeprefix(shared), operation, names)
        return Operation(
            view=view,
            method=method.upper(),
            path=below,
            backend=quote(backend + renamed.rstrip("/"), safe="/{}%!$&'()*+,;=:@~"),
            summary=summary or f"What {method.upper()} {path} answers",
            fallback=fallback_for(method.upper(), view, status),
            status=status,
            answer=None if status == 204 else self._schema(_json_of(answer).get("schema", {})),
            body=self._body(method, path, content) if content else None,
            parameters=tuple(self._parameters(path, names, parameters)),
            is_public=operation.get("security") == [],
        )

    def _view(self, method: str, path: str, operation: dict[str, Any], names: list[str]) -> str:
        """The operationId in this house's spelling; without one, after the path."""
        wanted = [_snake(operation.get("operationId", "")), _view_of(method, path)]
        for view in filter(None, [*wanted, f"{wanted[0] or wanted[1]}_of_{self._name}"]):
            is_word = keyword.iskeyword(view) or hasattr(builtins, view) or not re.match(r"[a-z]", view)
            if not (is_word or view in _TAKEN or view in names or view in self._taken):
                return view
        raise Unusable(f"{method.upper()} {path}: no name for a view can be made of its operationId")

    def _success(self, operation: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The first 2xx and its content; 200 and any JSON where none is told."""
        for status, response in sorted(
            (str(status), response) for status, response in operation.get("responses", {}).items()
        ):
            if re.fullmatch(r"2(\d\d|XX)", status):
                return int(status.replace("XX", "00")), self._resolved(response).get("content", {})
        return 200, {}

    def _body(self, method: str, path: str, content: dict[str, Any]) -> Body:
        schema = content.get("schema", {})
        try:
            example = example_of(schema, self._resolved, self._example_beside(content))
        except Unusable as error:
            raise Unusable(f"{method.upper()} {path}: {error}") from error
        copied = self._schema(schema)
        return Body(copied or {"type": "object"}, example, self._named(method, schema))

    def _example_beside(self, content: dict[str, Any]) -> Any:
        named = [self._resolved(each).get("value") for each in content.get("examples", {}).values()]
        return content.get("example", next(iter(named), None))

    def _named(self, method: str, schema: Any) -> tuple[str, ...]:
        """What the view may ask for: it takes neither null nor blanks, so each field must be one that is never either.

        With POST alone, and all of the required fields or none.
        """
        flat = self._resolved(schema)
        required, fields = flat.get("required", ()), flat.get("properties", {})
        is_sure = all(name in fields and _is_never_blank(self._resolved(fields[name])) for name in required)
        return tuple(required) if method == "post" and is_sure and "allOf" not in flat else ()

    def _parameters(self, path: str, names: list[str], parameters: list[dict[str, Any]]) -> Iterator[Schema]:
        """Those of the path, under the view's names for them, and those of the query."""
        told = {each["name"]: each for each in parameters if each["in"] == "path"}
        for raw, name in zip(re.findall(r"{([^}]+)}", path), names, strict=True):
            yield self._parameter(told.get(raw, {}), name, "path") | {"required": True}
        for each in parameters:
            if each["in"] == "query" and each["name"] not in names:
                yield self._parameter(each, each["name"], "query") | (
                    {"required": True} if each.get("required") else {}
                )

    def _parameter(self, told: dict[str, Any], name: str, where: str) -> dict[str, Any]:
        said: dict[str, Any] = {"description": _plain(told["description"])} if "description" in told else {}
        said |= {key: told[key] for key in ("style", "explode") if key in told}
        content = _json_of(told.get("content", {}))
        return {
            "name": name,
            "in": where,
            **said,
            "schema": self._schema(told.get("schema", content.get("schema", {}))),
        }

    def _is_object(self, schema: Any) -> bool:
        flat = self._resolved(schema)
        kind = flat.get("type", "object")
        return kind == "object" or (isinstance(kind, list) and "object" in kind)

    def _resolved(self, part: Any, depth: int = 0) -> dict[str, Any]:
        """What a reference stands for, in this file; what is none, itself."""
        reference = part.get("$ref") if isinstance(part, dict) else None
        if not isinstance(reference, str):
            return part if isinstance(part, dict) else {}
        found: Any = self._document
        for name in reference.removeprefix("#/").split("/"):
            found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not reference.startswith("#/") or found is None or depth > 20:
            raise Unusable(f"{reference}: refers to nothing in this file")
        return self._resolved(found, depth + 1)

    def _schema(self, schema: Any) -> Any:
        """A schema as OpenAPI 3.1 has it, its references below the group's own names."""
        if isinstance(schema, bool):
            return schema
        if "$ref" in schema:
            return {"$ref": f"#/components/schemas/{self._kept(schema['$ref'])}"}
        kept = {key: self._keyword(key, value) for key, value in schema.items() if key not in _SAID_OF_A_SCHEMA}
        for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(is_exclusive := kept.get(exclusive), bool):
                del kept[exclusive]  # OpenAPI 3.0 has it as yes or no
                if is_exclusive and limit in kept:
                    kept[exclusive] = kept.pop(limit)
        if schema.get("nullable") and isinstance(kept.get("type"), str):
            kept["type"] = [kept["type"], "null"]
            if "enum" in kept and None not in kept["enum"]:
                kept["enum"] = [*kept["enum"], None]
        examples = kept.pop("examples", None) or ([schema["example"]] if "example" in schema else [])
        shown = [each for each in examples if not _ADDRESS.search(str(each))] if isinstance(examples, list) else []
        return kept | ({"examples": shown} if shown else {})

    def _keyword(self, key: str, value: Any) -> Any:
        if key in {"properties", "patternProperties", "$defs"}:
            return {name: self._schema(each) for name, each in value.items()}
        if key in {"allOf", "anyOf", "oneOf", "prefixItems"}:
            return [self._schema(each) for each in value]
        if key in {"items", "not", "additionalProperties", "contains", "if", "then", "else", "propertyNames"}:
            return self._schema(value)
        return _plain(value) if key in {"description", "title"} else value

    def _kept(self, reference: str) -> str:
        """The name under which a schema of the description is kept; it is read once, so that it may refer to itself."""
        name = _camel(self._name) + _camel(reference.rpartition("/")[2])
        if name not in self._schemas:
            self._schemas[name] = {}
            self._schemas[name] = self._schema(self._resolved({"$ref": reference}))
        return name


def _json_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The media type that is JSON, if one is."""
    return next((dict(told or {}) | {"": kind} for kind, told in content.items() if _JSON.fullmatch(kind)), {})


def _is_never_blank(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if schema.get("nullable") or not isinstance(kind, str) or kind == "null":
        return False
    if kind != "string" or {"enum", "const", "format"} & schema.keys():
        return True
    return "pattern" in schema and not any(fits(schema["pattern"], blank) for blank in ("", " ", "  "))


def _segment_names(path: str) -> list[str]:
    """A name for each parameter of the path: `/issues/{id}` → issue_id."""
    names: list[str] = []
    before = ""
    for part in path.strip("/").split("/"):
        if part.startswith("{"):
            name = _snake(part.strip("{}"))
            if name in {"id", "name", "key", "slug", "number", "uuid"} and before:
                name = f"{singular(before)}_{name}"
            is_taken = (
                keyword.iskeyword(name) or hasattr(builtins, name) or name in _TAKEN or not re.match("[a-z]", name)
            )
            name = f"the_{name}" if is_taken else name
            names.append(f"{name}_{len(names) + 1}" if name in names else name)
        else:
            before = _snake(part)
    return names


def _view_of(method: str, path: str) -> str:
    """`GET /issues/{id}/comments` → list_issue_comments."""
    parts = path.strip("/").split("/")
    ends_in_a_name = parts[-1].startswith("{")
    nouns = [_snake(part) for part in parts if not part.startswith("{")]
    if not nouns:
        return ""
    is_action = method == "post" and len(parts) > 1 and not ends_in_a_name and parts[-2].startswith("{")
    owners = [singular(noun) for noun in nouns[:-1]]
    if is_action and not nouns[-1].endswith("s"):
        return "_".join([nouns[-1], *owners])
    verbs = {
        "get": "get" if ends_in_a_name else "list",
        "post": "create",
        "put": "update",
        "patch": "patch",
        "delete": "delete",
    }
    last = nouns[-1] if verbs[method] == "list" else singular(nouns[-1])
    return "_".join([verbs[method], *owners, last])


def _shared_start(paths: list[str]) -> str:
    """The literal segments that all paths begin with: `/v1`."""
    split = [path.rstrip("/").split("/") for path in paths]
    shared: list[str] = []
    for column in zip(*split, strict=False):
        if len(set(column)) > 1 or column[0].startswith("{"):
            break
        shared.append(column[0])
    return "/".join(shared)


def _snake(text: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", text)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def _camel(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


def _plain(text: Any) -> str:
    return _ADDRESS.sub("(address)", str(text))


def _line(text: str) -> str:
    """The first sentence, on one line."""
    first = re.split(r"(?<=[.!?])\s|\n\s*\n", _plain(text).strip(), maxsplit=1)[0]
    return " ".join(first.split()).rstrip(".")
