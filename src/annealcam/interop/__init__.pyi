from .captum import LayerAnnealCAM as LayerAnnealCAM
from .grad_cam import AnnealCAM as AnnealCAM
from .quantus import explain_func as explain_func
from .tokens import token_grid as token_grid
