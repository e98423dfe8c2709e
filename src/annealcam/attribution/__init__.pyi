from .activations import Capture as Capture, capture as capture
from .cam import (
    CAM_METHODS as CAM_METHODS,
    CamMethod as CamMethod,
    cam_maps as cam_maps,
    explanation_map as explanation_map,
)
from .cams.gradients import (
    eigencam as eigencam,
    gradcam as gradcam,
    gradcam_plus_plus as gradcam_plus_plus,
    hirescam as hirescam,
    layercam as layercam,
    xgradcam as xgradcam,
)
from .cams.inputs import CamInputs as CamInputs
from .candidates import (
    Candidates as Candidates,
    build_problem as build_problem,
    find_candidates as find_candidates,
)
from .forward_pass import ForwardPass as ForwardPass, run_forward as run_forward
from .importance import (
    IMPORTANCES as IMPORTANCES,
    contributions as contributions,
    gradcam_weights as gradcam_weights,
    importance_of as importance_of,
)
from .layer_maps import LayerMaps as LayerMaps, collect_layer_maps as collect_layer_maps
from .layers import Layer as Layer, default_layer as default_layer, survey as survey
from .targets import resolve_target as resolve_target, resolve_targets as resolve_targets
