"""From a network and an image to feature maps, their importance, candidates and CAM maps."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.attribution.activations import Capture, capture
    from annealcam.attribution.cam import (
        CAM_METHODS,
        CamMethod,
        cam_maps,
        explanation_map,
        gradcam,
        gradcam_plus_plus,
        hirescam,
    )
    from annealcam.attribution.candidates import Candidates, build_problem, find_candidates
    from annealcam.attribution.forward_pass import ForwardPass, run_forward
    from annealcam.attribution.importance import (
        IMPORTANCES,
        contributions,
        gradcam_weights,
        importance_of,
    )
    from annealcam.attribution.layer_maps import LayerMaps, collect_layer_maps
    from annealcam.attribution.layers import Layer, default_layer, survey
    from annealcam.attribution.targets import resolve_target, resolve_targets

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "CAM_METHODS": "cam",
        "CamMethod": "cam",
        "Candidates": "candidates",
        "Capture": "activations",
        "ForwardPass": "forward_pass",
        "IMPORTANCES": "importance",
        "Layer": "layers",
        "LayerMaps": "layer_maps",
        "build_problem": "candidates",
        "cam_maps": "cam",
        "capture": "activations",
        "collect_layer_maps": "layer_maps",
        "contributions": "importance",
        "default_layer": "layers",
        "explanation_map": "cam",
        "find_candidates": "candidates",
        "gradcam": "cam",
        "gradcam_plus_plus": "cam",
        "gradcam_weights": "importance",
        "hirescam": "cam",
        "importance_of": "importance",
        "resolve_target": "targets",
        "resolve_targets": "targets",
        "run_forward": "forward_pass",
        "survey": "layers",
    },
)
