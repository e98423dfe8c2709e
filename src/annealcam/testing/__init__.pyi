from .checks import Check as Check, CheckResult as CheckResult, Report as Report
from .explainer import (
    check_explainer as check_explainer,
    checks_of_explainer as checks_of_explainer,
)
from .networks import (
    PlantedNetwork as PlantedNetwork,
    planted_images as planted_images,
    planted_network as planted_network,
)
from .problems import (
    relu_problem as relu_problem,
    signed_problem as signed_problem,
    tied_problem as tied_problem,
)
from .sampler import check_sampler as check_sampler, checks_of_sampler as checks_of_sampler
