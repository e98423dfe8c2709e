from .fits import ExponentialFit as ExponentialFit, fit_exponential as fit_exponential
from .overlap import ClassOverlap as ClassOverlap, ImageGroups as ImageGroups
from .tables import analyse as analyse
