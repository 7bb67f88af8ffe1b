"""The commands: what is asked for is made whole before the first file is written, or refused in one line."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from scaffold import contract, description, document, registry, writing
from scaffold.operations import Group, Unusable, checked_backend, checked_name, checked_prefix, from_words

ROOT = Path(__file__).parent.parent
_KEPT = ("openapi",)


def _in_one_line(command: Callable[..., None]) -> Callable[..., None]:
    """A refusal without a trace, and a status that scripts can see."""

    @wraps(command)
    def run(**options: Any) -> None:
        try:
            command(**options)
        except Unusable as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error

    return run


@click.command("new-group")
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[list|create|get|update|patch|delete]...")
@click.option("--prefix", help="Where the browser finds it. [default: /api/NAME]")
@click.option("--backend", help="Where the API has it. [default: /NAME; with --openapi: as the description says]")
@click.option("--openapi", type=click.Path(path_type=Path), help="An OpenAPI 3.0 or 3.1 file to make it from.")
@click.option("--tag", help="Of the description, only the operations with this tag.")
@_in_one_line
def new_group(
    name: str, words: tuple[str, ...], prefix: str | None, backend: str | None, openapi: Path | None, tag: str | None
) -> None:
    """Write a route group, its tests, and its part of openapi.yaml.

    From a few words:

        flask new-group tasks --backend /v1/tasks list create get update delete

    or from a description:

        flask new-group shop --openapi shop.yaml
    """
    checked_name(name)
    prefix = checked_prefix(f"/api/{name}" if prefix is None else prefix)
    if openapi is None:
        if tag is not None:
            raise Unusable("--tag goes with --openapi")
        path = checked_backend(f"/{name}" if backend is None else backend)
        group = from_words(name, words, prefix=prefix, backend=path)
    elif words:
        raise Unusable("words or --openapi, not both")
    else:
        told = description.read(openapi)
        taken = document.operation_ids((ROOT / document.NAME).read_text("utf-8"))
        path = checked_backend(backend or "")
        group = description.from_openapi(told, name, prefix=prefix, backend=path, tag=tag, taken=taken)
    for line in write(ROOT, group):
        click.echo(line)


@click.command("remove-group")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_in_one_line
def remove_group(names: tuple[str, ...]) -> None:
    """Take route groups out: their files, their tests, their part of openapi.yaml."""
    for name in names:
        for line in remove(ROOT, name):
            click.echo(line)


def write(root: Path, group: Group) -> list[str]:
    """Write the group's files below `root`; a line each of what was done.

    Raises:
        Unusable: There is such a group, or a file of its name; nothing was written.
    """
    module, tests = _files_of(root, group.name)
    groups, api = root / "proxy/api/__init__.py", root / document.NAME
    if there := [path for path in (module, tests) if path.exists()]:
        raise Unusable(f"{there[0].relative_to(root)} is there already: nothing was written")
    texts = {
        api: document.with_group(api.read_text("utf-8"), group),
        groups: registry.with_group(groups.read_text("utf-8"), group.name),
        tests: writing.tests(group),
        module: writing.module(group),
    }
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    count = len(group.operations)
    return [
        f"{module.relative_to(root)}: {count} view{'s' * (count > 1)} below {group.prefix}",
        f"{tests.relative_to(root)}: its tests",
        f"{groups.relative_to(root)}, {api.relative_to(root)}: it is in both",
        *group.notes,
        "Next: start the service anew; its tests, after make install-dev:",
        f"  .venv/bin/pytest {tests.relative_to(root)} tests/proxy/test_openapi.py",
    ]


def remove(root: Path, name: str) -> list[str]:
    """Take a group out; a line each of what was done.

    Raises:
        Unusable: There is no such group, or the service needs it; nothing was changed.
    """
    module, tests = _files_of(root, name)
    groups, api, rows = root / "proxy/api/__init__.py", root / document.NAME, root / contract.FILE
    source = groups.read_text("utf-8")
    if name not in registry.groups_of(source) or name in _KEPT:
        removable = ", ".join(each for each in registry.groups_of(source) if each not in _KEPT)
        raise Unusable(f"{name}: not a group that can be taken out; those are {removable}")
    texts = {api: document.without_group(api.read_text("utf-8"), name), groups: registry.without_group(source, name)}
    if rows.exists():
        texts[rows] = contract.without_group(rows.read_text("utf-8"), module.read_text("utf-8"))
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    gone = [path for path in (module, tests) if path.exists()]
    for path in gone:
        path.unlink()
    return [f"{name} is gone: {', '.join(str(path.relative_to(root)) for path in gone)}, and what named it"]


def _files_of(root: Path, name: str) -> tuple[Path, Path]:
    return root / f"proxy/api/{name}.py", root / f"tests/proxy/api/test_{name}.py"
