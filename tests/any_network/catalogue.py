"""All networks of the table, and the table."""

from __future__ import annotations

from tests.any_network import (
    convolutional,
    frameworks,
    handwritten,
    inputs_and_outputs,
    transformers,
)
from tests.any_network.entry import Entry

GROUPS = {
    "Convolutional networks": convolutional.ENTRIES,
    "Transformers and their kin": transformers.ENTRIES,
    "Hand-written networks": handwritten.ENTRIES,
    "Inputs and outputs": inputs_and_outputs.ENTRIES,
    "Other libraries, and what PyTorch makes of networks": frameworks.ENTRIES,
}
ENTRIES = [entry for entries in GROUPS.values() for entry in entries]
BEGINNING = """# Networks that are explained

Each line is a network of `tests/any_network/`, with random weights. The layer is the one that
`annealcam.explain` takes by default, the form is that of the layer's output, and the grid that of
one map; rows of an image that the network folds into its batch are the first axis of the grid.
A test compares the logits, maps and gradients of each network with those of a plain hook and
autograd, and this page with the networks. `make networks-table` writes it again.
"""


def table() -> str:
    """Return the page docs/networks-table.md."""
    explained = sum(entry.refusal is None for entry in ENTRIES)
    lines = [
        BEGINNING,
        f"Of {len(ENTRIES)} networks, {explained} are explained, and {len(ENTRIES) - explained} "
        "are refused by the sentence that follows them.",
    ]
    for title, entries in GROUPS.items():
        lines += [
            f"\n## {title}\n",
            "| network | input | layer | form | maps | grid | link |",
            "| --- | --- | --- | --- | ---: | --- | --- |",
            *(_line(entry) for entry in entries if entry.refusal is None),
        ]
        refused = [entry for entry in entries if entry.refusal is not None]
        if refused:
            lines += ["\nRefused:\n", *(f"- {e.name}: {e.refusal}" for e in refused)]
    return "\n".join(lines) + "\n"


def _line(entry: Entry) -> str:
    shapes = entry.shape if isinstance(entry.shape[0], tuple) else (entry.shape,)
    layer = f"`{entry.layer}`" + (f", run {entry.run}" if entry.run else "")
    cells = (
        entry.name, ", ".join(map(_size, shapes)), layer, _form(entry), entry.maps,
        _size(entry.grid), _link(entry),
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def _form(entry: Entry) -> str:
    prefix = entry.form.prefix
    before = f", {prefix} before the grid" if prefix else ""
    folded = f", {entry.rows} rows an image" if entry.rows > 1 else ""
    return entry.form.name + before + folded


def _link(entry: Entry) -> str:
    given = [name for name in ("link", "output", "direction", "run") if name in entry.options]
    return entry.link + (f" (with {', '.join(f'`{name}`' for name in given)})" if given else "")


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
