"""Public names of a package, imported at first use: `import annealcam` costs milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: the package's `__name__`.
        modules: the module of each public name, relative to the package, as `levels.gap`.

    >>> getattr_, dir_, all_ = lazy_exports("annealcam.qubo", {"SelectionProblem": "problem"})
    >>> getattr_("SelectionProblem").__name__, dir_()
    ('SelectionProblem', ['SelectionProblem'])
    """

    def __getattr__(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    names = sorted(modules)
    return __getattr__, lambda: names, names


def resolve(target: str) -> Any:
    """Return a function of a higher layer by its place, `module:name`, imported when it is called.

    This is the one deliberate exception to "imports only point downwards": a result offers a method
    that a layer above it carries out (`Explanation.to_html`), as pandas does for its plotting
    backend. Nothing else may use it.

    >>> resolve("annealcam.errors:suggest").__name__
    'suggest'
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
