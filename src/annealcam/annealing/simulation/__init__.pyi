from .plan import Plan as Plan, plan_of as plan_of
from .runs import Simulator as Simulator, simulator_of as simulator_of
from .sectorvector import SectorVector as SectorVector
from .statevector import StateVector as StateVector
from .subspace import WeightSector as WeightSector
from .tiledvector import TiledStateVector as TiledStateVector
