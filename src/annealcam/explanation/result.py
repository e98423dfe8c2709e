"""The result of `explain`: the selected maps, their map, and the record of how they came about."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from annealcam._internal.deprecation import renamed_attribute, warn_deprecated
from annealcam._internal.heatmaps import heatmap, overlay
from annealcam._internal.links import output_noun, probabilities
from annealcam._internal.pictures.geometry import part_of_photo
from annealcam._internal.pictures.scenes import view_of_result
from annealcam._internal.pictures.views import stored_view, view_record
from annealcam._internal.plug_points import NotebookView, plotted, resolve
from annealcam._internal.storage.files import written_aside
from annealcam._internal.text import short_repr, shorten
from annealcam._internal.types import Array, thawed
from annealcam._internal.validation import finite_array
from annealcam.errors import AnnealcamWarning, ArgumentError
from annealcam.explanation.folder import FILES, FORMAT, MARKER, read, write
from annealcam.qubo.problem import SelectionProblem, abs_cosine
from annealcam.qubo.solution import Selection
from annealcam.samplers.core_maps import inclusion, stand_ins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CORE, CORE_OF_EVIDENCE = 0.97, 0.75  # inclusion above which a selected map is sure
FAINT = 1e-3  # share of the logit below which a selected map is marked
DOUBTFUL_SHARE = 0.1  # of the positive contributions: a result that carries less has a warning


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(NotebookView):
    """One prediction, explained by a few feature maps of one layer. Arrays are read-only.

    Notebooks show the map and the evidence over the image, the selected maps and one line of facts.

    Attributes:
        map: raw explanation map at the layer's resolution, in logit units per position: (h, w), or
            (*grid) with one or three axes for signals and volumes.
        selected: channel numbers (k,) of the selected maps, most important first.
        selected_maps: those maps (k, *grid), as they are in the network.
        candidates: channel numbers (d,) of the candidates, ascending; one qubit each.
        importance: importance of every map of the layer (C,).
        alpha: Grad-CAM weight of every map (C,).
        contribution: sum_ij g_a of every map (C,), its part of the explained score.
        logits: of all classes.
        target: index of the explained class.
        baselines: raw maps (*grid) of Grad-CAM and Grad-CAM++ at the same layer.
        problem: the selection problem over the candidates.
        selection: the result of the sampler.
        provenance: version, model, layer, settings, counts and warnings; plain JSON values.
        evidence: the evidence map G (*grid), the sum of the contribution maps of all feature maps;
            its positive part is what the objective `evidence` draws. None in results of 0.1.
        fidelity: cosine of the sum of the selected contribution maps with the evidence; None in
            results of version 0.1.
        view: what the network saw. An image as (height, width, 3), its range stretched over 0 to
            255, at most 448 pixels wide or high; a volume as (depth, height, width) in grey, at
            most 64 slices of 256 pixels; a signal as (channels, length), at most 12 channels and
            4096 samples. `provenance["view"]` holds the input's shape and the channels that are
            shown. None for other inputs.
        verified: True for a result that was loaded and equals its checksums, False for one of an
            earlier version, which has none; None for a result that was not loaded.
    """

    map: Float[Array, "*grid"]
    selected: Int[Array, " k"]
    selected_maps: Float[Array, " k *grid"]
    candidates: Int[Array, " d"]
    importance: Float[Array, " maps"]
    alpha: Float[Array, " maps"]
    contribution: Float[Array, " maps"]
    logits: Float[Array, " classes"]
    target: int
    baselines: Mapping[str, Float[Array, "*grid"]]
    problem: SelectionProblem
    selection: Selection
    provenance: Mapping[str, Any]
    evidence: Float[Array, "*grid"] | None = None
    fidelity: float | None = None
    view: UInt8[Array, "_ _ _"] | Float[Array, "channels few"] | None = None
    verified: bool | None = None

    def __post_init__(self) -> None:
        arrays = [getattr(self, f.name) for f in fields(self)]
        for array in [*arrays, *self.baselines.values()]:
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
        for name in ("baselines", "provenance"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle mappings as dicts, since read-only ones cannot be pickled."""
        return Explanation, tuple(thawed(getattr(self, f.name)) for f in fields(self))

    def __repr__(self) -> str:
        most = 8
        channels = ", ".join(map(str, self.selected[:most]))
        more = ", ..." if len(self.selected) > most else ""
        return (
            short_repr(
                "Explanation",
                model=shorten(str(self.provenance["model"]), 40),
                layer=shorten(str(self.provenance["layer"]), 40),
                target=shorten(self.class_name, 40),
                **self._outcome,
                maps=len(self.alpha),
                candidates=self.problem.d,
            )[:-1]
            + f", selected=[{channels}{more}], energy={self.energy:.4g}, optimal={self.optimal})"
        )

    @property
    def _outcome(self) -> dict[str, Any]:
        """What the network returns for the target: a probability, or a value."""
        if self.probability is None:
            return {"value": float(self.logits[self.target])}
        return {"probability": self.probability}

    @property
    def energy(self) -> float:
        """Energy of the selection."""
        return self.selection.energy

    @property
    def optimal(self) -> bool | None:
        """True if the selection is proved optimal, False if proved not to be, None if unknown."""
        return self.selection.optimal

    @property
    def normalisation(self) -> str | None:
        """Normalisation of the annealing; None where nothing was annealed."""
        return self.provenance["normalisation"]

    convention = renamed_attribute("convention", "normalisation")

    @property
    def annealing(self) -> dict[str, Any]:
        """The arguments of the annealing: `anneal(e.problem, **e.annealing)` runs it again.

        They are tau, normalisation, schedule and constraint. The dict is empty where nothing was
        annealed, and `anneal` then uses its defaults. Of a schedule that is an object, only the
        name is recorded.
        """
        if self.selection.sampler != "anneal":
            return {}
        used = {**self.provenance, **(self.provenance["sampler_options"] or {})}
        names = ("tau", "normalisation", "schedule", "constraint")
        return {name: used[name] for name in names if used.get(name) is not None}

    @property
    def class_name(self) -> str:
        """The name of the explained class or output, or its number if it has no name."""
        return self.provenance["target_name"] or f"{self.output_noun} {self.target}"

    @property
    def output_noun(self) -> str:
        """What the outputs are called: `class`, `label` (independent of others) or `output`."""
        return output_noun(self.logits, self.link)

    @property
    def link(self) -> str:
        """What makes probabilities of the logits: `softmax`, `sigmoid` or `identity`."""
        return self.provenance.get("link", "softmax")

    @property
    def probability(self) -> float | None:
        """Probability of the explained class by the link; None for numbers (`identity`).

        softmax: exp(z_c) / sum_j exp(z_j);   sigmoid: 1 / (1 + exp(-z_c))
        """
        if self.link == "identity":
            return None
        return float(probabilities(self.logits, self.link)[self.target])

    @property
    def logit_shares(self) -> Float[Array, " k"]:
        """Old measure of `shares`: the contributions divided by the logit itself."""
        warn_deprecated("logit_shares: use shares, the parts of what the layer adds to the logit")
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.contribution[self.selected] / self.score

    @property
    def layer_effect(self) -> float:
        """What the layer adds to the score: the score less that with all maps at zero.

        It is the sum of all contributions over the completeness, or the sum where the completeness
        was not measured.
        """
        completeness = self.provenance.get("completeness") or 1.0
        return float(self.contribution.astype(np.float64).sum()) / completeness

    @property
    def shares(self) -> Float[Array, " k"]:
        """The share of the logit of each selected map: its contribution over `layer_effect`.

        Of a lead over other classes, or of another score, it is the share of that. NaN where the
        layer does not raise the score. Behind a linear head the sum is `kept_share` of
        `annealcam.metrics.channel_faithfulness`.
        """
        effect = self.layer_effect
        shares = self.contribution[self.selected].astype(np.float64)
        return shares / effect if effect > 0 else np.full_like(shares, np.nan)

    @property
    def share(self) -> float:
        """The share of the logit of the selected maps together: the sum of `shares`."""
        return float(self.shares.sum()) if self.layer_effect > 0 else math.nan

    @property
    def faint(self) -> Int[Array, " few"]:
        """The selected channels whose share of the logit is under 0.1 %, with either sign."""
        return self.selected[np.abs(self.shares) < FAINT]

    @property
    def direction(self) -> str:
        """`up` if the contributions raise the target, `down` if they lower it."""
        return self.provenance.get("direction", "up")

    @property
    def score(self) -> np.floating[Any]:
        """The target's logit; for the direction `down` its negative, of which parts are shown."""
        logit = self.logits[self.target]
        return -logit if self.direction == "down" else logit

    @property
    def largest_cosines(self) -> Float[Array, " k"]:
        """The largest |cosine| of each selected map with another one; 0 for a single map."""
        flat = self.selected_maps.reshape(len(self.selected), self.map.size).astype(np.float64)
        return abs_cosine(flat).max(axis=1, initial=0.0)

    @cached_property
    def inclusion(self) -> Float[Array, " d"]:
        """Probability of each candidate to be in a selection almost as good as the best, (d,).

        Selections of as many maps have weights exp(-(E - E_0) / (0.01 |E_0|)); exact up to 20
        candidates, by sampling with a standard error of about 0.01 above. See
        `annealcam.samplers.inclusion`.
        """
        return inclusion(self.problem, self.selection.n).probability

    @property
    def core(self) -> Int[Array, " sure"]:
        """The selected channels that are sure, in the order of `selected`.

        Their inclusion is above 0.97, or 0.75 for the objective `evidence`, under which many
        selections are nearly as good as the best; under 1 % of noise, such maps were selected again
        in over 95 % of cases.
        """
        evidence = self.provenance.get("objective") == "evidence"
        sure = self.inclusion[self._places] > (CORE_OF_EVIDENCE if evidence else CORE)
        return self.selected[sure]

    @cached_property
    def stand_ins(self) -> Mapping[int, tuple[int, float]]:
        """For each selected channel: the one that takes its place at the least cost, and the cost.

        The cost is the increase of the energy. It is empty if every candidate is selected.
        """
        swaps = stand_ins(self.problem, self.selection.n)
        return {
            int(self.candidates[swap.place]): (int(self.candidates[swap.replacement]), swap.cost)
            for swap in swaps
        }

    @property
    def _places(self) -> Int[Array, " k"]:
        """Places of the selected channels among the candidates."""
        return np.searchsorted(self.candidates, self.selected)

    @property
    def carried_share(self) -> float:
        """Share of the positive contributions to the logit that the selected maps carry."""
        return carried_share(self.contribution, self.selected)

    def heatmap(self, size: Sequence[int]) -> Float[Array, "*size"]:
        """Return the map resized linearly to `size` and divided by its maximum, in [0, 1].

        `size` has one number for each axis of the map: (length,), (height, width) or (depth,
        height, width).

        Raises:
            ArgumentError: `size` is not one positive whole number for each axis.
        """
        return heatmap(self.map, size)

    def overlay(
        self,
        photo: Image.Image | None = None,
        preprocess: Any = None,
        *,
        strength: float = 0.65,
    ) -> Image.Image:
        """Return the map laid over a photo, in the photo's size.

        The map covers the part of the photo that the network saw, and the rest is dimmed. This part
        is known from `preprocess`, or from `provenance["geometry"]`, which the command line and the
        web page record. Otherwise the map is stretched over the whole photo, as is right for the
        network's view of it (`preprocess.view(photo)`).

        Args:
            photo: an image of any size. Default: the network's input as it is stored in `view`;
                for volumes three slices through the maximum of the map, for signals curves.
            preprocess: what made the network's input of the photo, as `load_model` returns it.
            strength: how much of the photo the colours cover where the map is strongest, 0 to 1.

        Raises:
            ArgumentError: the map has not two axes, so that it cannot lie over a photo.

        Warns:
            AnnealcamWarning: the photo is not the part that the network saw, and it is not known
                which part it is.
        """
        if photo is None:
            view = view_of_result(self.view, self.map.shape, self.provenance.get("view"))
            return view.scene(self.map).overlay(self.map, strength=strength)
        if self.map.ndim != 2:
            raise ArgumentError(
                f"photo: the map has {self.map.ndim} axes and cannot lie over a photo; call "
                "overlay() without one"
            )
        recorded, seen = self.provenance.get("geometry"), self.view
        box, doubt = part_of_photo(
            photo.size, preprocess, recorded, None if seen is None else seen.shape
        )
        if doubt:
            warnings.warn(f"overlay: {doubt}", AnnealcamWarning, stacklevel=2)
        return overlay(self.map, photo, strength=strength, box=box)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        photo: Image.Image | None = None,
        preprocess: Any = None,
        strength: float = 0.65,
    ) -> Axes:
        """Draw the map over the photo, with its scale in logit units, and return the axes.

        Args:
            ax: axes of matplotlib; None: those of a new figure.
            photo, preprocess, strength: as for `overlay`.

        Raises:
            ArgumentError: `ax` is no axes of matplotlib, or as for `overlay`.

        Warns:
            AnnealcamWarning: as for `overlay`.
        """
        return plotted(self, ax, photo=photo, preprocess=preprocess, strength=strength)

    def plot_maps(self, *, most: int = 24) -> Any:
        """Draw the map, the evidence and the selected maps side by side, each over the photo.

        Args:
            most: number of selected maps that are shown at most, the most important first.

        Returns:
            the axes of all panels of one new figure, as an array.

        Raises:
            ArgumentError: `most` is below 1.
        """
        return resolve("annealcam.render.notebook.explanation:plot_maps")(self, most)

    def with_view(self, image: Any, *, bands: Any = None) -> Explanation:
        """Return the explanation with another view of the network's input.

        Args:
            image: the input (channels, ...), a tensor or an array.
            bands: the three channels that are shown as red, green and blue, counted from 0, of an
                image with more than three. Default: the first three.

        Raises:
            ArgumentError: `image` is no array of numbers, or `bands` are not three of its channels.
        """
        detach = getattr(image, "detach", None)
        values = finite_array("image", image if detach is None else detach().float().cpu().numpy())
        if values.ndim < 2:
            raise ArgumentError(
                f"image: has shape {values.shape}; must have channels and then one axis or more"
            )
        record = {"view": view_record(values.shape, bands)}
        return replace(
            self, view=stored_view(values, bands=bands), verified=None,
            provenance={**self.provenance, **record},
        )  # fmt: skip

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `explanation.json` and `maps.npz` into a folder, as a whole or not at all.

        Raises:
            OutputError: the folder cannot be written, or holds something else than a result.
        """
        with written_aside(folder, names=FILES, marker=MARKER) as aside:
            self.write(aside)
        return Path(folder)

    def write(self, folder: Path) -> None:
        """Write the two files into an existing folder."""
        write(folder, self.as_json(), self._arrays())

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        photo: Image.Image | None = None,
        checked: Mapping[str, Any] | None = None,
        comparison: Sequence[Mapping[str, Any]] | None = None,
        annealing: bool = True,
        atlas: Any = None,
        flip: Any = None,
        hardware: Any = None,
    ) -> Path:
        """Write the page of the explanation: one file that opens offline, in any browser.

        Args:
            path: the file.
            photo: the part of the photo that the network saw; None takes `view`.
            checked: the result of `annealcam.evaluation.check_explanation`.
            comparison: the rows of `annealcam.evaluation.compare_with_explanation`.
            annealing: simulate the annealing of the problem (up to 16 candidates, seconds).
            atlas: what the layer's maps usually respond to, as `open_atlas` returns it.
            flip: the fewest maps without which the prediction changes, the result of `flip_set`.
            hardware: what a real annealer would do, the result of `hardware_report(e.problem)`, or
                the annealer, such as `advantage2`.

        Raises:
            OutputError: the file cannot be written.
        """
        write_page = resolve("annealcam.render.html.explanation:write_explanation")
        write_page(
            self, Path(path), photo=photo, checked=checked, comparison=comparison,
            annealing=annealing, atlas=atlas, flip=flip, hardware=hardware,
        )  # fmt: skip
        return Path(path)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Explanation:
        """Return the explanation that `save` wrote, equal to the bit; results of 0.1 load too.

        The files are compared with their checksums, and the energy is computed again; `verified`
        is False for results of earlier versions, which have no checksums.

        Raises:
            OutputError: the folder holds no result, or one that is changed or damaged.
        """
        return cls(**read(Path(folder)))

    def as_json(self) -> dict[str, Any]:
        """Return everything that is a number or a name."""
        rows = zip(
            self.selected, self.shares, self.largest_cosines, self.inclusion[self._places],
            strict=True,
        )  # fmt: skip
        core, replaced = set(self.core.tolist()), self.stand_ins
        return {
            "format": FORMAT,
            "target": {
                "index": self.target,
                "name": self.provenance["target_name"],
                "logit": float(self.logits[self.target]),
                "probability": self.probability,
            },
            "selected": [
                {
                    "channel": int(channel),
                    "importance": float(self.importance[channel]),
                    "alpha": float(self.alpha[channel]),
                    "contribution": float(self.contribution[channel]),
                    "share": float(share) if np.isfinite(share) else None,
                    "largest_cosine": float(cosine),
                    "inclusion": float(included),
                    "core": int(channel) in core,
                    "stand_in": replaced.get(int(channel), (None, None))[0],
                    "stand_in_cost": replaced.get(int(channel), (None, None))[1],
                }
                for channel, share, cosine, included in rows
            ],
            "share": self.share if math.isfinite(self.share) else None,
            "fidelity": self.fidelity,
            "candidates": self.candidates.tolist(),
            "problem": {
                "d": self.problem.d,
                "beta": self.problem.beta,
                "cardinality": self.problem.cardinality,
            },
            "selection": {
                "sampler": self.selection.sampler,
                "energy": self.selection.energy,
                "optimal": self.selection.optimal,
                "shots": self.selection.shots,
                "info": dict(self.selection.info),
            },
            "provenance": dict(self.provenance),
        }

    def _arrays(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays = {name: a for name, a in values.items() if isinstance(a, np.ndarray)}
        arrays |= {f"baseline_{name}": a for name, a in self.baselines.items()}
        if self.problem.diagonal is not None:
            arrays["diagonal"] = self.problem.diagonal
        return {**arrays, "h": self.problem.h, "J": self.problem.J, "n": self.selection.n}


def carried_share(contribution: Float[Array, " maps"], channels: Int[Array, " k"]) -> float:
    """Return the share of the positive contributions to a logit that some maps carry.

    >>> carried_share(np.array([1.0, 3.0, -5.0]), np.array([1, 2]))
    0.75
    """
    positive = np.maximum(contribution, 0).astype(np.float64)
    return float(positive[channels].sum() / positive.sum()) if positive.any() else 0.0
