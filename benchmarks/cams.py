"""Score-CAM and Ablation-CAM beside pytorch-grad-cam's: time on the same network, and agreement.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/cams.py

One photo at 224 x 224, EfficientNet-Lite0, one thread, both sides in turn. Of the 1280 maps of the
last layer the peer runs all, so `--layer bn2` takes it minutes for each measurement; the earlier
layers show the same with fewer maps. The maps must agree to 1e-4 of their maximum before they are
resized, else the program ends with an error. The memory is what the process grew by at its peak.
"""

from __future__ import annotations

import resource
from typing import Annotated, Any

import numpy as np
import torch
import typer
from pytorch_grad_cam import AblationCAM, ScoreCAM

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.models import load_photo
from timing import Row, Timing, print_heading, print_row, timed, use_one_thread

PEERS = {"scorecam": ScoreCAM, "ablationcam": AblationCAM}
AGREE = 1e-4


def peak() -> float:
    """The most memory that the process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def raw_map(method: str, model: torch.nn.Module, layer: str, image: torch.Tensor) -> np.ndarray:
    """The peer's map at the layer's resolution; its hooks, which keep all outputs, are removed."""
    peer: Any = PEERS[method](model=model, target_layers=[model.get_submodule(layer)])
    found: list[np.ndarray] = []
    draw = type(peer).get_cam_image
    peer.get_cam_image = lambda *values: found.append(draw(peer, *values)) or found[-1]
    peer(input_tensor=image[None], targets=None)
    peer.activations_and_grads.release()
    return np.maximum(found[0][0], 0)


def row(method: str, model: torch.nn.Module, layer: str, image: torch.Tensor, runs: int) -> Row:
    captured = capture(model, image[None], layer=layer)
    alive = int(captured.activations.flatten(2).any(dim=2).sum())
    before = peak()
    own = ac.cam(model, image, layer=layer, method=method)
    grown = peak() - before
    mine, theirs, apart = [], [], 0.0
    for _ in range(runs):
        mine.append(timed(lambda: ac.cam(model, image, layer=layer, method=method)))
        results: list[np.ndarray] = []
        theirs.append(timed(lambda: results.append(raw_map(method, model, layer, image))))  # noqa: B023
        apart = max(apart, float(np.abs(own - results[0]).max() / own.max()))
    if not apart < AGREE:
        raise SystemExit(f"{method} at {layer}: the maps differ by {apart:.1e} of their maximum")
    note = f"{alive} of {captured.activations.shape[1]} maps alive; apart {apart:.0e}; "
    note += f"peak memory +{grown:.2f} GB"
    return Row(
        f"{method}, {layer}", Timing.of(mine), PEERS[method].__name__, Timing.of(theirs), None, note
    )


def main(
    layer: Annotated[list[str] | None, typer.Option(help="of the network")] = None,
    runs: Annotated[int, typer.Option(help="measurements of each")] = 1,
) -> None:
    use_one_thread()
    torch.set_num_threads(1)
    loaded = ac.load_model()
    image = loaded.preprocess(load_photo("skimage:chelsea"))
    print_heading("CAM methods that run the network, one photo, one thread")
    for name in layer or ["bn1", "bn2"]:
        for method in PEERS:
            print_row(row(method, loaded.model, name, image, runs))


if __name__ == "__main__":
    typer.run(main)
