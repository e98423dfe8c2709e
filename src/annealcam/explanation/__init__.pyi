from .folder import FILES as FILES, MARKER as MARKER, PAGE as PAGE
from .result import (
    CORE as CORE,
    CORE_OF_EVIDENCE as CORE_OF_EVIDENCE,
    DOUBTFUL_SHARE as DOUBTFUL_SHARE,
    FAINT as FAINT,
    Explanation as Explanation,
    carried_share as carried_share,
)
