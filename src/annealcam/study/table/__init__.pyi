from .columns import (
    EVIDENCE_SELECTORS as EVIDENCE_SELECTORS,
    SCHEMA as SCHEMA,
    SELECTORS as SELECTORS,
    current_table as current_table,
)
from .rows import (
    annealer_rows as annealer_rows,
    evidence_rows as evidence_rows,
    image_rows as image_rows,
    selector_rows as selector_rows,
)
