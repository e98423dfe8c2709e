"""Speed against named peers, side by side in one run: `make bench`.

Every row times our call and the peer's in turn, after a warm-up of both, and prints medians, minima
and the ratios peer / ours. The machine's other work moves the times more than the ratios: quote the
ratios. The annealing engine has its own file, annealing.py; so do the times of photos (photos.py).
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

import annealing
from problems import relu_problem
from timing import Row, alone, print_heading, print_row, side_by_side, use_one_thread

OUT = Path(__file__).parent / "results.json"


def bench_import() -> list[Row]:
    """`import annealcam` against an interpreter that imports nothing."""

    def python(code: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    ours, bare = side_by_side(python("import annealcam"), python("pass"), 7)
    extra = f"{1e3 * (ours.median - bare.median):.0f} ms beyond Python's own start"
    return [Row("import annealcam", ours, "python alone", bare, note=extra)]


def bench_cam() -> list[Row]:
    """Grad-CAM of one photo, and a whole explanation, against the package grad-cam."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    import annealcam as ac
    from annealcam.models import load_photo

    rows = []
    photo = load_photo("skimage:chelsea")
    for name, layer in (("efficientnet-lite0", "bn2"), ("torchvision:resnet18:none", "layer4")):
        model, preprocess, _ = ac.load_model(name)
        image = preprocess(photo)
        peer = GradCAM(model=model, target_layers=[model.get_submodule(layer)])
        targets = [ClassifierOutputTarget(282)]

        def theirs(peer: Any = peer, image: Any = image, targets: Any = targets) -> Any:
            return peer(input_tensor=image[None], targets=targets)

        def ours(model: Any = model, image: Any = image, layer: str = layer) -> Any:
            return ac.cam(model, image, layer=layer, target=282)

        def whole(model: Any = model, image: Any = image, layer: str = layer) -> Any:
            return ac.explain(model, image, layer=layer, target=282, max_qubits=12)

        for what, call in (("Grad-CAM", ours), ("explain (12 qubits)", whole)):
            mine, peers = side_by_side(call, theirs, 15)
            rows.append(Row(f"{what}, {name}", mine, "grad-cam's GradCAM", peers))
    return rows


def bench_exact() -> list[Row]:
    """The certified optimum against dimod's enumeration, and where ours ends."""
    import dimod

    import annealcam as ac

    rows = []
    for d in (12, 16, 18):
        p = relu_problem(d)
        bqm = p.to_bqm()
        ours, theirs = side_by_side(
            lambda p=p: ac.solve_exact(p), lambda b=bqm: dimod.ExactSolver().sample(b).first, 3
        )
        rows.append(Row(f"solve_exact d={d}", ours, "dimod.ExactSolver", theirs))
    p = relu_problem(24)
    return [*rows, Row("solve_exact d=24", alone(lambda: ac.solve_exact(p), 3))]


def main(quick: Annotated[bool, typer.Option(help="small annealing problems")] = False) -> None:
    torch.set_num_threads(1)
    use_one_thread()
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{machine}; one thread")
    print_heading("what")
    rows = []
    for bench in (bench_import, bench_cam, bench_exact):
        for row in bench():
            rows.append(row.as_json())
            print_row(row)
    results = {"machine": machine, "rows": rows, "annealing": annealing.measure(quick=quick)}
    OUT.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    typer.run(main)
