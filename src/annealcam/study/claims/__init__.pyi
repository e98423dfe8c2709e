from .annealing import annealing_claims as annealing_claims
from .claims import Case as Case, Claim as Claim, overlap_claims as overlap_claims
from .evidence import evidence_claims as evidence_claims
from .markdown import summary as summary
