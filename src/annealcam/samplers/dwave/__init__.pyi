from .controls import Controls as Controls
from .embedding import clique_embedding as clique_embedding
from .leap import constrained_model as constrained_model, select_by_leap as select_by_leap
from .qpu import select_by_dwave as select_by_dwave
