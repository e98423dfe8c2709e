r"""Tables of results as LaTeX, with the rules of the package booktabs.

A document needs `\usepackage{booktabs}`, and `\usepackage{longtable}` for tables of more than
`MOST_ROWS` rows. The numbers are those of the CSV file beside the table, to `DIGITS` digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from annealcam._internal.text import visible

MOST_ROWS = 40  # of a table that fits a page
DIGITS = 4
UNKNOWN = "--"
_ESCAPED = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "τ": r"$\tau$", "α": r"$\alpha$", "β": r"$\beta$", "–": "--", "—": "---", "…": r"\ldots{}",
    "×": r"$\times$", "·": r"$\cdot$", "−": r"$-$", "\n": " ", "\t": " ",
})  # fmt: skip


def latex_table(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Return rows that have the same keys as a LaTeX table with booktabs.

    Text is escaped and set to the left, numbers are set to the right. Unknown values (None or NaN)
    are dashes. `_` in the name of a column becomes a space.

    >>> print(latex_table([{"class": "cat & dog", "F": 0.123456}, {"class": "100 %", "F": None}]))
    \begin{tabular}{lr}
    \toprule
    class & F \\
    \midrule
    cat \& dog & 0.1235 \\
    100 \% & -- \\
    \bottomrule
    \end{tabular}
    <BLANKLINE>
    """
    names = list(rows[0]) if rows else []
    form = "".join("r" if _is_number(rows, name) else "l" for name in names) or "l"
    head = " & ".join(escaped(name.replace("_", " ")) for name in names) + r" \\"
    body = [" & ".join(_cell(row[name]) for name in names) + r" \\" for row in rows]
    if len(rows) <= MOST_ROWS:
        lines = [rf"\begin{{tabular}}{{{form}}}", r"\toprule", head, r"\midrule", *body]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])
    lines = [rf"\begin{{longtable}}{{{form}}}", r"\toprule", head, r"\midrule", r"\endhead"]
    lines += [r"\bottomrule", r"\endfoot", *body]
    return "\n".join([*lines, r"\end{longtable}", ""])


def write_latex(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write rows that have the same keys as a LaTeX table; see `latex_table`."""
    path.write_text(latex_table(rows), encoding="utf-8", errors="backslashreplace")


def escaped(text: str) -> str:
    r"""Return a text in which nothing is a command of LaTeX.

    >>> escaped("50 % of $x_1$")
    '50 \\% of \\$x\\_1\\$'
    """
    return visible(text.replace("\n", " ").replace("\t", " ")).translate(_ESCAPED)


def _is_number(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    known = [row[name] for row in rows if row[name] is not None]
    numbers = int | float | np.integer | np.floating
    return bool(known) and all(isinstance(v, numbers) and not isinstance(v, bool) for v in known)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return UNKNOWN
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return _number(float(value))
    return escaped(str(value))


def _number(value: float) -> str:
    """Return a number to `DIGITS` digits, in powers of ten where it is very small or large.

    >>> _number(0.5), _number(-0.00001234), _number(float("inf"))
    ('0.5', '$-1.234 \\\\times 10^{-5}$', '$\\\\infty$')
    """
    if np.isinf(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    mantissa, _, power = f"{value:.{DIGITS}g}".partition("e")
    if power:
        return rf"${mantissa} \times 10^{{{int(power)}}}$"
    return f"${mantissa}$" if mantissa.startswith("-") else mantissa
