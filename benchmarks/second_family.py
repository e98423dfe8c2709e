"""A network of a second family for benchmarks/evidence: a ResNet-18, trained here from scratch.

    nice -n 15 .venv/bin/python -m benchmarks.second_family PHOTOS -o FOLDER

PHOTOS has one folder for each class below `train` (Imagenette's layout), and the same classes
below `val` and `unseen`, whose accuracy is printed if they exist. The network has half the channels
of the published one (32 to 256). FOLDER gets `resnet18.safetensors`, which `benchmarks.evidence`
takes as a network, and `state.pt`, from which the same command continues an interrupted run with
the same result. One thread; four to five minutes on one free core, for 16 epochs.

The recipe is the usual one: random resized crops and flips at 96 pixels, label smoothing, SGD with
momentum, one cycle of the learning rate. Photos are tested at 128 pixels, since crops that are
enlarged in training make objects look larger than they are (Touvron et al. 2019, "Fixing the
train-test resolution discrepancy").
"""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Annotated

import numpy as np
import torch
import typer
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import ResNet, resnet18

from annealcam._internal.storage.files import file_written_aside
from annealcam.errors import ArgumentError
from annealcam.models.images import load_image
from annealcam.models.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

STORED = 128  # pixels of the decoded photos, and of those in the test
SIDE = 96  # pixels of the crops in training
BATCH, RATE, DECAY = 64, 0.05, 1e-3
PREPROCESS = Preprocess(STORED, STORED)
WEIGHTS = "resnet18.safetensors"


def photos_below(folder: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Decode the photos once: pixels (n, 3, 128, 128) as uint8, labels (n,), names of classes."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [(file, label) for label, name in enumerate(names)
             for file in sorted((folder / name).iterdir())]  # fmt: skip
    pixels = np.empty((len(files), 3, STORED, STORED), dtype=np.uint8)
    for i, (file, _) in enumerate(files):
        pixels[i] = np.asarray(PREPROCESS.view(load_image(file))).transpose(2, 0, 1)
    return torch.from_numpy(pixels), torch.tensor([label for _, label in files]), names


def normalised(pixels: Tensor) -> Tensor:
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    x = (pixels.float() / 255 - mean) / std
    return x.contiguous(memory_format=torch.channels_last)


def random_crops(x: Tensor, generator: torch.Generator) -> Tensor:
    """Cut a random rectangle of each photo, mirror half of them, and resize them to 96 pixels.

    The rectangle has .25 to 1 of the photo's area and sides whose ratio is between 3/4 and 4/3.
    """
    u = torch.rand((5, len(x)), generator=generator)
    area, ratio = 0.25 + 0.75 * u[0], torch.exp(np.log(4 / 3) * (2 * u[1] - 1))
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    theta = torch.zeros(len(x), 2, 3)
    theta[:, 0, 0] = torch.where(u[2] < 0.5, -width, width)
    theta[:, 1, 1] = height
    theta[:, 0, 2], theta[:, 1, 2] = (1 - width) * (2 * u[3] - 1), (1 - height) * (2 * u[4] - 1)
    grid = F.affine_grid(theta, [len(x), 3, SIDE, SIDE], align_corners=False)
    cut = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    return cut.contiguous(memory_format=torch.channels_last)


