"""The cost of reading any network: captures beside a plain hook, `explain` beside grad-cam.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/networks.py

One thread, both sides in turn. `capture` of a named layer is compared with the least code that
gives the same activations and gradients: a forward hook and `torch.autograd.grad`; `explain` with
its defaults, which chooses the layer, with Grad-CAM of the package grad-cam at the layer given.

With `--before`, a checkout of another version of annealcam, `explain` and `cam` are timed on
EfficientNet-Lite0 in two processes in turn, one with each version. Printed are medians, their
ratio, and its 95 % interval by bootstrap over the measurements. The first line is a control, the
network alone: its time differs between processes as well, by their memory. All times are those of
the processor, which other work on the machine moves less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from timing import Row, Timing, print_heading, print_row, use_one_thread

HERE = Path(__file__).resolve().parents[1]
VOLUME = 32  # voxels of a side
Network = tuple[nn.Module, Tensor, str]


def networks() -> dict[str, Network]:
    """Return networks of several forms, an input of each, and a layer."""
    import timm

    import annealcam as ac
    from annealcam.models import load_photo

    model, preprocess, _ = ac.load_model()
    photo = preprocess(load_photo("skimage:chelsea"))
    torch.manual_seed(0)
    volumes = nn.Sequential(
        nn.Conv3d(1, 16, 3), nn.ReLU(), nn.Conv3d(16, 32, 3, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(32, 5),
    )  # fmt: skip
    tokens = timm.create_model("vit_tiny_patch16_224")
    nn.init.normal_(tokens.head.weight, std=0.1)  # zero at first: all logits would be zero
    return {
        "efficientnet-lite0": (model, photo, "bn2"),
        "resnet18": (timm.create_model("resnet18").eval(), photo, "layer4"),
        "vit_tiny": (tokens.eval(), photo, "blocks.11.norm1"),
        "volumes": (volumes.eval(), torch.randn(1, VOLUME, VOLUME, VOLUME), "3"),
    }


def plain_capture(model: nn.Module, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Return the output of a layer and the gradient of the predicted class, by the least code."""
    kept: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda *given: kept.append(given[2]))
    try:
        score = model(images).max(dim=1).values.sum()
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(score, kept[-1])
    return kept[-1].detach(), gradient


def in_turn(ours: Callable[[], Any], peer: Callable[[], Any], runs: int) -> tuple[Timing, Timing]:
    """Return the seconds of the processor of two calls, in turn, after a warm-up of both."""
    calls = (ours, peer)
    pairs = [[used(call) for call in calls] for _ in range(runs + 1)][1:]
    mine, theirs = zip(*pairs, strict=True)
    return Timing.of(list(mine)), Timing.of(list(theirs))


def used(call: Callable[[], Any]) -> float:
    """Return the seconds of the processor that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def capture_row(name: str, network: Network, runs: int) -> Row:
    """Time the capture of a layer beside the plain one, once both give the same maps."""
    from annealcam.attribution.activations import capture

    model, image, layer = network
    images = image[None]
    own, (maps, gradients) = (
        capture(model, images, layer=layer),
        plain_capture(model, images, layer),
    )
    assert own.form is not None
    for mine, plain in ((own.activations, maps), (own.gradients, gradients)):
        if not torch.allclose(mine, own.form.to_maps(plain), rtol=1e-3, atol=1e-6):
            raise SystemExit(f"{name}: the captures differ")
    ours, theirs = in_turn(
        lambda: capture(model, images, layer=layer),
        lambda: plain_capture(model, images, layer),
        runs,
    )
    return Row(f"capture {layer}, {name}", ours, "a hook and autograd", theirs, note=own.form.form)


def explain_row(name: str, network: Network, runs: int) -> Row:
    """Time `explain` with its defaults beside the package's Grad-CAM at the named layer."""
    from pytorch_grad_cam import GradCAM

    import annealcam as ac

    model, image, layer = network
    peer = GradCAM(model=model, target_layers=[model.get_submodule(layer)])
    ours, theirs = in_turn(
        lambda: ac.explain(model, image), lambda: peer(input_tensor=image[None], targets=None), runs
    )
    peer.activations_and_grads.release()
    return Row(f"explain, {name}", ours, "grad-cam's GradCAM", theirs)


def calls() -> dict[str, Callable[[], Any]]:
    """Return the calls that two versions are compared by."""
    import annealcam as ac

    model, image, layer = networks()["efficientnet-lite0"]
    four = image[None].repeat(4, 1, 1, 1)

    def forward_alone() -> None:
        with torch.no_grad():
            model(four)

    return {
        "forward passes, 4 images": forward_alone,
        "explain": lambda: ac.explain(model, image),
        "explain, layer named": lambda: ac.explain(model, image, layer=layer),
        "explain, 4 images, local": lambda: ac.explain(model, four, sampler="local"),
        "cam, layer named": lambda: ac.cam(model, image, layer=layer),
    }


def serve() -> None:
    """Run the call of each line of standard input, and print its seconds of the processor."""
    known = calls()
    for call in known.values():
        call()
        call()
    print(*known, sep=";", flush=True)
    for line in sys.stdin:
        print(used(known[line.strip()]), flush=True)


def started(folder: Path) -> tuple[subprocess.Popen[str], list[str]]:
    """Start `serve` with the version of a checkout; return the process and the names of calls."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip().split(";")


def seconds_of(process: subprocess.Popen[str], call: str) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{call}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def compare_versions(before: Path, runs: int) -> None:
    """Print the time of each call with this version over that with the other one."""
    (old, _), (new, names) = started(before), started(HERE)
    rng = np.random.default_rng(0)
    for name in names:
        pairs = []
        for i in range(runs):  # in turn, and in both orders
            first, second = (old, new) if i % 2 else (new, old)
            times = [seconds_of(process, name) for process in (first, second)]
            pairs.append(times if i % 2 else times[::-1])
        values = np.array(pairs)
        medians = np.median(values, axis=0)
        drawn = np.median(values[rng.integers(0, runs, (4000, runs))], axis=1)
        low, high = np.quantile(drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
        print(
            f"{name:26} before {1e3 * medians[0]:7.2f} ms, now {1e3 * medians[1]:7.2f} ms: "
            f"{medians[1] / medians[0]:.3f} [{low:.3f}, {high:.3f}]",
            flush=True,
        )
    for process in (old, new):
        process.kill()


def main(
    runs: Annotated[int, typer.Option(help="measurements of each")] = 15,
    before: Annotated[Path | None, typer.Option(help="checkout of another version")] = None,
    serving: Annotated[bool, typer.Option("--serve", hidden=True)] = False,
) -> None:
    use_one_thread()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of networks with random weights
    if serving:
        serve()
    elif before is not None:
        compare_versions(before.resolve(), runs)
    else:
        print_heading("one thread")
        for name, network in networks().items():
            print_row(capture_row(name, network, runs))
        for name in ("efficientnet-lite0", "resnet18"):
            print_row(explain_row(name, networks()[name], runs))


if __name__ == "__main__":
    typer.run(main)
