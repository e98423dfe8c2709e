"""Make the picture of the README by its own lines: `python -m tests.docs.make_example`."""

import re
import warnings
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import annealcam as ac
from annealcam.errors import AnnealcamWarning

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURE = ROOT / "docs" / "img" / "cup-and-cat.jpg"
CODE = re.compile(r"^```python\n(.*?)^```\n\n```\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Each block of the README with what it prints.
BLOCKS = CODE.findall(README)


def make_picture(values: dict[str, Any]) -> Figure:
    """Return the photo and three maps, from the values that the README's first block leaves."""
    photo, preprocess, e = values["photo"], values["preprocess"], values["e"]
    asked = {"class_names": values["classes"], "sampler": "exact"}
    image = preprocess(photo)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)  # few maps carry little of the logit
        k = len(e.selected)
        strongest = ac.explain(values["model"], image, beta=1.0, cardinality=k, **asked)
        cat = ac.explain(values["model"], image, target="Egyptian cat", against="espresso", **asked)
    panels = (
        ("photo", "", photo),
        ("espresso", f"{k} selected maps: fidelity {e.fidelity:.2f}", e.overlay(photo, preprocess)),
        ("espresso", f"{k} of largest contribution: {strongest.fidelity:.2f}",
         strongest.overlay(photo, preprocess)),
        ("Egyptian cat, not espresso", f"{len(cat.selected)} selected map: {cat.fidelity:.2f}",
         cat.overlay(photo, preprocess)),
    )  # fmt: skip
    figure = Figure(figsize=(11, 3.3), layout="constrained")
    for axes, (title, below, picture) in zip(figure.subplots(1, 4), panels, strict=True):
        axes.imshow(picture)
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold")
        axes.set_xlabel(below, loc="left", fontsize=11)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


if __name__ == "__main__":
    left: dict[str, Any] = {}
    exec(BLOCKS[0][0], left)
    make_picture(left).savefig(PICTURE, dpi=110, pil_kwargs={"quality": 88, "optimize": True})
