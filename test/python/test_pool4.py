from __future__ import annotations

import random
import unittest
from typing import Set, Tuple

from nat64ctl.pool4 import Range, Run, contains, fuse, intersect, ranges, subtract, table_of, union


def cells(runs: Tuple[Run, ...]) -> Set[Tuple[int, int]]:
    return {(address, port) for run in runs for address in range(run.first, run.last + 1) for low, high in run.ports for port in range(low, high + 1)}


class Canonical(unittest.TestCase):
    def test_ranges_that_touch_are_one(self) -> None:
        self.assertEqual(fuse([(101, 200), (1, 100), (300, 400), (350, 500)]), ((1, 200), (300, 500)))

    def test_one_pool_written_in_two_ways_is_one_pool(self) -> None:
        whole = table_of([(256, 511, 1, 1000)])
        parts = table_of([(256, 383, 1, 500), (384, 511, 501, 1000), (256, 383, 501, 1000), (384, 511, 1, 500)])
        self.assertEqual(whole, parts)
        self.assertEqual(whole.runs, (Run(256, 511, ((1, 1000),)),))

    def test_addresses_that_overlap_in_part_are_split(self) -> None:
        self.assertEqual(
            table_of([(0, 3, 1, 10), (2, 5, 20, 30)]).runs, (Run(0, 1, ((1, 10),)), Run(2, 3, ((1, 10), (20, 30))), Run(4, 5, ((20, 30),)))
        )

    def test_rows_for_the_tools_are_never_wider_than_a_24(self) -> None:
        rows = ranges(table_of([(0x0A000000, 0x0A0003FF, 1, 10)]).runs)
        self.assertEqual(rows, [Range(0x0A000000 + 256 * i, 24, (1, 10)) for i in range(4)])
        self.assertEqual([row.prefix for row in rows[:1]], ["10.0.0.0/24"])
        self.assertEqual(ranges(table_of([(0x0A000001, 0x0A000001, 1, 10)]).runs)[0].prefix, "10.0.0.1")

    def test_against_sets_of_single_addresses_and_ports(self) -> None:
        dice = random.Random(64)
        for _ in range(300):
            one, other = (
                table_of(
                    [
                        (first, first + dice.randrange(4), low, low + dice.randrange(5))
                        for first, low in ((dice.randrange(8), dice.randrange(12)) for _ in range(dice.randrange(5)))
                    ]
                ).runs
                for _ in range(2)
            )
            self.assertEqual(cells(subtract(one, other)), cells(one) - cells(other))
            self.assertEqual(cells(intersect(one, other)), cells(one) & cells(other))
            self.assertEqual(cells(union([one, other])), cells(one) | cells(other))
            self.assertEqual(union([subtract(one, other), intersect(one, other)]), one)
            self.assertTrue(all(contains(one, *cell) for cell in cells(one)))
            self.assertFalse(any(contains(one, *cell) for cell in cells(other) - cells(one)))
            rows = [
                (address, port)
                for row in ranges(one)
                for address in range(row.network, row.network + (1 << 32 - row.length))
                for port in range(row.ports[0], row.ports[1] + 1)
            ]
            self.assertEqual((len(rows), set(rows)), (len(cells(one)), cells(one)))


if __name__ == "__main__":
    unittest.main()
