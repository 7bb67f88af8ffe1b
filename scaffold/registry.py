"""GROUPS of proxy/api/__init__.py: a group put into it, or taken out."""

import ast
import re

from scaffold.operations import Unusable


def groups_of(source: str) -> list[str]:
    """The names of the groups, in their order."""
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "GROUPS"
            and isinstance(node.value, ast.Tuple)
        ):
            return [ast.unparse(element).removesuffix(".bp") for element in node.value.elts]
    raise Unusable("proxy/api/__init__.py: there is no tuple GROUPS")


def with_group(source: str, name: str) -> str:
    """`source` with the group, the last before the document's."""
    groups = groups_of(source)
    place = groups.index("openapi") if "openapi" in groups else len(groups)
    return _with_groups(source, [*groups[:place], name, *groups[place:]])


def without_group(source: str, name: str) -> str:
    """`source` without the group."""
    return _with_groups(source, [group for group in groups_of(source) if group != name])


def _with_groups(source: str, groups: list[str]) -> str:
    """As the formatter would leave it: imports in the order of the alphabet, on one line where they fit."""
    names = sorted(groups)
    imported = f"from proxy.api import {', '.join(names)}\n"
    if len(imported) > 121:
        imported = "from proxy.api import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"
    listed = "GROUPS = (\n" + "".join(f"    {name}.bp,\n" for name in groups) + ")\n"
    source, imports = re.subn(r"^from proxy\.api import (?:\([^)]*\)|[^\n(]*)\n", imported, source, flags=re.MULTILINE)
    source, tuples = re.subn(r"^GROUPS = \([^)]*\)\n", listed, source, flags=re.MULTILINE)
    if (imports, tuples) != (1, 1):
        raise Unusable("proxy/api/__init__.py: its import of the groups, or GROUPS, is written in another way")
    return source
