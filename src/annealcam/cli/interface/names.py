"""Names and defaults of the library, written out: to import them takes longer than all else.

A test compares them with the library.
"""

from __future__ import annotations

NORMALISATIONS = ("per_qubit", "unit", "dwave")
SETS = ("digits", "crops", "imagenette", "stl10", "cifar10", "caltech101", "oxford-pet")
PARTS = ("train", "validation", "test", "all")
PRESETS = ("paper",)
STUDIES = (
    "digits", "digits-evidence", "crops", "paper", "paper-imagenette", "imagenet-layer",
    "imagenet-evidence",
)  # fmt: skip
IMPORTANCES = ("alignment", "contribution", "gradcam")
BETA = {"evidence": None, "relative": 2 / 3, "sum": 0.9}  # by the objective
FIDELITY = 0.95
MODELS = (
    "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "paper-16", "paper-24",
    "paper-32", "digits",
)  # fmt: skip
