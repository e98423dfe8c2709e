from .columns import SCHEMA as SCHEMA, SELECTORS as SELECTORS, current_table as current_table
from .rows import (
    annealer_rows as annealer_rows,
    image_rows as image_rows,
    selector_rows as selector_rows,
)
