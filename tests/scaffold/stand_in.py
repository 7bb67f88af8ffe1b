"""A server made of an OpenAPI description alone: it takes what the description takes, and answers as it says."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from openapi_schema_validator import OAS30Validator

_BY_FORMAT = {
    "uuid": "0b5e7c1a-2d3f-4a5b-8c6d-7e8f90a1b2c3",
    "date-time": "2026-01-02T03:04:05Z",
    "email": "a@b.example",
}


class Heard(NamedTuple):
    """An operation that was asked for, and what the description has against the request; and how it was answered."""

    operation: str
    query: str
    problems: list[str]
    status: int
    answer: Any


class StandIn:
    """A server on loopback; who shows another token than `token` is refused. Used as a context manager."""

    def __init__(self, document: dict[str, Any], token: str) -> None:
        self.heard: list[Heard] = []
        self._document = document
        self._token = token
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = stand_in.answer(self.command, self.path, self.headers.get("Authorization"), body)
                content = b"" if answer is None else json.dumps(answer).encode()
                length = "" if status == 204 else f"Content-Length: {len(content)}\r\n"
                head = f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n{length}\r\n"
                self.wfile.write(head.encode() + content)
                self.wfile.flush()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, target: str, authorization: str | None, body: bytes) -> tuple[int, Any]:
        """The status and document for a request."""
        path, _, query = target.partition("?")
        for template, item in self._document["paths"].items():
            match = re.fullmatch(re.sub(r"{\w+}", r"([^/]+)", template), path)
            if match and method.lower() in item:
                operation = item[method.lower()]
                if operation.get("security") != [] and authorization != f"Bearer {self._token}":
                    return 401, {"message": "who are you?"}
                problems = self._problems(item, operation, [unquote(part) for part in match.groups()], body)
                status, told = next(
                    (int(status), told) for status, told in operation["responses"].items() if status < "3"
                )
                content = self._resolved(told).get("content", {}).get("application/json")
                answer = None if content is None else self._sample(content["schema"])
                self.heard.append(Heard(f"{method} {template}", query, problems, status, answer))
                return status, answer
        return 404, {"message": f"no {method} {path} here"}

    def _problems(self, item: dict[str, Any], operation: dict[str, Any], segments: list[str], body: bytes) -> list[str]:
        """What is wrong with the segments of the path, and with the body."""
        told = [self._resolved(each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        schemas = [each["schema"] for each in told if each["in"] == "path"]
        values = [
            int(text) if schema["type"] == "integer" else text for text, schema in zip(segments, schemas, strict=True)
        ]
        checked = list(zip(values, schemas, strict=True))
        if "requestBody" in operation:
            checked.append((json.loads(body), operation["requestBody"]["content"]["application/json"]["schema"]))
        return [problem for value, schema in checked for problem in self._against(value, schema)]

    def _against(self, value: Any, schema: dict[str, Any]) -> list[str]:
        whole = {"components": self._document["components"], "allOf": [schema]}
        return [error.message for error in OAS30Validator(whole).iter_errors(value)]

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        found: Any = part
        while "$ref" in found:
            reference = found["$ref"]
            found = self._document
            for name in reference.removeprefix("#/").split("/"):
                found = found[name]
        return dict(found)

    def _sample(self, schema: dict[str, Any]) -> Any:
        """The required fields of a value, each the plainest of its kind."""
        flat = self._resolved(schema)
        parts = [self._resolved(part) for part in flat.get("allOf", ())]
        if parts or flat.get("type") == "object":
            fields = {name: told for part in (*parts, flat) for name, told in part.get("properties", {}).items()}
            required = [name for part in (*parts, flat) for name in part.get("required", ())]
            return {name: self._sample(fields[name]) for name in required}
        if flat["type"] == "array":
            return [self._sample(flat["items"])]
        samples = {"integer": 7, "boolean": False, "string": _BY_FORMAT.get(flat.get("format", ""), "#0000ff")}
        return flat.get("example", flat.get("enum", [samples[flat["type"]]])[0])
