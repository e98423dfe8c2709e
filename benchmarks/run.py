"""Speed against named peers, side by side in one run: `make bench`.

Every row times our call and the peer's in turn, after a warm-up of both, and prints medians and
the ratio peer / ours. Compile time is paid in the warm-up and printed for itself. The machine's
other work moves the times more than the ratios: quote the ratios.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

OUT = Path(__file__).parent / "results.json"


def timed(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def side_by_side(ours: Callable[[], Any], peer: Callable[[], Any], runs: int) -> dict[str, float]:
    """Medians in milliseconds, taken in turn so that both see the same machine."""
    ours(), peer()
    pairs = [(timed(ours), timed(peer)) for _ in range(runs)]
    mine, theirs = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = [b / a for a, b in pairs]
    return {"ours_ms": mine, "peer_ms": theirs, "ratio": statistics.median(ratios)}


def relu_problem(d: int) -> Any:
    import annealcam as ac

    rng = np.random.default_rng(d)
    maps = np.maximum(rng.normal(size=(d, 49)), 0.0)
    return ac.SelectionProblem.from_maps(maps, rng.uniform(0.02, 1.0, d))


def bench_import() -> list[dict[str, Any]]:
    """`import annealcam` against an interpreter that imports nothing."""

    def python(code: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    found = side_by_side(python("import annealcam"), python("pass"), 7)
    extra = found["ours_ms"] - found["peer_ms"]
    return [{"what": f"import annealcam (+{extra:.0f} ms)", "peer": "python alone", **found}]


def bench_cam() -> list[dict[str, Any]]:
    """Grad-CAM of one photo, and a whole explanation, against the package grad-cam."""
    import skimage.data
    from PIL import Image
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    import annealcam as ac

    rows = []
    photo = Image.fromarray(skimage.data.chelsea())
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

        label = {"peer": "grad-cam's GradCAM"}
        rows.append({"what": f"Grad-CAM, {name}", **label, **side_by_side(ours, theirs, 15)})
        what = f"explain (12 qubits annealed), {name}"
        rows.append({"what": what, **label, **side_by_side(whole, theirs, 15)})
    return rows


def bench_anneal() -> list[dict[str, Any]]:
    """F to 1e-6 from (h, J), tau = 50, against qutip.sesolve with its default options."""
    import qutip

    import annealcam as ac
    from annealcam.annealing.hamiltonian import diagonal

    rows = []
    for d in (6, 8, 10, 12):
        p, tau, scale = relu_problem(d), 50.0, 1.0 / d
        x = sum(
            qutip.tensor([qutip.sigmax() if q == r else qutip.qeye(2) for q in range(d)])
            for r in range(d)
        ).to("csr")
        energies = diagonal(p).reshape((2,) * d).transpose(range(d)[::-1]).ravel()
        h = qutip.Qobj(np.diag(energies), dims=x.dims).to("csr")
        start = qutip.tensor([(qutip.basis(2, 0) + qutip.basis(2, 1)).unit()] * d)
        parts = [[-scale * x, lambda t, tau=tau: 1 - t / tau], [h, lambda t, tau=tau: t / tau]]

        def theirs(parts: Any = parts, start: Any = start, tau: float = tau) -> Any:
            return qutip.sesolve(parts, start, [0, tau])

        def ours(p: Any = p, tau: float = tau) -> Any:
            return ac.anneal(p, tau=tau)

        state = theirs().states[-1].full().ravel()
        theirs_f = (np.abs(state) ** 2)[energies <= energies.min() + p.tie].sum()
        truth = ac.anneal(p, tau=tau, tol=1e-10).success_probability
        errors = abs(ours().success_probability - truth), abs(theirs_f - truth)
        what = f"anneal d={d}, error of F {errors[0]:.0e} (peer {errors[1]:.0e})"
        rows.append({"what": what, "peer": "qutip.sesolve", **side_by_side(ours, theirs, 5)})
    return rows


def bench_exact() -> list[dict[str, Any]]:
    """The certified optimum against dimod's enumeration, and where ours ends."""
    import dimod

    import annealcam as ac

    rows = []
    for d in (12, 16, 18):
        p = relu_problem(d)
        bqm = p.to_bqm()
        found = side_by_side(
            lambda p=p: ac.solve_exact(p), lambda b=bqm: dimod.ExactSolver().sample(b).first, 3
        )
        rows.append({"what": f"solve_exact d={d}", "peer": "dimod.ExactSolver", **found})
    p = relu_problem(24)
    spent = 1e3 * statistics.median(timed(lambda: ac.solve_exact(p)) for _ in range(3))
    rows.append({"what": "solve_exact d=24", "peer": "-", "ours_ms": spent})
    return rows


def compile_time() -> float:
    """Seconds that the first annealing of this process took beyond the second."""
    import annealcam as ac

    first, second = (timed(lambda: ac.anneal(relu_problem(4))) for _ in range(2))
    return first - second


def main() -> None:
    torch.set_num_threads(1)
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{machine}; one thread; kernels ready after {compile_time():.2f} s\n")
    print(f"{'what':58} {'ours ms':>9} {'peer ms':>9} {'peer/ours':>9}  peer")
    rows = []
    for bench in (bench_import, bench_cam, bench_anneal, bench_exact):
        for row in bench():
            rows.append(row)
            peer = f"{row['peer_ms']:9.2f} {row['ratio']:8.2f}x" if "ratio" in row else " " * 19
            print(f"{row['what']:58} {row['ours_ms']:9.2f} {peer}  {row['peer']}", flush=True)
    OUT.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    main()
