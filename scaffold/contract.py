"""tests/proxy/api/endpoints.py: the rows of KilomeTracker's contract that go with a group that is taken out."""

import ast
import re

FILE = "tests/proxy/api/endpoints.py"


def without_group(source: str, module: str) -> str:
    """`source` without the rows whose method and path are a view's of `module`, the text of the group's file."""
    gone = {re.sub(r"<\w+>", "{}", route) for route in _routes_of(module)}
    lines = source.splitlines(keepends=True)
    for row in reversed(_rows_of(source)):
        method, path = (ast.literal_eval(argument) for argument in row.args[1:3])
        if f"{method} {path}" in gone:
            del lines[row.lineno - 1 : row.end_lineno]
    return "".join(lines)


def _rows_of(source: str) -> list[ast.Call]:
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "ENDPOINTS"
            and isinstance(node.value, ast.Tuple)
        ):
            return [row for row in node.value.elts if isinstance(row, ast.Call)]
    return []


def _routes_of(module: str) -> set[str]:
    """`PUT /api/tasks/<task_id>` and the others of a group's file."""
    tree = ast.parse(module)
    [prefix] = [
        ast.literal_eval(keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "url_prefix"
    ]
    return {
        f"{decorator.func.attr.upper()} {prefix}{ast.literal_eval(decorator.args[0])}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)
    }
