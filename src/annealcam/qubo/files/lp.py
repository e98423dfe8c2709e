"""The QUBO subset of the LP format (CPLEX, Gurobi, HiGHS, dimod): read and written.

A problem of binary variables, with at most one constraint, that k of them are 1:

    Minimize
     obj: 2 a - 3 b + [ 4 a * b ] / 2 + 1
    Subject To
     count: a + b = 1
    Binary
     a b
    End

Everything beyond is refused by name. The reader passes over the words once, so that no damaged
file keeps it busy (the reader of dimod 0.12 never returns on some).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from annealcam.errors import ProblemFileError
from annealcam.qubo.files.content import Content
from annealcam.qubo.files.limits import check_size

if TYPE_CHECKING:
    import dimod

SECTIONS = {
    "objective": (
        "minimize",
        "minimise",
        "minimum",
        "min",
        "maximize",
        "maximise",
        "maximum",
        "max",
    ),
    "constraints": ("subject to", "such that", "st", "s.t.", "st."),
    "bounds": ("bounds", "bound"),
    "binaries": ("binary", "binaries", "bin"),
    "integers": ("general", "generals", "gen", "integer", "integers", "int"),
    "semi-continuous variables": ("semi-continuous", "semis", "semi"),
    "special ordered sets": ("sos", "sos1", "sos2"),
    "end": ("end",),
}
_SECTION_OF = {name: section for section, names in SECTIONS.items() for name in names}
_COMPARISONS = ("<=", ">=", "=<", "=>", "<", ">", "=")
_NAME = r"[A-Za-z_!\"#$%&(),;?@'`{}~‘’][\w.!\"#$%&(),;?@'`{}~‘’]*"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>{_NAME})"
    r"|(?P<sign><=|>=|=<|=>|[-+*^/:<>=\[\]]))",
    re.ASCII,
)
_OPENING = re.compile(r"\s*(minimi[sz]e|minimum|min|maximi[sz]e|maximum|max)\b", re.IGNORECASE)

Linear = dict[str, float]


@dataclass
class _Sum:
    """A sum of terms: linear, quadratic and constant."""

    linear: Linear = field(default_factory=dict)
    quadratic: list[tuple[str, str, float]] = field(default_factory=list)
    constant: float = 0.0

    def add(self, name: str, value: float) -> None:
        self.linear[name] = self.linear.get(name, 0.0) + value


class _Words:
    """The words of one section, taken one by one."""

    def __init__(self, section: str, lines: Iterable[tuple[int, str]]) -> None:
        self.section = section
        self.words = [word for number, line in lines for word in _words(number, line)]
        self.place = 0

    @property
    def next(self) -> str:
        return self.words[self.place][1] if self.place < len(self.words) else ""

    @property
    def kind(self) -> str:
        return self.words[self.place][0] if self.place < len(self.words) else "end"

    def take(self) -> str:
        word = self.next
        self.place += 1
        return word

    def accept(self, *expected: str) -> bool:
        """Take the words if they are the next ones."""
        found = self.words[self.place : self.place + len(expected)]
        fits = tuple(word for _, word, _ in found) == expected
        self.place += len(expected) if fits else 0
        return fits

    def fail(self, expected: str) -> ProblemFileError:
        if not self.next:
            return ProblemFileError(f"{self.section}: ends where {expected} must follow")
        line = self.words[self.place][2]
        return ProblemFileError(f"line {line}: {self.next[:40]!r} stands where {expected} must be")


def _words(number: int, line: str) -> list[tuple[str, str, int]]:
    """Return the kind, the text and the line of each word of a line."""
    words, end = [], 0
    line = line.rstrip()
    while end < len(line):
        match = _TOKEN.match(line, end)
        if match is None:
            raise ProblemFileError(f"line {number}: {line[end:].strip()[:40]!r} is no LP format")
        words.append((match.lastgroup or "", match[match.lastgroup or 0], number))
        end = match.end()
    return words


def is_lp(lines: Iterable[str]) -> bool:
    """Return whether the first line that is no comment begins an LP file."""
    first = next((line for line in lines if line.split("\\")[0].strip()), "")
    return _OPENING.match(first) is not None


def read_lp(lines: Sequence[str]) -> Content:
    """Return the model of an LP file, and its cardinality if it has one constraint."""
    sections, maximised = _sections(lines)
    for section in ("integers", "semi-continuous variables", "special ordered sets"):
        if any(line.strip() for _, line in sections.get(section, ())):
            raise ProblemFileError(f"has {section}; a QUBO has only binary variables")
    names = _binaries(sections.get("binaries", ()))
    words = _Words("the objective", sections["objective"])
    _skip_label(words)
    objective = _sum(words, ())
    known = set(names)
    for name in (*objective.linear, *(v for p in objective.quadratic for v in p[:2])):
        if name not in known:
            raise ProblemFileError(f"{name[:40]}: is not listed as binary, as all must be")
    _check_bounds(_Words("the bounds", sections.get("bounds", ())), known)
    k = _cardinality(_Words("the constraint", sections.get("constraints", ())), known)
    model = _model(objective, names)
    if maximised:
        model.scale(-1.0)
    return Content(model, "an LP file", maximised, k)


def _sections(lines: Sequence[str]) -> tuple[dict[str, list[tuple[int, str]]], bool]:
    """Return the numbered lines of each section, and whether the objective is maximised."""
    sections: dict[str, list[tuple[int, str]]] = {}
    current, maximised = "", False
    for number, line in enumerate(lines, start=1):
        text = line.split("\\")[0].strip()
        name, rest = _heading(text, opening=not sections)
        if current == "end" and text:
            raise ProblemFileError(f"line {number}: {text[:40]!r} follows the end of the problem")
        if name:
            current = _SECTION_OF[name]
            if current in sections or (current != "objective" and not sections):
                raise ProblemFileError(f"line {number}: {text[:40]!r} is out of place")
            maximised |= name.startswith("max")
            sections[current] = [(number, rest)]
        elif text:
            if not sections:
                raise ProblemFileError(f"line {number}: must be Minimize or Maximize")
            sections[current].append((number, text))
    if "end" not in sections:
        raise ProblemFileError("has no line End, so that it is incomplete; write it again")
    return sections, maximised


def _heading(text: str, *, opening: bool) -> tuple[str, str]:
    """Return the name of a section that a line begins, and the rest of the line."""
    whole = " ".join(text.lower().split())
    if whole in _SECTION_OF:
        return whole, ""
    match = _OPENING.match(text) if opening else None
    return (match[1].lower(), text[match.end() :]) if match else ("", text)


def _skip_label(words: _Words) -> None:
    start = words.place
    if words.kind == "name" and not (words.take() and words.accept(":")):
        words.place = start


def _signed_number(words: _Words) -> tuple[float, bool, bool]:
    """Return the factor before a term, and whether there were a sign and a number."""
    factor, signs = 1.0, 0
    while words.next in ("+", "-"):
        factor = -factor if words.take() == "-" else factor
        signs += 1
    if words.kind == "number":
        return factor * float(words.take()), signs > 0, True
    return factor, signs > 0, False


def _sum(words: _Words, end: Sequence[str]) -> _Sum:
    """Return the sum of terms that ends before one of the words `end`, or with the section."""
    result, first = _Sum(), True
    while words.kind != "end" and words.next not in end:
        factor, signed, numbered = _signed_number(words)
        if not (signed or first):
            raise words.fail("+ or -")
        first = False
        if words.kind == "name":
            result.add(words.take(), factor)
        elif not numbered and words.accept("["):
            _add_quadratic(result, words, factor)
        elif numbered:
            result.constant += factor
        else:
            raise words.fail("a number, a variable or [")
    return result


def _add_quadratic(result: _Sum, words: _Words, sign: float) -> None:
    """Add the terms `[ 2 a * b + c ^ 2 ] / 2`, of which a square is the variable itself."""
    first = True
    while not words.accept("]"):
        factor, signed, _ = _signed_number(words)
        if not (signed or first):
            raise words.fail("+, - or ]")
        first = False
        if words.kind != "name":
            raise words.fail("a variable")
        name, value = words.take(), sign * factor / 2.0
        if words.accept("^", "2"):
            result.add(name, value)
        elif words.accept("*") and words.kind == "name":
            result.quadratic.append((name, words.take(), value))
        else:
            raise words.fail("* and a variable, or ^ 2,")
    if not words.accept("/", "2"):
        raise words.fail("/ 2")


def _binaries(lines: Iterable[tuple[int, str]]) -> list[str]:
    words = _Words("the binary variables", lines)
    names = [word for _, word, _ in words.words]
    wrong = next((w for w in words.words if w[0] != "name"), None)
    if wrong is not None:
        raise ProblemFileError(f"line {wrong[2]}: {wrong[1][:40]!r} must be names of variables")
    if len(set(names)) < len(names):
        raise ProblemFileError("lists a binary variable twice")
    check_size(len(names))
    return names


def _check_bounds(words: _Words, known: set[str]) -> None:
    """Raise ProblemFileError unless all bounds are those that binary variables have anyway."""
    while words.kind != "end":
        start = words.place
        bounds = _chain(words)
        names = [value for value in bounds[::2] if isinstance(value, str)]
        if len(names) != 1 or names[0] not in known or not _is_implied(bounds):
            words.place = start
            raise words.fail("no bound but 0 <= name <= 1")


def _chain(words: _Words) -> list[str | float]:
    """Return a chain of numbers, names and comparisons, such as 0 <= x <= 1."""
    chain: list[str | float] = []
    while True:
        if words.kind == "name":
            chain.append(words.take())
        else:
            value, _, numbered = _signed_number(words)
            if not numbered:
                raise words.fail("a number or a variable")
            chain.append(value)
        if words.next not in _COMPARISONS:
            return chain
        chain.append(words.take())


def _is_implied(bounds: list[str | float]) -> bool:
    """Return whether every comparison with a number holds for 0 and 1."""
    if len(bounds) < 3:
        return False
    for left, sign, right in zip(bounds[::2], bounds[1::2], bounds[2::2], strict=False):
        if isinstance(left, str):
            left, right, sign = right, left, str(sign).translate(str.maketrans("<>", "><"))
        low, high = "<" in str(sign), ">" in str(sign)  # left is the number
        if isinstance(left, str) or not ((low and left <= 0) or (high and left >= 1)):
            return False
    return True


def _cardinality(words: _Words, known: set[str]) -> int | None:
    """Return k of the constraint that the sum of all variables is k; None without a constraint."""
    if words.kind == "end":
        return None
    _skip_label(words)
    left = _sum(words, _COMPARISONS)
    sign = words.take()
    k, _, numbered = _signed_number(words)
    if not numbered:
        raise words.fail("a number")
    factors = set(left.linear.values())
    factor = factors.pop() if len(factors) == 1 else 0.0
    if sign != "=" or left.quadratic or left.constant or not factor or set(left.linear) != known:
        raise ProblemFileError(
            "has a constraint other than that the sum of all variables is a number; add it to "
            "the objective as a penalty"
        )
    if words.kind != "end":
        raise ProblemFileError("has more than one constraint; add them as penalties")
    if k / factor not in range(1, len(known) + 1):
        raise ProblemFileError(
            f"the constraint: the sum of {len(known)} variables is {k / factor:g}; it must be 1 "
            f"to {len(known)}"
        )
    return int(k / factor)


def _model(objective: _Sum, names: Sequence[str]) -> dimod.BinaryQuadraticModel:
    import dimod

    model = dimod.BinaryQuadraticModel("BINARY")
    model.add_linear_from((name, 0.0) for name in names)
    model.add_linear_from(objective.linear.items())
    for u, v, value in objective.quadratic:
        if u == v:
            model.add_linear(u, value)
        else:
            model.add_quadratic(u, v, value)
    model.offset = objective.constant
    return model
