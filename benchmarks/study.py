"""What a study costs: the presets' time and memory, and an explained batch beside its own passes.

    ANNEALCAM_DATA=FOLDER .venv/bin/python benchmarks/study.py [--preset digits]

The batch: 16 images by a pretrained network, forward, and backward to the layer, alone
(`capture`), against `explain` with the sampler `greedy` in whole; least of five each, one thread.
The presets run as the command does, in a process of their own; memory is that of all its processes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from typing import Annotated

import psutil
import torch
import typer

import annealcam as ac
from annealcam.attribution.capture import capture
from annealcam.attribution.layers import default_layer
from annealcam.errors import AnnealcamWarning


def least(run, times: int = 5) -> float:
    run()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def batch(name: str) -> None:
    model = ac.load_model(name).model
    images = torch.randn(16, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    layer = default_layer(model, images[:1])
    passes = least(lambda: capture(model, images, layer=layer))
    whole = least(lambda: ac.explain(model, images, layer=layer, sampler="greedy"))
    print(
        f"{name}, 16 images: passes {passes:.3f} s, explained {whole:.3f} s, {whole / passes:.2f}x"
    )


def memory_of(process: psutil.Process) -> int:
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss  # what is shared counts once
        except psutil.Error:  # it ended meanwhile
            continue
    return total


def preset(name: str, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "annealcam", "study", "--preset", name]
        start = time.perf_counter()
        running = subprocess.Popen([*command, "--workers", str(workers), "-o", f"{folder}/run"])
        peak, watched = 0, psutil.Process(running.pid)
        while running.poll() is None:
            peak = max(peak, memory_of(watched))
            time.sleep(0.2)
        spent = time.perf_counter() - start
    print(f"--preset {name}, {workers} workers: {spent:.1f} s, peak {peak / 1e9:.2f} GB in all")


def main(
    presets: Annotated[list[str] | None, typer.Option("--preset")] = None,
    workers: Annotated[int, typer.Option()] = 2,
) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", AnnealcamWarning)
    for name in ("efficientnet-lite0", "torchvision:resnet18:none"):
        batch(name)
    for name in presets or ["digits"]:
        preset(name, workers)


if __name__ == "__main__":
    typer.run(main)
