from .fit import Epoch as Epoch, Recipe as Recipe, usual_recipe as usual_recipe
from .trained import Trained as Trained, train as train
