from .cards.model_card import (
    ModelCard as ModelCard,
    read_card as read_card,
    write_card as write_card,
)
from .checkpoints import read_header as read_header, write_checkpoint as write_checkpoint
from .images import (
    ArrayInput as ArrayInput,
    load_image as load_image,
    load_input as load_input,
    load_photo as load_photo,
)
from .load import (
    load_checkpoint as load_checkpoint,
    load_model as load_model,
    load_trunk as load_trunk,
)
from .loaded import DEFAULT_MODEL as DEFAULT_MODEL, SHIPPED as SHIPPED, LoadedModel as LoadedModel
from .network_layer import (
    CapturedBatch as CapturedBatch,
    NetworkLayer as NetworkLayer,
    capture_batches as capture_batches,
)
from .paper_network import PaperNetwork as PaperNetwork
from .photo_files import photos_in as photos_in
from .preprocess import Preprocess as Preprocess
from .trunks import Trunk as Trunk