def half_resnet18(classes: int) -> ResNet:
    """Return a ResNet-18 with half the channels in every layer, and fresh weights."""
    model = resnet18(num_classes=classes)
    for parent in list(model.modules()):
        for name, module in parent.named_children():
            narrow: nn.Module | None = None
            if isinstance(module, nn.Conv2d):
                narrow = nn.Conv2d(
                    module.in_channels if module.in_channels == 3 else module.in_channels // 2,
                    module.out_channels // 2, module.kernel_size, module.stride, module.padding,
                    bias=False,
                )  # fmt: skip
                nn.init.kaiming_normal_(narrow.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                narrow = nn.BatchNorm2d(module.num_features // 2)
            elif isinstance(module, nn.Linear):
                narrow = nn.Linear(module.in_features // 2, classes)
            if narrow is not None:
                setattr(parent, name, narrow)
    return model


def read_network(file: str | Path) -> ResNet:
    """Return the trained network of a file, in evaluation mode."""
    tensors = load_file(file)
    model = half_resnet18(len(tensors["fc.bias"])).eval()
    model.load_state_dict(tensors)
    return model


def bfloat16_is_fast() -> bool:
    """Whether the processor multiplies numbers of 16 bits directly (1.6 times as fast here)."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def train(pixels: Tensor, labels: Tensor, state_file: Path, epochs: int, seed: int) -> ResNet:
    """Train from scratch, or continue from `state_file`; the epoch alone seeds order and crops."""
    torch.manual_seed(seed)
    classes = int(labels.max()) + 1
    model = half_resnet18(classes).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.SGD(model.parameters(), RATE, 0.9, weight_decay=DECAY, nesterov=True)
    steps = len(labels) // BATCH
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * steps)
    parts = {"model": model, "optimiser": optimiser, "cycle": cycle}
    first, plan = 0, {"epochs": epochs, "seed": seed}
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        if state["plan"] != plan:
            raise ArgumentError(f"{state_file}: of {state['plan']}, not {plan}; delete the file")
        first = state["epoch"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    begun = monotonic()
    for epoch in range(first, epochs):
        generator = torch.Generator().manual_seed(seed * 10_000 + epoch)
        order = torch.randperm(len(labels), generator=generator)[: steps * BATCH]
        losses = []
        for chosen in order.split(BATCH):
            x = random_crops(normalised(pixels[chosen]), generator)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast()):
                loss = F.cross_entropy(model(x), labels[chosen], label_smoothing=0.1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
            losses.append(float(loss.detach()))
        with file_written_aside(state_file) as aside:
            values = {name: part.state_dict() for name, part in parts.items()}
            torch.save(values | {"epoch": epoch + 1, "plan": plan}, aside)
        left = (monotonic() - begun) / (epoch + 1 - first) * (epochs - epoch - 1)
        print(f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.3f}; "
              f"{left / 60:.0f} minutes left", flush=True)  # fmt: skip
    return model.eval()


@torch.inference_mode()
def accuracy(model: nn.Module, pixels: Tensor, labels: Tensor, side: int) -> float:
    right = 0
    for x, y in zip(pixels.split(BATCH), labels.split(BATCH), strict=True):
        x = F.interpolate(normalised(x), (side, side), mode="bilinear", antialias=True)
        right += int((model(x).argmax(1) == y).sum())
    return right / len(labels)


def main(
    photos: Path,
    output: Annotated[Path, typer.Option("-o", "--output")] = Path("second_family"),
    epochs: Annotated[int, typer.Option(help="Passes through the photos.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and crops.")] = 0,
) -> None:
    torch.set_num_threads(1)
    output.mkdir(parents=True, exist_ok=True)
    weights = output / WEIGHTS
    if not weights.exists():
        pixels, labels, names = photos_below(photos / "train")
        print(f"{len(labels)} photos of {len(names)} classes", flush=True)
        model = train(pixels, labels, output / "state.pt", epochs, seed)
        tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
        about = {"classes": names, "epochs": epochs, "seed": seed}
        with file_written_aside(weights) as aside:
            aside.write_bytes(save(tensors, metadata={"benchmark": json.dumps(about)}))
    model = read_network(weights)
    for part in ("val", "unseen"):
        if (photos / part).is_dir():
            pixels, labels, _ = photos_below(photos / part)
            for side in (SIDE, STORED):
                share = accuracy(model, pixels, labels, side)
                print(f"{part}, {len(labels)} photos at {side} pixels: accuracy {share:.3f}")


if __name__ == "__main__":
    typer.run(main)
