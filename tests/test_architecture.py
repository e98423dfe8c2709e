"""The layers of the package: which modules may import which, and what an import may cost."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from PIL import Image
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from annealcam.attribution.layer_maps import mean_cosine

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "annealcam"
FILES = sorted(SOURCE.rglob("*.py"))

# From the bottom to the top. A module imports from its own level and from those below it.
LEVELS = (
    ("errors", "_internal", "_version"),
    ("qubo",),
    ("annealing",),
    ("samplers",),
    ("explanation",),
    ("attribution",),
    ("models", "metrics"),
    ("sets",),
    ("settings",),
    ("map_selection",),
    ("pipeline",),
    ("atlas", "data", "training", "interop", "testing"),
    ("render",),
    ("evaluation", "study", "audit", "app", "verification"),
    ("cli", "__main__"),
)
LEVEL = {package: level for level, packages in enumerate(LEVELS) for package in packages}
MOST_AT_THE_ROOT, MOST_IN_A_FOLDER = 8, 15  # modules

FOREIGN = {  # what the modules of a package never import
    "qubo": {"torch", "torchvision", "timm"},
    "annealing": {"torch", "torchvision", "timm"},
    "samplers": {"torch", "torchvision", "timm"},
    "attribution": {"dimod", "dwave"},
    "models": {"dimod", "dwave"},
    "metrics": {"dimod", "dwave", "pyarrow"},
    "sets": {"dimod", "dwave", "pyarrow"},
    "data": {"torch", "dimod"},
    "training": {"dimod"},
    "interop": {"dimod"},
    "atlas": {"dimod"},
    "render": {"torch", "dimod"},
    "study": {"dimod"},
    "audit": {"dimod"},
}
ON_A_GPU = ("gpu.py", "devices.py", "torch_state.py")  # imported only where a GPU is asked for

# The one deliberate step upwards: methods of a result that a higher layer carries out.
PLUG_POINTS = {
    "annealcam.render.html.explanation:write_explanation",
    "annealcam.render.notebook.views:html_of",
    "annealcam.render.notebook.views:plot_of",
    "annealcam.render.notebook.explanation:plot_maps",
}


def module_name(path):
    """The dotted name of a file, relative to the package: `qubo.problem`, "" for the root."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def absolute_names(node, path):
    """The dotted names that an import statement, or a string `module:name`, imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = ("annealcam", *path.relative_to(SOURCE).parts[:-1])
        base = parts[: len(parts) + 1 - node.level] if node.level else ()
        origin = ".".join((*base, *filter(None, [node.module])))
        return [f"{origin}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value in PLUG_POINTS:
            return []
        return re.findall(r"\A(annealcam\.[\w.]+):\w+\Z", node.value)  # imported at first use
    return []


@cache
def imports(path):
    """Every name that a file imports, at any depth, for type checking or not."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return sorted({name for node in tree for name in absolute_names(node, path)})


@cache
def imported_modules(path):
    """The modules of annealcam that a file imports; a package's name is its `__init__`."""
    modules = set()
    for name in imports(path):
        package, *inside = name.split(".")
        if package == "annealcam":
            while ".".join(inside) not in MODULES:
                inside.pop()
            modules.add(".".join(inside))
    return sorted(modules)


def cycles():
    """Modules that import each other: strongly connected components of the graph of imports."""
    names = [name for name in MODULES if name]  # the root imports its public names lazily
    index = {name: i for i, name in enumerate(names)}
    edges = [
        (index[name], index[target])
        for name in names
        for target in imported_modules(MODULES[name])
        if target
    ]
    rows, columns = np.array(edges).T
    graph = csr_array((np.ones(len(edges)), (rows, columns)), shape=(len(names), len(names)))
    _, labels = connected_components(graph, connection="strong")
    for label, size in Counter(labels.tolist()).items():
        if size > 1:
            first = names[labels.tolist().index(label)]
            yield f"cycle: {size} modules, {first} first"


def upward_imports():
    """Imports of a package on a higher level, and of the root's public names."""
    for name, path in MODULES.items():
        for target in imported_modules(path) if name else ():
            if not target or LEVEL[target.split(".")[0]] > LEVEL[name.split(".")[0]]:
                yield f"upwards: {name} -> {target or 'annealcam'}"


def full_folders():
    """Folders with more modules than a reader can keep apart."""
    for folder, size in Counter(path.parent for path in FILES).items():
        if size > (MOST_AT_THE_ROOT if folder == SOURCE else MOST_IN_A_FOLDER):
            yield f"full: {folder.relative_to(SOURCE).as_posix()}"


def foreign_imports():
    """Imports of packages that the level does without."""
    for name, path in MODULES.items():
        for target in imports(path):
            allowed = target.split(".")[0] == "torch" and path.name in ON_A_GPU
            if not allowed and target.split(".")[0] in FOREIGN.get(name.split(".")[0], ()):
                yield f"foreign: {name} -> {target.split('.')[0]}"


def packages_without_exports():
    """Packages that do not list their public names."""
    for package in sorted(set(LEVEL) - {"_internal", "cli"}):
        path = MODULES[package]
        if path.name == "__init__.py" and "__all__" not in path.read_text(encoding="utf-8"):
            yield f"no exports: {package}"


