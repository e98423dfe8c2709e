from .channels import (
    BetaCurve as BetaCurve,
    ChannelFaithfulness as ChannelFaithfulness,
    along_beta as along_beta,
    channel_faithfulness as channel_faithfulness,
    faithfulness_of_many as faithfulness_of_many,
    logits_by_size as logits_by_size,
    maps_for_share as maps_for_share,
)
from .decoding import Decodability as Decodability, decodability as decodability
from .grids import (
    cell_shares as cell_shares,
    effective_positions as effective_positions,
    grid_pointing as grid_pointing,
    sharpened as sharpened,
    single_map_grid_pointing as single_map_grid_pointing,
)
from .localisation import (
    best_iou as best_iou,
    box_mask as box_mask,
    energy_inside as energy_inside,
    pointing_game as pointing_game,
)
from .masked import masked_logits as masked_logits
from .overlap import (
    bhattacharyya as bhattacharyya,
    class_histograms as class_histograms,
    off_diagonal_mean as off_diagonal_mean,
    overlap_matrix as overlap_matrix,
    split_half_overlap as split_half_overlap,
    zero_share as zero_share,
)
from .pixels import (
    ConfidenceChange as ConfidenceChange,
    Perturbation as Perturbation,
    confidence_change as confidence_change,
    perturbation as perturbation,
)
from .reference_maps import centred_gaussian as centred_gaussian, random_map as random_map
from .removal import Road as Road, impute as impute, road as road
from .resampling import (
    bootstrap_overlap as bootstrap_overlap,
    centred_interval as centred_interval,
    p_value as p_value,
    permutation_null as permutation_null,
)
from .sanity import (
    ParameterRandomisation as ParameterRandomisation,
    RandomClassifier as RandomClassifier,
    RandomLogit as RandomLogit,
    cam_explainer as cam_explainer,
    parameter_randomisation as parameter_randomisation,
    random_classifier as random_classifier,
    random_logit as random_logit,
)
from .sensitivity import (
    Sensitivity as Sensitivity,
    between_images as between_images,
    class_sensitivity as class_sensitivity,
    fidelity as fidelity,
    other_classes as other_classes,
    rank_correlation as rank_correlation,
    top_overlap as top_overlap,
)
from .stability import (
    Agreement as Agreement,
    NearOptimal as NearOptimal,
    NoiseStability as NoiseStability,
    across_samplers as across_samplers,
    across_seeds as across_seeds,
    agreement as agreement,
    chance_jaccard as chance_jaccard,
    jaccard as jaccard,
    near_optimal as near_optimal,
    under_noise as under_noise,
)
