"""The generated pages of the site: the API from the stubs and docstrings, and the command line.

    python tools/reference_pages.py FOLDER

`docs/conf.py` calls this before each build. Every public name has one entry: in the page of
`annealcam` if it is exported there, else in that of its package.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from annealcam._internal.plug_points import PlottedResult

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"


def packages() -> list[str]:
    """Return the names of all packages with a stub of public names, parents first."""
    stubs = SOURCE.glob("annealcam/**/__init__.pyi")
    return sorted(".".join(stub.parent.relative_to(SOURCE).parts) for stub in stubs)


def public_names() -> dict[str, list[str]]:
    """Return the public names of each package that are not packages or modules themselves."""
    found = {}
    for package in packages():
        module = importlib.import_module(package)
        values = {name: getattr(module, name) for name in module.__all__}
        found[package] = [
            name
            for name, value in values.items()
            if not isinstance(value, ModuleType) and name != "__version__"
        ]
    return found


def homes() -> dict[str, dict[str, str]]:
    """Return, for each package, its names with the full name of their entry.

    An object that several packages export has its entry in the first of them.
    """
    first: dict[Any, str] = {}
    found: dict[str, dict[str, str]] = {}
    for package, names in public_names().items():
        module = importlib.import_module(package)
        found[package] = {}
        for name in names:
            key = _source_of(package, name) or id(getattr(module, name))
            found[package][name] = first.setdefault(key, f"{package}.{name}")
    return found


def _source_of(package: str, name: str) -> tuple[str, str] | None:
    """Return the module and the name from which the stub of a package imports a name."""
    stub = SOURCE.joinpath(*package.split("."), "__init__.pyi")
    for node in ast.parse(stub.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    value = getattr(importlib.import_module(package), name)
                    if inspect.isclass(value) or inspect.isfunction(value):
                        return value.__module__, value.__qualname__
                    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                    module = ".".join([*parts, *(node.module or "").split(".")]).rstrip(".")
                    return _definition(module, alias.name)
    return None


def _definition(module: str, name: str) -> tuple[str, str]:
    """Return where a constant is assigned, through the stubs that pass it on."""
    stub = SOURCE.joinpath(*module.split("."), "__init__.pyi")
    return (_source_of(module, name) or (module, name)) if stub.exists() else (module, name)


def write_reference(folder: Path) -> None:
    """Write the pages `api/*.rst` and `cli.md` into a folder, where they have changed."""
    entries = homes()
    api = folder / "api"
    api.mkdir(parents=True, exist_ok=True)
    tops = [name for name in entries if name.count(".") <= 1]
    pages = {f"{top}.rst": _page(top, entries) for top in tops}
    for stale in {file.name for file in api.iterdir()} - set(pages):
        (api / stale).unlink()
    for name, text in pages.items():
        _write(api / name, text)
    _write(folder / "cli.md", command_line())


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")


def _page(top: str, entries: dict[str, dict[str, str]]) -> str:
    """Return the page of a package and of the packages in it."""
    inner = [name for name in entries if name.startswith(f"{top}.") and top != "annealcam"]
    parts = [_heading(top, "=")]
    for package in [top, *inner]:
        if package != top:
            parts.append(_heading(package, "-"))
        parts += _entries(package, entries[package])
    if top == "annealcam":
        parts += _errors()
    return "\n".join(parts)


def _heading(package: str, line: str) -> str:
    text = (importlib.import_module(package).__doc__ or "").strip().split("\n\n")[0]
    return f"{package}\n{line * len(package)}\n\n.. py:module:: {package}\n\n{text}\n"


def _entries(package: str, names: dict[str, str]) -> Iterator[str]:
    """Yield a table of the names of a package, and the entries that have their place in it."""
    yield ".. list-table::\n   :widths: 35 65\n   :class: names\n"
    for name, home in names.items():
        line = _first_line(package, name)
        yield f"   * - :py:obj:`~{home}`\n     - {line}"
    yield ""
    for name, home in names.items():
        if home == f"{package}.{name}":
            yield _entry(package, name)


def _first_line(package: str, name: str) -> str:
    text = _docstring(package, name).strip().split("\n\n")[0]
    return _escaped(" ".join(text.split())) or "\\"


def _docstring(package: str, name: str) -> str:
    value = getattr(importlib.import_module(package), name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__doc__ or ""
    return _text_of_constant(*(_source_of(package, name) or (package, name)))


def _text_of_constant(module: str, name: str) -> str:
    """Return the string below the assignment of a constant, or the comment beside or above it."""
    file = SOURCE.joinpath(*module.split("."))
    file = file.with_suffix(".py") if file.with_suffix(".py").exists() else file / "__init__.py"
    text = file.read_text("utf-8")
    body, lines = ast.parse(text).body, text.splitlines()
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        assigned = [part for target in targets if target for part in ast.walk(target)]
        if not any(isinstance(part, ast.Name) and part.id == name for part in assigned):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return str(after.value.value)
        beside = re.search(r"  # (.*)", lines[node.lineno - 1])
        above = re.fullmatch(r"# (.*)", lines[node.lineno - 2])
        comment = beside or above
        return comment.group(1) if comment else ""
    return ""


def _entry(package: str, name: str) -> str:
    value = getattr(importlib.import_module(package), name)
    full = f"{package}.{name}"
    if inspect.isclass(value):
        inherited = "   :inherited-members:\n" if issubclass(value, PlottedResult) else ""
        return f".. autoclass:: {full}\n   :members:\n{inherited}"
    if inspect.isfunction(value):
        return f".. autofunction:: {full}\n"
    text = _escaped(" ".join(_docstring(package, name).split()))
    if isinstance(value, Mapping | tuple) and all(isinstance(part, str) for part in value):
        text += "\n\n   " + ", ".join(f"`{part}`" for part in value)
    return f".. py:data:: {name}\n   :type: {type(value).__name__}\n\n   {text}\n"


def _errors() -> Iterator[str]:
    """Yield the entries of `annealcam.errors`."""
    module = importlib.import_module("annealcam.errors")
    yield "annealcam.errors\n----------------\n\n.. py:module:: annealcam.errors\n"
    yield (module.__doc__ or "").strip().split("\n\n")[0] + "\n"
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__:
            yield f".. autoclass:: annealcam.errors.{name}\n   :show-inheritance:\n"


def plain_docstring(
    _app: Any, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Make a docstring of plain text readable as reStructuredText, in place.

    Indented blocks (formulas) become literal blocks, names of pages (docs/NAME.md) links, and
    characters that reStructuredText would interpret are escaped outside backticks and examples.
    """
    result: list[str] = []
    literal: int | None = None  # the indentation of the current formula
    example = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        blank = not line.strip()
        if line.lstrip().startswith(">>>"):
            example, literal = True, None
        elif blank:
            example = False
        if literal is not None and not blank and indent < literal:
            literal = None
        if literal is None and not blank and not example and _begins_formula(result, indent):
            before = _last(result)
            base = " " * (len(before) - len(before.lstrip()))
            result += [f"{base}::", ""]
            literal = indent
        result.append(line if literal is not None or example or blank else _escaped(line))
    lines[:] = result


