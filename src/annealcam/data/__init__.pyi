from .labelled import (
    LabelledSet as LabelledSet,
    set_of_files as set_of_files,
    set_of_pixels as set_of_pixels,
)
from .sets import load_set as load_set
from .splits import draw_per_class as draw_per_class
