"""What a build has done so far: a part for each shard of photos, and all parts put together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.files import file_written_aside
from annealcam._internal.types import Array
from annealcam.atlas.strongest import Strongest
from annealcam.errors import OutputError


@dataclass(frozen=True, eq=False)
class Part:
    """One shard's photos, summed up.

    Attributes:
        strongest: of every channel.
        sums: spatial means added up over the photos of one class in one batch, each.
        keys: (batch, class) of each of these sums. Batches are the same however photos are dealt
            to shards, so that adding the sums in the order of their keys gives the same bits.
        selected: for how many photos of each class each channel is selected.
        counts: photos of each class.
        thumbnails: small pictures of the photos that are among the strongest, by number.
        signs: negative entries of all maps, and entries in all.
        skipped: photos that could not be read, with the reason.
    """

    strongest: Strongest
    sums: Float[Array, "sums maps"]
    keys: Int[Array, "sums 2"]
    selected: Int[Array, "maps classes"]
    counts: Int[Array, " classes"]
    thumbnails: Mapping[int, bytes]
    signs: Int[Array, "2"]
    skipped: Sequence[Mapping[str, str]]

    def profiles(self) -> Float[Array, "maps classes"]:
        """Return the mean over the photos of each class; 0 for a class without photos."""
        totals = np.zeros((len(self.counts), self.sums.shape[1]))
        for (_, label), total in zip(self.keys, self.sums, strict=True):
            totals[label] += total
        return (totals / np.maximum(self.counts, 1)[:, None]).T

    def and_others(self, other: Part) -> Part:
        """Return both as one: the same to the bit in whatever order parts are joined."""
        strongest = self.strongest.and_others(other.strongest)
        keys = np.concatenate([self.keys, other.keys])
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        thumbnails = {**self.thumbnails, **other.thumbnails}
        return Part(
            strongest=strongest,
            sums=np.concatenate([self.sums, other.sums])[order],
            keys=keys[order],
            selected=self.selected + other.selected,
            counts=self.counts + other.counts,
            thumbnails={n: thumbnails[n] for n in sorted(strongest.numbers())},
            signs=self.signs + other.signs,
            skipped=sorted([*self.skipped, *other.skipped], key=lambda told: told["image"]),
        )


def write_part(part: Part, file: Path) -> None:
    """Write a part, as a whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    webps = list(part.thumbnails.values())
    arrays = {
        **vars(part.strongest),
        "sums": part.sums,
        "keys": part.keys,
        "selected": part.selected,
        "counts": part.counts,
        "signs": part.signs,
        "pictured": np.array(list(part.thumbnails), dtype=np.int64),
        "ends": np.cumsum([len(webp) for webp in webps], dtype=np.int64),
        "webp": np.frombuffer(b"".join(webps), dtype=np.uint8),
        "skipped": np.frombuffer(json.dumps(list(part.skipped)).encode(), dtype=np.uint8),
    }
    with file_written_aside(file) as aside, aside.open("wb") as opened:
        np.savez_compressed(opened, **arrays)


def read_part(file: Path) -> Part:
    """Return a part.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        with np.load(file, allow_pickle=False) as found:
            a = dict(found)
        starts = [0, *a["ends"][:-1].tolist()]
        webp = a["webp"].tobytes()
        cut = [webp[start:end] for start, end in zip(starts, a["ends"].tolist(), strict=False)]
        return Part(
            strongest=Strongest(a["peaks"], a["means"], a["photos"], a["boxes"]),
            sums=a["sums"],
            keys=a["keys"],
            selected=a["selected"],
            counts=a["counts"],
            thumbnails=dict(zip(a["pictured"].tolist(), cut, strict=True)),
            signs=a["signs"],
            skipped=json.loads(a["skipped"].tobytes()),
        )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise OutputError(f"{file}: cannot be read ({error}); remove it, to do it again") from error
