from .atlas import Atlas as Atlas, Portrait as Portrait, Region as Region, open_atlas as open_atlas
from .build import build_atlas as build_atlas
