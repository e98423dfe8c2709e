"""The simulation of annealing runs: plans, time steps, and state vectors of several kinds."""

from typing import TYPE_CHECKING

from annealcam._internal.lazy import lazy_exports

if TYPE_CHECKING:
    from annealcam.annealing.simulation.plan import Plan, plan_of
    from annealcam.annealing.simulation.runs import Simulator, simulator_of
    from annealcam.annealing.simulation.sectorvector import SectorVector
    from annealcam.annealing.simulation.statevector import StateVector
    from annealcam.annealing.simulation.subspace import WeightSector
    from annealcam.annealing.simulation.tiledvector import TiledStateVector

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Plan": "plan",
        "SectorVector": "sectorvector",
        "Simulator": "runs",
        "StateVector": "statevector",
        "TiledStateVector": "tiledvector",
        "WeightSector": "subspace",
        "plan_of": "plan",
        "simulator_of": "runs",
    },
)
