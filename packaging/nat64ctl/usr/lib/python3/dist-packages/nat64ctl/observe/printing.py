"""Rows on standard output: a table in VyOS's style, or JSON. Both are written while the rows come."""

from __future__ import annotations

import json
import sys
from itertools import chain, islice
from typing import Iterable, Iterator, List, Optional, Sequence, TextIO

#: Rows that are looked at before the first is written, to know how wide the columns are.
_AHEAD = 200


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], to: Optional[TextIO] = None) -> int:
    """On standard output, or `to`. How many rows there were. Cells of later rows that are wider than their column push the others to the right."""
    out = sys.stdout if to is None else to
    coming = iter(rows)
    first = list(islice(coming, _AHEAD))
    widths = [max(len(row[index]) for row in chain([header], first)) for index in range(len(header))]
    out.write(_line(header, widths) + _line(["-" * width for width in widths], widths))
    count = 0
    for row in chain(first, coming):
        out.write(_line(row, widths))
        count += 1
    return count


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_clean(cell).ljust(width) for cell, width in zip(cells, widths)).rstrip() + "\n"


def _clean(cell: str) -> str:
    """Descriptions, and arguments of other people's programs, must neither break a row nor speak to the terminal."""
    return cell if cell.isprintable() else "".join(each if each.isprintable() else "?" for each in cell)


def print_json_rows(rows: Iterable[object]) -> None:
    """One array, an element a line."""
    separator = "["
    for text in _texts(rows):
        sys.stdout.write("%s\n%s" % (separator, text))
        separator = ","
    sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


def _texts(rows: Iterable[object]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    for row in rows:
        yield encode(row)


def print_notes(notes: List[str]) -> None:
    """What a person should know beside the data."""
    for note in notes:
        print(note, file=sys.stderr)
