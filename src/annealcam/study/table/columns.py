"""The columns of a study's table: one row for each image, layer and selector."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_INTEGERS = pa.list_(pa.int32())
_FLOATS = pa.list_(pa.float64())

# The columns of the table, with their types.
SCHEMA = pa.schema(
    [
        # the image
        ("model", pa.string()),
        ("layer", pa.string()),
        ("image", pa.string()),
        ("class", pa.string()),  # its label
        ("predicted", pa.string()),
        ("target", pa.string()),  # the class explained
        ("probability", pa.float64()),  # of the target, by the link
        # the selector and its options
        ("selector", pa.string()),
        ("draw", pa.int32()),  # of the random selector
        ("cardinality", pa.int32()),  # prescribed k; null: chosen by the selector
        ("tau", pa.float64()),
        ("normalisation", pa.string()),  # of the driver
        ("constraint", pa.string()),  # of evidence_annealer: how it keeps the cardinality
        ("strength", pa.float64()),  # of a penalty, in multiples of the sufficient one
        # the problem
        ("channels", pa.int32()),
        ("dead", pa.int32()),
        ("candidates_in_all", pa.int32()),
        ("d", pa.int32()),
        # the selection
        ("k", pa.int32()),
        ("energy", pa.float64()),  # null where selected maps are not among the candidates
        ("optimal", pa.bool_()),  # null: unknown, or no energy
        ("selected", _INTEGERS),  # channels, ascending
        ("weights", _FLOATS),  # of the selected maps; null: equal
        # scores
        ("relevance", pa.float64()),  # sum of h over the selected maps
        ("redundancy", pa.float64()),  # mean |cosine| of the selected pairs; null for k < 2
        ("carried", pa.float64()),  # share of the positive contributions to the logit
        ("fidelity", pa.float64()),  # cosine of the sum of the selected maps with the evidence
        # the annealing, in the annealer's rows
        ("success_probability", pa.float64()),  # F of one shot
        ("success_error", pa.float64()),
        ("multiplicity", pa.int32()),  # ground states
        ("shots", pa.int32()),
        ("best_of_shots", pa.float64()),
        ("guess", pa.float64()),  # success probability of one uniform guess
        ("guess_best", pa.float64()),  # of as many guesses as shots
        ("gap", pa.float64()),
        ("gap_s", pa.float64()),
        ("final_gap", pa.float64()),
        ("gap_interior", pa.bool_()),
        ("landau_zener_applies", pa.bool_()),
        ("landau_zener", pa.float64()),  # F by that formula
        # the problem's arrays, in the row of the selector `exact` without a cardinality, and in
        # those of `evidence_exact`
        ("beta", pa.float64()),  # of the energy
        ("candidates", _INTEGERS),
        ("h", _FLOATS),
        ("J", _FLOATS),  # the pairs p < q, row by row
    ]
)

# One row for each photo in a grid of two, or alone under a random classifier, and each selector.
CHECKS_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("layer", pa.string()),
        ("class", pa.string()),  # explained
        ("image", pa.string()),
        ("other", pa.string()),  # class of the photo beside it; null: the photo is alone
        ("other_image", pa.string()),
        ("selector", pa.string()),
        ("cardinality", pa.int32()),  # prescribed k
        ("pointing", pa.float64()),  # share of the map in the photo's own half
        ("rank_correlation", pa.float64()),  # with the map under a random classifier
    ]
)

# The ways of selecting maps in the rows of a table.
SELECTORS = (
    "anneal", "exact", "topk_alpha", "topk_contribution", "random", "positive", "gradcam",
    "gradcam++",
)  # fmt: skip
EVIDENCE_SELECTORS = ("evidence_exact", "evidence_annealer", "topk_alignment")  # at given k only
_OLD_COLUMNS = {"convention": "normalisation"}
_OLD_SELECTORS = {"topk": "topk_alpha", "topk-contribution": "topk_contribution"}


def current_table(table: pa.Table) -> pa.Table:
    """Return a table of this or an earlier version with the columns of `SCHEMA`.

    Columns that the table lacks are null.

    Raises:
        pyarrow.ArrowException: a column has another type.

    >>> old = SCHEMA.empty_table().rename_columns({"normalisation": "convention"})
    >>> current_table(old).schema == SCHEMA
    True
    """
    from annealcam.annealing.hamiltonian import OLD_NAMES

    table = table.rename_columns([_OLD_COLUMNS.get(n, n) for n in table.column_names])
    table = pa.concat_tables([SCHEMA.empty_table(), table], promote_options="default")
    table = table.select(SCHEMA.names).cast(SCHEMA)
    for name, new_by_old in (("normalisation", OLD_NAMES), ("selector", _OLD_SELECTORS)):
        values = table[name]
        for old, new in new_by_old.items():
            values = pc.if_else(pc.equal(values, old), new, values)
        table = table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), values)
    return table
