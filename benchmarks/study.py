"""The cost of a study: time and memory of the presets, and of a batch beside its passes alone.

    ANNEALCAM_DATA=FOLDER .venv/bin/python benchmarks/study.py [--preset digits]

The batch: forward and backward passes of 16 images through a pretrained network (`capture`),
against all of `explain` with the sampler `greedy`; the least time of five each, one thread. A
preset runs as the command does, in a process of its own; memory is that of all its processes.
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
from annealcam.attribution.activations import capture
from annealcam.attribution.layers import default_layer
from annealcam.errors import AnnealcamWarning


def least(run, times: int = 5) -> float:
    run()
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        durations.append(time.perf_counter() - start)
    return min(durations)


def batch(name: str) -> None:
    model = ac.load_model(name).model
    images = torch.randn(16, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    layer = default_layer(model, images[:1])
    passes = least(lambda: capture(model, images, layer=layer))
    whole = least(lambda: ac.explain(model, images, layer=layer, sampler="greedy"))
    print(f"{name}, 16 images: passes {passes:.3f} s, explain {whole:.3f} s: {whole / passes:.2f}x")


def memory_of(process: psutil.Process) -> int:
    total = 0
    for running in (process, *process.children(recursive=True)):
        try:
            total += running.memory_full_info().pss  # shared memory counts once
        except psutil.Error:  # it has ended
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
        seconds = time.perf_counter() - start
    print(f"--preset {name}, {workers} workers: {seconds:.1f} s, peak {peak / 1e9:.2f} GB in total")


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
