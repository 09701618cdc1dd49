"""Addresses with ports: what overlaps what, without comparing each with each."""
from __future__ import annotations

from bisect import bisect_left
from typing import Dict, Generic, List, Optional, Tuple, TypeVar

Owner = TypeVar("Owner")

#: First address, prefix length, first port, last port.
Block = Tuple[int, int, int, int]


class Blocks(Generic[Owner]):
    """A set of blocks: networks with a range of ports each. Networks are nested or apart, so a block's rivals are in its own
    network or in one around it; each network has a sorted list of ranges that are apart.

    Blocks are to be added by growing prefix length; then `find` sees all that were added before.
    """

    def __init__(self, bits: int) -> None:
        """`bits` of an address: 32 or 128."""
        self._bits = bits
        #: By prefix length, then first address: last ports, first ports and owners of the ranges, all in one order.
        self._networks: Dict[int, Dict[int, Tuple[List[int], List[int], List[Owner]]]] = {}

    def find(self, block: Block) -> Optional[Owner]:
        """Owner of a block that overlaps this one and whose network is at least as large."""
        address, length, first, last = block
        for size, networks in self._networks.items():
            if size > length:
                continue
            shift = self._bits - size
            ranges = networks.get(address >> shift << shift)
            if ranges is None:
                continue
            lasts, firsts, owners = ranges
            index = bisect_left(lasts, first)
            if index < len(lasts) and firsts[index] <= last:
                return owners[index]
        return None

    def add(self, block: Block, owner: Owner) -> None:
        """Adds a block; where it overlaps others of its own network they become one, of the first one's owner."""
        address, length, first, last = block
        lasts, firsts, owners = self._networks.setdefault(length, {}).setdefault(address, ([], [], []))
        start = bisect_left(lasts, first)
        end = start
        while end < len(lasts) and firsts[end] <= last:
            end += 1
        if end > start:
            first, last, owner = min(first, firsts[start]), max(last, lasts[end - 1]), owners[start]
        lasts[start:end], firsts[start:end], owners[start:end] = [last], [first], [owner]
