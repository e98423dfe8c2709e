from .flip import FlipSet as FlipSet, flip_set as flip_set
from .sufficient import SufficientSet as SufficientSet, sufficient_set as sufficient_set
