"""The columns of a study's table: one row for each image, layer and selector."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_ONES = pa.list_(pa.int32())
_REALS = pa.list_(pa.float64())

SCHEMA = pa.schema(
    [
        # what was looked at
        ("model", pa.string()),
        ("layer", pa.string()),
        ("image", pa.string()),
        ("class", pa.string()),  # its label
        ("predicted", pa.string()),
        ("target", pa.string()),  # the class explained
        ("probability", pa.float64()),  # of the target, by softmax
        # who selected, and how
        ("selector", pa.string()),
        ("draw", pa.int32()),  # of the random selector
        ("cardinality", pa.int32()),  # k that was asked for; null: left to the energy
        ("tau", pa.float64()),
        ("normalisation", pa.string()),
        # the problem
        ("channels", pa.int32()),
        ("dead", pa.int32()),
        ("candidates_in_all", pa.int32()),
        ("d", pa.int32()),
        # what was selected
        ("k", pa.int32()),
        ("energy", pa.float64()),  # null where maps outside of the candidates are selected
        ("optimal", pa.bool_()),  # null: unknown, or no energy
        ("selected", _ONES),  # channel numbers, ascending
        ("weights", _REALS),  # of the selected maps; null: all alike
        # scores
        ("relevance", pa.float64()),  # sum of h over the selected
        ("redundancy", pa.float64()),  # mean |cosine| of the selected pairs; null for k < 2
        ("carried", pa.float64()),  # share of the positive contributions to the logit
        # the annealing, on the annealer's rows
        ("success_probability", pa.float64()),  # F of one shot
        ("success_error", pa.float64()),
        ("multiplicity", pa.int32()),  # ground states
        ("shots", pa.int32()),
        ("best_of_shots", pa.float64()),
        ("guess", pa.float64()),  # chance of one uniform guess
        ("guess_best", pa.float64()),  # of as many guesses as shots
        ("gap", pa.float64()),
        ("gap_s", pa.float64()),
        ("final_gap", pa.float64()),
        ("gap_interior", pa.bool_()),
        ("landau_zener_applies", pa.bool_()),
        ("landau_zener", pa.float64()),  # F by that formula
        # the problem itself, on the free row of the selector `exact` only
        ("candidates", _ONES),
        ("h", _REALS),
        ("J", _REALS),  # the pairs p < q, row by row
    ]
)

SELECTORS = (
    "anneal", "exact", "topk", "topk-contribution", "random", "positive", "gradcam", "gradcam++",
)  # fmt: skip
_OLD_COLUMNS = {"convention": "normalisation"}


def current_table(table: pa.Table) -> pa.Table:
    """Return a table of this or an earlier version under the columns and values of `SCHEMA`.

    Raises:
        pyarrow.ArrowException: the table has other columns than a study's.
    """
    from annealcam.annealing.hamiltonian import OLD_NAMES

    table = table.rename_columns([_OLD_COLUMNS.get(n, n) for n in table.column_names])
    for name, old_names in (("normalisation", OLD_NAMES),):
        if name in table.column_names:
            values = table[name]
            for old, new in old_names.items():
                values = pc.if_else(pc.equal(values, old), new, values)
            table = table.set_column(table.column_names.index(name), name, values)
    missing = [field for field in SCHEMA if field.name not in table.column_names]
    for field in missing:
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(SCHEMA.names).cast(SCHEMA)
