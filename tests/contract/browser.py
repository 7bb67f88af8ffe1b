"""A browser, and beside it a client that asks the backend directly; both send a path exactly as it is written."""

import http.client
import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What came back, whoever gave it."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return jsonlib.loads(self.body)

    @property
    def data(self) -> Any:
        """The member `data` of a success."""
        return self.json["data"]

    @property
    def error(self) -> Any:
        """The text of a refusal."""
        return self.json["error"]

    @property
    def code(self) -> str | None:
        """`X-BFF-Error`: there is one where the BFF itself refused."""
        return self.headers["X-BFF-Error"]


class Client:
    """Asks a server, a connection per request; no part of a path is decoded, encoded or folded on the way."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a GET."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, json: object = None) -> Answer:
        """Send a POST; without `json` it has no body."""
        return self.send("POST", path, json=json)

    def put(self, path: str, json: object = None) -> Answer:
        """Send a PUT."""
        return self.send("PUT", path, json=json)

    def patch(self, path: str, json: object = None) -> Answer:
        """Send a PATCH."""
        return self.send("PATCH", path, json=json)

    def delete(self, path: str, json: object = None) -> Answer:
        """Send a DELETE."""
        return self.send("DELETE", path, json=json)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send any request; `body` goes out as it is, and passes for JSON."""
        content = body if json is None else jsonlib.dumps(json).encode()
        fields = {} if content is None else {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path, content, {**fields, **self._fields(method), **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def _fields(self, method: str) -> dict[str, str]:
        return {}


class Direct(Client):
    """A client of the backend that holds the token itself."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(url)
        self.token = token

    def _fields(self, method: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class Browser(Client):
    """A page of the BFF's own origin: it keeps cookies, and says where its requests come from.

    What holds for every answer of the BFF is checked with every answer.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(url)
        self.cookies = {"token": token} if token else {}

    def send(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send any request, and take over the cookies of the answer."""
        answer = super().send(method, path, json=json, body=body, headers=headers)
        for line in answer.headers.get_all("Set-Cookie", []):
            self._take_over(SimpleCookie(line))
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.status < 400 or list(answer.json) == ["error"]
        return answer

    def _take_over(self, cookies: SimpleCookie) -> None:
        for name, morsel in cookies.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def _fields(self, method: str) -> dict[str, str]:
        fields = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        if method != "GET":
            fields["Origin"] = self.url
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return fields