def test_modules_lie_in_layers():
    violations = {
        *cycles(), *upward_imports(), *full_folders(), *foreign_imports(),
        *packages_without_exports(),
    }  # fmt: skip
    assert sorted(violations) == []


WRITES = {"write_text", "write_bytes", "savefig", "savez", "savez_compressed", "write_table"}
OPENS_TO_WRITE = re.compile(r"[wax]")
ASIDE = {"written_aside", "file_written_aside"}  # of _internal/storage
# Modules that write into a folder or a stream of their caller, who writes it aside.
INTO_WHAT_IS_ASIDE = {
    "explanation.folder", "models.checkpoints", "render.figures.sheets", "qubo.files.writers",
    "_internal.pictures.curves", "render.latex",
}  # fmt: skip


def calls_that_write(path):
    """The lines on which a file writes files, by the names of its calls."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        mode = [a.value for a in node.args[-1:] if isinstance(a, ast.Constant)]
        opens = name == "open" and mode and OPENS_TO_WRITE.match(str(mode[0]))
        if name in WRITES or opens:
            yield node.lineno


def test_every_file_is_written_aside():
    """A module that writes imports a writer that is atomic; tests/crashes kills them all."""
    direct = {
        name: lines
        for name, path in MODULES.items()
        if (lines := list(calls_that_write(path)))
        and not any(one.rpartition(".")[2] in ASIDE for one in imports(path))
        and not name.startswith("_internal.storage")
    }
    assert direct.keys() == INTO_WHAT_IS_ASIDE, direct


def test_public_names_are_imported_and_so_are_their_results():
    """Exported names exist, no module hides one, and a function's result type is public too."""
    packages = [import_module("annealcam")]
    for name in MODULES:
        if MODULES[name].name == "__init__.py" and "__all__" in MODULES[name].read_text("utf-8"):
            packages.append(import_module(f"annealcam.{name}".rstrip(".")))
    exported = {name: getattr(package, name) for package in packages for name in package.__all__}
    hidden = [name for name, value in exported.items() if inspect.ismodule(value)]
    assert sorted(hidden) == ["errors", "metrics"]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    classes = {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    functions = {name: value for name, value in exported.items() if inspect.isfunction(value)}
    results = {
        result
        for function in functions.values()
        for result in re.findall(r"\b[A-Z]\w+", str(inspect.signature(function).return_annotation))
    }
    # Of matplotlib, pathlib and pyarrow; private classes share their names.
    foreign = {"Figure", "Path", "Table"}
    assert (results & classes) - set(exported) - foreign == set()


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout


def test_importing_costs_next_to_nothing():
    heavy = run_python(
        """
        import sys, annealcam, annealcam.cli.main
        heavy = {"torch", "torchvision", "timm", "numba", "scipy", "dimod", "matplotlib",
                 "skimage", "sklearn", "pyarrow", "distributed", "jinja2", "starlette"}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert heavy.strip() == "[]"


def test_the_library_without_a_network_needs_no_torch():
    loaded = run_python(
        """
        import sys, annealcam as ac, numpy as np
        p = ac.SelectionProblem(np.ones(3), np.zeros((3, 3)))
        ac.anneal(p), ac.solve_exact(p), ac.AnnealingSampler().sample(p.to_bqm())
        ac.anneal(p)._repr_html_(), ac.solve_exact(p)._repr_html_(), ac.minimum_gap(p).plot()
        print("torch" in sys.modules)
        """
    )
    assert loaded.strip() == "False"


def test_explaining_a_photo_needs_no_extra_and_imports_little(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    loaded = run_python(
        f"""
        import sys
        from typer.testing import CliRunner
        extras = ("torchvision", "timm", "transformers", "starlette", "uvicorn", "distributed",
                  "captum", "pytorch_grad_cam", "pyscipopt", "pyarrow", "sklearn", "skimage",
                  "pandas")
        sys.modules.update(dict.fromkeys(extras))  # importing them is an ImportError
        from annealcam.cli.main import app
        command = ["explain", {str(tmp_path / "photo.png")!r}, "--html", "-o", {str(tmp_path)!r}]
        run = CliRunner().invoke(app, command)
        costly = ("scipy.stats", "scipy.optimize", "matplotlib", "torch._dynamo", "sympy")
        print(run.exit_code, [name for name in costly if name in sys.modules])
        """
    )
    assert loaded.strip() == "0 []"


def test_public_names_are_there():
    import annealcam as ac

    for name in ac.__all__:
        assert getattr(ac, name) is not None
        assert name in dir(ac)
    assert callable(ac.explain)
    with pytest.raises(AttributeError, match="attribute .*nothing"):
        _ = ac.nothing


def test_public_functions_have_docstrings_with_an_example_somewhere():
    import annealcam as ac

    results = ("AnnealPath", "AnnealResult", "BatchResult", "ExactSolution", "Explanation",
               "FlipSet", "HardwareReport", "MinimumGap", "Selection", "SpectrumCurve",
               "SufficientSet", "TauSweep", "Verified", "VerifiedList")  # fmt: skip
    for name in ac.__all__:
        if name not in ("__version__", "errors", "metrics", *results):
            assert ">>>" in getattr(ac, name).__doc__, name


def test_array_shapes_are_checked_while_tests_run():
    with pytest.raises(TypeCheckError, match="k pixels"):
        mean_cosine(np.ones(3))
