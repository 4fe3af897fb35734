"""The syntax of a MATPOWER case file: its literal assignments, with the line of every row.

A case file is a MATLAB function which fills a struct. Literal assignments (`mpc.bus = [ … ];`) are read; code that
computes values is not run, and where it would change a table it is a problem, because reading past it would give
another grid than MATPOWER's. Source: MATPOWER User's Manual, appendix B, "Data File Format".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from gridpilot.errors import Problem

_HEADER = re.compile(r"^\s*function\s+(?P<output>\[[^\]]*\]|\w+)\s*=\s*(?P<name>\w+)")
_ASSIGNMENT = re.compile(r"^\s*(?P<struct>\w+)\.(?P<name>\w+)\s*=(?!=)\s*(?P<value>.*)$")
_CELL = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[^\s,;]+")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_CLOSING = {"[": "]", "{": "}"}


@dataclass(frozen=True)
class Row:
    """One row of a table: its line in the file and its cells, without quotes."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A scalar, matrix or cell array of the case struct."""

    line: int
    rows: tuple[Row, ...]


@dataclass
class CaseText:
    """What stands in a case file, before anything is known about its meaning."""

    name: str = "matpower"
    struct: str = "mpc"
    tables: dict[str, Table] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def where(line: int) -> str:
    """How a problem names its place in the file."""
    return f"line {line}"


def read_text(text: str) -> CaseText:
    """The tables of a case file by name; what cannot be read is among its `problems`."""
    case = CaseText()
    open_name, closing, first = "", "", 0
    rows: list[Row] = []
    for number, line in _lines(text):
        if not closing:
            started = _statement(case, number, line)
            if started is None:
                continue
            open_name, closing, line = started
            first, rows = number, []
        inside, ended, rest = _until(line, closing)
        rows += [Row(number, cells) for part in _split(inside) if (cells := _cells(part))]
        if ended:
            case.tables[open_name] = Table(first, tuple(rows))
            if _leftover(rest):
                case.problems.append(Problem(where(number), f"{rest.strip()!r} after the end of {case.struct}.{open_name} is not read"))
            closing = ""
    if closing:
        case.problems.append(Problem(where(first), f"{case.struct}.{open_name} is not closed by {closing!r} before the end of the file"))
    return case


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines without comments; a line that ends in `...` is joined to the next and keeps its own number."""
    found: list[tuple[int, str]] = []
    depth, held, held_at = 0, "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        mark = raw.strip()
        if mark == "%{":
            depth += 1
        elif mark == "%}" and depth:
            depth -= 1
        elif not depth:
            line = _uncomment(raw)
            start = held_at or number
            if line.rstrip().endswith("..."):
                held, held_at = held + line.rstrip()[:-3] + " ", start
                continue
            found.append((start, held + line))
            held, held_at = "", 0
    if held:
        found.append((held_at, held))
    return found


def _uncomment(line: str) -> str:
    masked = _QUOTED.sub(lambda quoted: "_" * len(quoted.group()), line)
    cut = masked.find("%")
    return line if cut < 0 else line[:cut]


def _statement(case: CaseText, number: int, line: str) -> tuple[str, str, str] | None:
    """Read one statement; for a table, its name, its closing bracket and the text after the opening one."""
    header = _HEADER.match(line)
    if header:
        case.name = header["name"]
        if header["output"].startswith("["):
            case.problems.append(Problem(where(number), "this is a version 1 case file; convert it with MATPOWER's loadcase and savecase"))
        else:
            case.struct = header["output"]
        return None
    assignment = _ASSIGNMENT.match(line)
    if assignment is None or assignment["struct"] != case.struct:
        _refuse_code(case, number, line)
        return None
    name, value = assignment["name"], assignment["value"].strip()
    if name in case.tables:
        first = where(case.tables[name].line)
        case.problems.append(Problem(where(number), f"{case.struct}.{name} stands a second time; the first is in {first}"))
    if value[:1] in _CLOSING:
        return name, _CLOSING[value[0]], value[1:]
    scalar = value.rstrip(";, \t")
    if not re.fullmatch(r"'(?:[^']|'')*'|\"[^\"]*\"|[-+\w.]+", scalar):
        case.problems.append(Problem(where(number), f"{case.struct}.{name} = {scalar} is computed; write the value out"))
        return None
    case.tables[name] = Table(number, (Row(number, _cells(scalar)),))
    return None


def _refuse_code(case: CaseText, number: int, line: str) -> None:
    """Code that would change the struct is a problem; other code (`define_constants;`) changes no table."""
    if re.match(rf"^\s*{re.escape(case.struct)}\b[^=]*=(?!=)", line):
        case.problems.append(Problem(where(number), f"{line.strip()!r} computes values; run it in MATLAB and save the case again"))


def _until(line: str, closing: str) -> tuple[str, bool, str]:
    masked = _QUOTED.sub(lambda quoted: "_" * len(quoted.group()), line)
    cut = masked.find(closing)
    return (line, False, "") if cut < 0 else (line[:cut], True, line[cut + 1 :])


def _split(inside: str) -> list[str]:
    """The rows on a line: separated by semicolons outside quotes."""
    masked = _QUOTED.sub(lambda quoted: "_" * len(quoted.group()), inside)
    cuts = [-1, *(k for k, sign in enumerate(masked) if sign == ";"), len(inside)]
    return [inside[a + 1 : b] for a, b in pairwise(cuts)]


def _cells(part: str) -> tuple[str, ...]:
    return tuple(_unquoted(cell) for cell in _CELL.findall(part))


def _unquoted(cell: str) -> str:
    if cell[:1] in {"'", '"'} and cell[-1:] == cell[:1] and len(cell) > 1:
        return cell[1:-1].replace("''", "'")
    return cell


def _leftover(rest: str) -> bool:
    return bool(rest.strip(" \t;,"))
