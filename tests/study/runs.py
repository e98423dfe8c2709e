"""Folders of studies as the pages read them, from made-up tables and photos."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from annealcam.data.sets import load_set
from annealcam.study.config import study_of
from annealcam.study.run import store


def run_folder(run: Path, table: pa.Table, *, data=None, finished=True, **manifest) -> Path:
    """A run's folder around a table; `data` is the section of the configuration."""
    section = {"name": "digits", "part": "test"} | (data or {})
    study = study_of({"data": section, "statistics": {"bootstrap": 40, "permutations": 10}})
    (run / store.TABLE).mkdir(parents=True)
    store.write_part(store.content_of(table), run / store.TABLE / "part-00000.parquet")
    identity = {"config": study.identity(), "data": _hash(study.data), "networks": {}}
    content = {"identity": identity, "finished": finished}
    if finished:
        content |= {"config": study.as_dict(), "seed": 0, "data": section}
    (run / store.MANIFEST).write_text(json.dumps(content | manifest))
    return run


def photo_folder(top: Path, names, *, side=24) -> Path:
    """Small coloured photos in class folders; names as `class/photo.png`."""
    rng = np.random.default_rng(0)
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (3, 3, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((side, side)).save(top / name)
    return top


def renamed(table: pa.Table, **columns) -> pa.Table:
    """The table with some columns' texts passed through functions."""
    for name, change in columns.items():
        at = table.schema.get_field_index(name)
        texts = pa.array([change(text) for text in table[name].to_pylist()])
        table = table.set_column(at, name, texts)
    return table


def contents(run: Path, *folders: str) -> dict[Path, bytes]:
    """The bytes of every file in some folders of a run."""
    return {
        file.relative_to(run): file.read_bytes()
        for name in folders or ("table", "figures")
        for file in (run / name).iterdir()
    }


def _hash(data) -> str:
    try:
        return load_set(data.name, part=data.part, root=data.root or None).fingerprint()
    except ValueError:
        return "sha256:of-nothing"
