"""The rules of the house: who may import whom, and how light the door is."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "annealcam"
FILES = sorted(SOURCE.rglob("*.py"))


def imports(path):
    """Every module that a file imports, at any depth, type checking included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MAY_IMPORT = {  # of annealcam, besides errors and what begins with an underscore
    "selection": {"selection"},
    "annealing": {"annealing", "selection"},
    "vision": {"vision"},
    "data": {"data", "vision"},
    "training": {"training", "data", "vision", "files"},
    "metrics": {"metrics", "vision", "selection", "annealing"},
    "interop": {"interop", "vision", "selection", "annealing", "pipeline", "settings", "seen"},
    "study": {"study", "data", "training", "metrics", "vision", "selection", "annealing", "report",
              "explanation", "files", "seen"},
    "report": {"report", "explanation", "hardness", "diagnosis", "drawing", "files", "atlas",
               "selection"},
    "atlas": {"atlas", "data", "vision", "selection", "annealing", "seen", "settings", "files",
              "drawing", "explanation", "resumed"},
    "audit": {"audit", "atlas", "data", "training", "vision", "selection", "annealing", "metrics",
              "seen", "settings", "files", "drawing", "report", "evaluation", "pipeline", "resumed",
              "explanation"},
}  # fmt: skip
FOREIGN = {"selection": {"torch"}, "annealing": {"torch"}, "vision": {"dimod", "dwave"}}
FOREIGN |= {"report": {"torch", "dimod"}, "metrics": {"dimod", "pyarrow"}}
FOREIGN |= {"data": {"torch", "dimod"}, "training": {"dimod"}, "study": {"dimod"}}
FOREIGN |= {"interop": {"dimod"}, "atlas": {"dimod"}, "audit": {"dimod"}}
ON_A_GPU = ("gpu.py", "devices.py", "_torch_kernels.py")  # imported only where a GPU is asked for


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_keep_to_themselves(room):
    for path in (SOURCE / room).rglob("*.py"):
        for name in imports(path):
            package, *inside = name.split(".")
            allowed = package == "torch" and path.name in ON_A_GPU
            assert allowed or package not in FOREIGN[room], f"{path.name} imports {name}"
            if package == "annealcam":
                first = inside[0] if inside else "all of annealcam"
                own = first in MAY_IMPORT[room] or first == "errors" or first.startswith("_")
                assert own, f"{path.name} imports {name}"


def test_nothing_looks_back_at_the_command_line():
    for path in FILES:
        if path.name not in ("cli.py", "__main__.py"):
            assert not any(name.startswith("annealcam.cli.main") for name in imports(path))


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout


def test_importing_costs_next_to_nothing():
    heavy = run_python(
        """
        import sys, annealcam, annealcam.cli.main
        heavy = {"torch", "torchvision", "timm", "numba", "scipy", "dimod", "matplotlib",
                 "skimage", "sklearn", "pyarrow", "distributed", "jinja2", "gradio"}
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
        print("torch" in sys.modules)
        """
    )
    assert loaded.strip() == "False"


def test_public_names_are_there():
    import annealcam as ac

    for name in ac.__all__:
        assert getattr(ac, name) is not None
        assert name in dir(ac)
    assert callable(ac.explain)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ac.nothing


def test_public_functions_have_docstrings_with_an_example_somewhere():
    import annealcam as ac

    results = ("AnnealPath", "AnnealResult", "BatchResult", "ExactSolution", "Explanation",
               "MinimumGap", "SpectrumCurve", "TauSweep")  # fmt: skip
    for name in ac.__all__:
        if name not in ("__version__", "errors", *results):
            assert ">>>" in getattr(ac, name).__doc__, name
