from .folder import write_audit as write_audit
from .observations import Observations as Observations, observe as observe
from .run import Audit as Audit, audit as audit
from .scores import RankedClass as RankedClass
