"""What both forms of the text become: a stream of statements."""
from __future__ import annotations

from typing import List, NamedTuple, Optional

#: More words than any path of the tree has; a statement with more is wrong anyway, and is cut.
WORDS_AT_MOST = 64


class Statement(NamedTuple):
    """A path: names of nodes from the top, and a value at the end of a leaf's.

    A position is a number that only syntax.Locator understands. In braces it is a character's place in the text. In `set` lines
    it is the line's index times WORDS_AT_MOST plus the word's, since looking for the columns of 100,000 lines that are right
    would be most of the work.
    """

    words: List[str]
    #: Position of each word; None: word i is at `base + i`.
    positions: Optional[List[int]]
    base: int
    #: The statement opens a block `{`.
    block: bool