def public_signature(
    _app: Any, _what: str, _name: str, _value: Any, _options: Any, signature: str, result: str
) -> tuple[str, str] | None:
    """Return a signature without the private fields of a class, or None if it has none.

    >>> public_signature(None, "class", "", None, None, "(a: dict[str, int], _b: int = 0)", None)
    ('(a: dict[str, int])', None)
    """
    if not signature or not re.search(r"[(,]\s*_\w", signature):
        return None
    fields, depth, start = [], 0, 1
    for place, sign in enumerate(signature):
        depth += (sign in "([{") - (sign in ")]}")
        if (sign == "," and depth == 1) or place == len(signature) - 1:
            fields.append(signature[start:place].strip())
            start = place + 1
    return f"({', '.join(field for field in fields if not field.startswith('_'))})", result


def _last(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def _begins_formula(before: list[str], indent: int) -> bool:
    """Return whether a line with some indentation begins a block of its own after a blank line."""
    if not before or before[-1].strip():
        return False
    last = _last(before)
    return indent >= len(last) - len(last.lstrip()) + 4 and not last.lstrip().startswith(">>>")


def _escaped(line: str) -> str:
    """Escape what reStructuredText would interpret, outside backticks."""
    parts = re.split(r"(`+[^`]*`+)", line)
    for i in range(0, len(parts), 2):
        bullet = re.match(r"\s*[*-] ", parts[i]) if i == 0 else None
        begin = bullet.end() if bullet else 0
        text = re.sub(r"([*|])", r"\\\1", parts[i][begin:])
        text = re.sub(r"(?<=\w)_(?!\w)", r"\\_", text)
        parts[i] = parts[i][:begin] + re.sub(r"\bdocs/([\w/-]+)\.md", r":doc:`/\1`", text)
    return "".join(parts)


def command_line() -> str:
    """Return the page of all commands with their arguments and options."""
    from typer.main import get_command

    from annealcam.cli.main import app

    text = "# Command line\n\n`annealcam COMMAND --help` prints the same, shorter.\n"
    return text + "\n".join(_command(get_command(app), "annealcam"))


def _command(command: Any, name: str) -> Iterator[str]:
    context = command.context_class(command, info_name=name)
    commands = getattr(command, "commands", {})
    if not commands or command.invoke_without_command:
        yield from _options(command, name, context)
    for inner, value in commands.items():
        if not value.hidden:
            yield from _command(value, f"{name} {inner}")


def _options(command: Any, name: str, context: Any) -> Iterator[str]:
    """Yield the help, the usage and the tables of the parameters of a command."""
    yield f"\n## {name}\n\n{_markdown(command.help or '')}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{name} {usage}\n```\n"
    panels: dict[str, list[str]] = {}
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or parameter.name == "help":
            continue
        panel = getattr(parameter, "rich_help_panel", None) or (
            "Arguments" if parameter.param_type_name == "argument" else "Options"
        )
        panels.setdefault(panel, []).append(_row(parameter, context))
    for panel, rows in panels.items():
        yield f"| {panel} | |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _row(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        names = parameter.metavar or str(parameter.name).upper()
        text = parameter.help or ""
    else:
        record = parameter.get_help_record(context)
        names, text = record if record else (", ".join(parameter.opts), parameter.help or "")
    return f"| `{_cell(names)}` | {_markdown(_cell(text))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _markdown(text: str) -> str:
    """Return the text of a help message, in which nothing but backticks is markup."""
    text = text.replace("\b\n", "\n").replace("\b", "")
    text = re.sub(r"^(Examples?: )([^`\n]+)$", r"\1`\2`", text, flags=re.MULTILINE)
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([<>*_\[\]])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]))
