"""Explain photos with one network and write a folder of results for each."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from annealcam._internal.pictures.geometry import geometry_record
from annealcam._internal.storage.resumable import identity_hash
from annealcam._internal.text import storable
from annealcam._version import __version__
from annealcam.attribution.contrast import Against, resolve_against
from annealcam.attribution.layers import Layer, default_layer, survey
from annealcam.attribution.network.adapted import network_of
from annealcam.attribution.network.hooks import find_layer
from annealcam.attribution.targets import names_of_targets, resolve_target
from annealcam.cli.networks.options import load_adapted
from annealcam.errors import AnnealcamWarning, ImageError
from annealcam.evaluation.faithfulness import check_explanation
from annealcam.evaluation.solver_comparison import compare_with_explanation
from annealcam.explanation import Explanation
from annealcam.models.images import ArrayInput, digest_of
from annealcam.models.loaded import LoadedModel, move
from annealcam.models.network_layer import network_input, open_input
from annealcam.models.preprocess import Preprocess, large_photo
from annealcam.models.state_dicts.fingerprint import code_hash, fingerprint
from annealcam.pipeline import explain
from annealcam.render.explanation_hardness import explanation_hardness
from annealcam.render.folder import write_folder
from annealcam.render.html.explanation import explanation_html
from annealcam.sets.flip import FlipSet, flip_set
from annealcam.settings import Settings

if TYPE_CHECKING:
    from annealcam.atlas.atlas import Atlas
    from annealcam.samplers.hardware.machine import Machine

ADDS_UP = 1e-3  # error of the sum of contributions, by one gradient, of a linear head
VIEW = 448  # pixels of the longer side in pictures
FLIP_RUNS = 200  # of the search for a flip set where effects of maps do not add up


@dataclass(frozen=True)
class PhotoExplainer:
    """A network and the settings with which photos are explained."""

    network: LoadedModel
    name: str
    layer: str | None
    target: int | None
    settings: Settings
    against: Against = None
    run: int | None = None
    direction: str = "up"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def prepare(
        cls,
        name: str,
        *,
        layer: str | None,
        target: str | None,
        settings: Settings,
        device: str,
        against: str | list[str] | None = None,
        run: int | None = None,
        direction: str = "up",
        network_options: Mapping[str, Any] | None = None,
    ) -> PhotoExplainer:
        """Load the network and check layer and classes before any photo is opened.

        A model card may name the layer that is explained by default.
        """
        network = load_adapted(name, network_options)
        move(network.model, device)
        layer = network.record.get("layer") if layer is None else layer
        if layer is not None:
            find_layer(network.model, layer)
        names = names_of_targets(network.classes, network.link)
        index, contrast = resolve_target(target, names), resolve_against(against, names)
        options = dict(network_options or {})
        return cls(network, name, layer, index, settings, contrast, run, direction, options)

    @cached_property
    def request(self) -> dict[str, Any]:
        """Everything that determines the bits of an explanation, beside the photo."""
        preprocess, classes = self.network.preprocess, self.network.classes
        own = network_of(self.network.model)
        request = {
            "model": self.name,
            "weights": fingerprint(own),
            "code": code_hash(own, self.name),
            "options": dict(self.options),
            "preprocess": preprocess.as_json() if isinstance(preprocess, Preprocess) else None,
            "classes": None if classes is None else identity_hash(list(classes)),
            "link": self.network.link,
            "layer": self.layer,
            "target": self.target,
            "against": self.against,
            "run": self.run,
            "direction": self.direction,
            "settings": self.settings.as_provenance(),
            "versions": {
                "annealcam": __version__,
                "torch": torch.__version__,
                "numpy": version("numpy"),
                "machine": platform.machine(),
            },
        }
        return dict(json.loads(json.dumps(request, default=str)))

    def explain_into(
        self,
        photo: str,
        folder: Path,
        *,
        compare: bool = False,
        check: bool = False,
        html: bool = False,
        atlas: Atlas | None = None,
        hardware: Machine | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> tuple[Explanation, list[dict[str, Any]] | None, dict[str, Any] | None]:
        """Explain a photo, write its folder, and return explanation, comparison and check.

        Args:
            photo: file name or `skimage:NAME`.
            folder: for the results.
            compare: solve the problem by the other samplers as well.
            check: measure faithfulness and class sensitivity.
            html: write a page as well; includes the check and the flip set.
            atlas: what the maps respond to, for the page.
            hardware: the annealer whose report is added to the page.
            identity: what determines the bits of the result, for its provenance: the digest of the
                photo as `photo`, and more.

        Raises:
            AnnealcamError: the photo changes meanwhile or cannot be read, the network fails, or the
                folder cannot be written.
        """
        explanation, tensor, image = self.explain(photo)
        if identity is not None:
            if digest_of(photo) != identity["photo"]:
                raise ImageError(f"{photo}: has changed while it was read; run the command again")
            provenance = {**explanation.provenance, "identity": dict(identity)}
            explanation = replace(explanation, provenance=provenance)
        rows = compare_with_explanation(explanation, seed=self.settings.seed) if compare else None
        checked = self._check(tensor, explanation) if check or html else None
        flip = self.flip(tensor, explanation) if html else None
        if checked is not None and flip is not None:
            checked["flip_set"] = flip.as_json()
        view = large_photo(self.network.preprocess, image, VIEW)
        page = None
        if html:
            page = explanation_html(
                explanation, photo=view, checked=checked, comparison=rows,
                annealing=explanation_hardness(explanation), atlas=atlas, flip=flip,
                hardware=hardware,
            )  # fmt: skip
        write_folder(explanation, view, folder, comparison=rows, checked=checked, page=page)
        return explanation, rows, checked

    def explain(self, photo: str) -> tuple[Explanation, Tensor, Any]:
        """Explain a photo or an array; return the explanation, the network's input and the photo.

        Raises:
            AnnealcamError: the photo cannot be read, or the network fails.
        """
        image = open_input(self.network.preprocess, photo)
        tensor = self._tensor(image)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AnnealcamWarning)  # the result contains them
            explanation = explain(
                self.network.model,
                tensor,
                layer=self.layer,
                target=self.target,
                against=self.against,
                model_name=self.name,
                photo_name=storable(photo),
                class_names=self.network.classes,
                network_record=self.network.record,
                run=self.run,
                direction=self.direction,
                **vars(self.settings),
            )
        assert isinstance(explanation, Explanation)
        geometry = geometry_record(self.network.preprocess, image)
        provenance = {**explanation.provenance, **geometry}
        return replace(explanation, provenance=provenance), tensor, image

    def _check(self, tensor: Tensor, explanation: Explanation) -> dict[str, Any]:
        return check_explanation(
            self.network.model, tensor, explanation, self.settings, class_names=self.network.classes
        )

    def flip(self, tensor: Tensor, explanation: Explanation) -> FlipSet | None:
        """Return the fewest maps without which the prediction changes; None if that takes long.

        There are none where the outputs are numbers. The search takes a fraction of a second if the
        effects of maps add up, and seconds otherwise.
        """
        if explanation.link == "identity" or not _adds_up(explanation):
            return None
        flip = flip_set(
            self.network.model,
            tensor,
            layer=explanation.provenance["layer"],
            target=explanation.target,
            against=self.against,
            class_names=self.network.classes,
            budget=FLIP_RUNS,
            run=self.run,
        )
        assert isinstance(flip, FlipSet)
        return flip

    def survey(self, photos: Sequence[str]) -> tuple[list[Layer], str]:
        """Return all layers with their means over photos, and the name of the default layer."""
        model = self.network.model
        batches = [self._tensor(open_input(self.network.preprocess, p))[None] for p in photos]
        surveyed = [
            survey(model, batch, importance=self.settings.importance, target=self.target)
            for batch in batches
        ]
        shares = "negative", "candidates", "dead"
        means = [
            replace(
                same[0], **{name: fmean(getattr(layer, name) for layer in same) for name in shares}
            )
            for same in zip(*surveyed, strict=True)
        ]
        return means, default_layer(model, batches[0])

    def _tensor(self, image: Image.Image | ArrayInput) -> Tensor:
        """Return the network's input of a photo or an array."""
        return network_input(self.network.preprocess, image, model_name=self.name)


def _adds_up(e: Explanation) -> bool:
    """Return whether the head is linear, or else whether it is behind the default layer."""
    record = e.provenance
    if record["completeness"] is None:  # plain gradients
        return not record["layer_was_named"]
    return record["gradient_steps"] == 1 and abs(record["completeness"] - 1.0) < ADDS_UP
