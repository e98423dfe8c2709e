from .proof import semidefinite_proof as semidefinite_proof
