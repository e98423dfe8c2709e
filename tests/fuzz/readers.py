"""All readers of files that can come from outside, each with small files that it reads.

To add a reader, write a function that writes intact files, or folders of files, into an empty
folder, and one that reads one of them, in `inputs.py` or `results.py`, and list both here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz import inputs, results


@dataclass(frozen=True)
class Reader:
    """A reader, and how it is tried.

    Attributes:
        make: writes intact files, or folders of files, into an empty folder.
        read: reads one of them, and uses the value as far as its users rely on it.
        share: of the cases, relative to other readers.
        sealed: whether checksums protect the files, so that no other value may be read.
    """

    make: Callable[[Path], Any]
    read: Callable[[Path], Any]
    share: float = 1.0
    sealed: bool = False


READERS: dict[str, Reader] = {
    "explanation": Reader(results.write_explanation, results.read_explanation, 1.5, sealed=True),
    "explanation without checksums": Reader(
        results.write_old_explanation, results.read_explanation, 2.0
    ),
    "finished photos": Reader(results.write_finished, results.read_finished),
    "overview": Reader(results.write_of_photos, results.read_overview),
    "verify": Reader(results.write_all, results.read_verified),
    "atlas": Reader(results.write_atlas, results.read_atlas, 1.0, sealed=True),
    "atlas without checksums": Reader(results.write_old_atlas, results.read_atlas, 1.0),
    "part of an atlas": Reader(results.write_atlas_part, results.read_atlas_part, 1.0),
    "study": Reader(results.write_study, results.read_study, 0.0, sealed=True),
    "study without checksums": Reader(results.write_old_study, results.read_study, 0.0),
    "configuration of a study": Reader(results.write_config, results.read_config),
    "part of an audit": Reader(results.write_audit_part, results.read_audit_part, 1.0),
    "features": Reader(results.write_features, results.read_features, 0.0, sealed=True),
    "checkpoint": Reader(results.write_checkpoint, results.read_checkpoint, 1.0, sealed=True),
    "weights": Reader(results.write_weights, results.read_weights, 2.0),
    "exported network": Reader(results.write_exported, results.read_exported, 0.0),
    "network of Hugging Face": Reader(results.write_hugging_face, results.read_hugging_face, 0.0),
    "model card": Reader(results.write_cards, results.read_model_card, 1.5),
    "class names": Reader(inputs.write_class_names, inputs.read_class_names),
    "problem": Reader(inputs.write_problems, inputs.read_problem, 6.0),
    "machine": Reader(inputs.write_machines, inputs.read_machine),
    "schedule": Reader(inputs.write_schedules, inputs.read_schedule),
    "photo": Reader(inputs.write_photos, inputs.read_photo, 4.0),
    "array": Reader(inputs.write_arrays, inputs.read_array, 2.0),
    "masks": Reader(inputs.write_masks, inputs.read_masks),
    "set of photos": Reader(inputs.write_sets, inputs.read_set, 0.3),
    "command line": Reader(results.write_for_commands, results.run_command, 0.0),
}
