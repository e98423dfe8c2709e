from .proof import semidefinite_proof as semidefinite_proof
from .scip import solve_by_scip as solve_by_scip
