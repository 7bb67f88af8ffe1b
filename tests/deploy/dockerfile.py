"""What the Dockerfile says, so that tests need not repeat it."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next: the image it builds on, and its instructions."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [rest for each, rest in self.instructions if each == name]

    def last(self, name: str) -> str:
        return self.all(name)[-1]

    @property
    def copied(self) -> list[str]:
        """What it takes from the build's context, as files and folders in there."""
        taken = [source for rest in self.all("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]
        return [str(path.relative_to(ROOT)) for source in taken for path in sorted(ROOT.glob(source))]

    @property
    def entrypoint(self) -> list[str]:
        command: list[str] = json.loads(self.last("ENTRYPOINT"))
        return command

    @property
    def healthcheck(self) -> list[str]:
        command: list[str] = json.loads(self.last("HEALTHCHECK").partition("CMD ")[2])
        return command

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for rest in self.all("ENV") for pair in shlex.split(rest))


@dataclass(frozen=True)
class Dockerfile:
    """Its stages, in their order, and the defaults of its arguments."""

    stages: dict[str, Stage]
    arguments: dict[str, str]

    @classmethod
    def read(cls) -> Self:
        text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
        stages: dict[str, Stage] = {}
        arguments: dict[str, str] = {}
        for line in filter(None, text.replace("\\\n", " ").splitlines()):
            name, _, rest = line.partition(" ")
            rest = " ".join(rest.split()) if name != "HEALTHCHECK" else rest
            if name == "FROM":
                base, _, stage = rest.partition(" AS ")
                stages[stage] = Stage(stage, base)
            elif stages:
                stages[stage].instructions.append((name, rest))
            else:
                argument, _, default = rest.partition("=")
                arguments[argument] = default
        return cls(stages, arguments)


def is_ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether .dockerignore keeps a file out: the last pattern that names it, or a folder it is in, decides."""
    ignored = False
    for pattern in patterns:
        expression = re.escape(pattern.removeprefix("!"))
        expression = expression.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{expression}(/.*)?", path):
            ignored = not pattern.startswith("!")
    return ignored
