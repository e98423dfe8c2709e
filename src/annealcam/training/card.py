"""The model card of a checkpoint, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def card(name: str, about: Mapping[str, Any]) -> str:
    """Return a model card: what the network is, on which photos it was fitted, how well it does."""
    maps = about["maps"]
    parts = {part: about["parts"][part] for part in ("train", "validation", "test")}
    trunk = f"`{about['trunk']}`" + (f" up to `{about['cut']}`" if about["cut"] else "")
    photos = ", ".join(f"{told['photos']} {part}" for part, told in parts.items())
    lines = [
        f"# {name}",
        "",
        f"A classifier of {len(about['classes'])} classes with {maps} feature maps to choose from: "
        f"Conv3x3, ReLU, BatchNorm and one linear layer on {trunk} "
        f"({'frozen' if about['frozen'] else 'trained as well'}).",
        "Made to study which maps a prediction rests on, not to decide anything about anyone.",
        "",
        f"- accuracy on the test part: {about['accuracy']['test']:.4f} "
        f"({parts['test']['photos']} photos; those of the validation part: "
        f"{about['accuracy']['validation']:.4f})",
        f"- data: {about['data']}, {photos} photos",
        f"- split: seed {about['split_seed']}, hash {about['split_hash']}",
        *(f"- photos of {part}: hash {told['hash']}" for part, told in parts.items()),
        f"- classes: {', '.join(about['classes'])}",
        f"- preprocessing: {about['preprocess']}",
        f"- training: seed {about['seed']}, epoch {about['best_epoch']} of "
        f"{about['recipe']['epochs']} kept (the best on the validation part)",
        f"- recipe: {', '.join(f'{k} {v}' for k, v in sorted(about['recipe'].items()))}",
        f"- versions: {', '.join(f'{k} {v}' for k, v in sorted(about['versions'].items()))}",
        f"- photos that could not be read: {len(about['skipped'])}",
        *(f"  - {reason}" for reason in about["skipped"]),
    ]
    if about["frozen"] and about["trunk"] == "efficientnet-lite0":
        lines += [
            "",
            "The trunk was trained on ImageNet, of whose training photos Imagenette's are.",
        ]
    return "\n".join(lines) + "\n"
