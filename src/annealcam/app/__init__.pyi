from .choices import Choices as Choices
from .engine import Engine as Engine
from .networks import Networks as Networks
