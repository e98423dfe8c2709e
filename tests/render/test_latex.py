"""Tables for LaTeX: the structure of booktabs, escaped text, and the numbers of the CSV file."""

import csv
import math
import re

import pytest
from hypothesis import given, strategies as st

from annealcam.render.folder import write_table
from annealcam.render.latex import DIGITS, MOST_ROWS, escaped, latex_table

HOSTILE = r"50 % of a_b & c # d $x^2$ ~ {e} \input{/etc/passwd} <é> | \\"
UNESCAPED = re.compile(r"(?<!\\)[%&#_$]")


def latex_rows(file):
    """The rows of a table between its rules, as lists of cells."""
    lines = file.read_text().splitlines()
    head = next(i for i, line in enumerate(lines) if line.endswith(r" \\"))
    return [
        re.split(r"(?<!\\) & |^& ", line.removesuffix(r" \\"))
        for line in lines[head + 1 :]
        if line.endswith(r" \\")
    ]


def value(cell):
    """The number of a cell."""
    power = re.fullmatch(r"\$(-?[\d.]+) \\times 10\^\{(-?\d+)\}\$", cell)
    return float(f"{power[1]}e{power[2]}") if power else float(cell.strip("$"))


@pytest.mark.parametrize("count", [1, MOST_ROWS, MOST_ROWS + 1])
def test_structure_and_numbers_are_those_of_the_csv_file(count, tmp_path):
    numbers = [(-1.0) ** i * math.exp(i - 30.0) for i in range(count)]
    rows = [
        {"class_name": HOSTILE, "n": i, "F": F, "optimal": i % 2 == 0, "low": None}
        for i, F in enumerate(numbers)
    ]
    write_table(rows, tmp_path, "t")
    lines = (tmp_path / "t.tex").read_text().splitlines()
    kind = "tabular" if count <= MOST_ROWS else "longtable"
    assert lines[0] == rf"\begin{{{kind}}}{{lrrll}}"
    assert lines[-1] == rf"\end{{{kind}}}"
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert lines.count(rule) == 1
    assert lines[2] == r"class name & n & F & optimal & low \\"
    cells = latex_rows(tmp_path / "t.tex")
    stored = list(csv.DictReader((tmp_path / "t.csv").open(newline="")))
    assert len(cells) == len(stored) == count
    for row, of_csv in zip(cells, stored, strict=True):
        assert row[0] == escaped(HOSTILE)
        assert (row[1], row[3] == "yes") == (of_csv["n"], of_csv["optimal"] == "True")
        assert value(row[2]) == pytest.approx(float(of_csv["F"]), rel=0.6 * 10.0 ** (1 - DIGITS))
        assert (row[4], of_csv["low"]) == ("--", "")


@given(st.text())
def test_no_text_is_a_command(text):
    plain = re.sub(r"\\text\w+\{\}|\\ldots\{\}|\$\\\w+\$|\$-\$|\\[{}&%$#_]", "", escaped(text))
    assert not set(plain) & set("\\{}&%$#_~^\n\t")


def test_a_table_without_rows():
    assert latex_table([]).splitlines()[0] == r"\begin{tabular}{l}"
