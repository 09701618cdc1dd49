"""Configurations by chance: valid ones are clean and come back the same; broken ones are told, and nothing is thrown."""
from __future__ import annotations

import time
import unittest
from ipaddress import IPv4Address
from random import Random
from typing import List

from support.brace_form import brace_lines
from support.checking import valid
from support.random_configuration import random_configuration
from support.sample_tree import TREE

from nat64ctl.check import RouterFacts, check_text
from nat64ctl.model import PortRange
from nat64ctl.needs import Lack, Need
from nat64ctl.problems import Severity
from nat64ctl.render import set_commands, set_text

VALID = 2000
MUTATED = 20000
#: CPU seconds, with room for a slow machine.
SECONDS = 60.0


FACTS = RouterFacts(
    PortRange(32768, 60999), (4, 1, 13), None, {need: Lack("not installed", "install it") for need in (Need.TAYGA, Need.IPTABLES)},
    frozenset(("eth0",)), frozenset((IPv4Address("20.0.16.0"),)),
)


class ValidConfigurations(unittest.TestCase):
    def test_they_check_clean_and_come_back_the_same_from_both_forms(self) -> None:
        rules = 0
        for seed in range(VALID):
            configuration = random_configuration(Random(seed))
            rules += len(configuration.source_rules) + len(configuration.destination_rules)
            text = set_text(configuration, TREE)
            with self.subTest(seed):
                self.assertEqual(valid(text), configuration)
                braces = "\n".join(brace_lines(set_commands(configuration, TREE), TREE))
                self.assertEqual(valid(braces), configuration)
        self.assertGreater(rules, VALID)

    def test_the_order_of_the_lines_means_nothing(self) -> None:
        for seed in range(100):
            configuration = random_configuration(Random(seed))
            lines = set_commands(configuration, TREE)
            Random(seed).shuffle(lines)
            with self.subTest(seed):
                self.assertEqual(valid("\n".join(lines)), configuration)


class BrokenConfigurations(unittest.TestCase):
    def test_nothing_is_thrown_whatever_the_bytes(self) -> None:
        random = Random(46)
        texts = [self.seed_text(seed) for seed in range(60)]
        start = time.process_time()
        refused = 0
        for number in range(MUTATED):
            data = mutated(random, texts)
            try:
                result = check_text(data, "f", FACTS if number % 2 else None, TREE)
            except Exception as error:  # noqa: BLE001  # what is thrown is the finding
                self.fail(f"mutation {number}: {error!r} from {data!r}")
            errors = [problem for problem in result.problems if problem.severity is Severity.ERROR]
            self.assertEqual(result.configuration is None, bool(errors), data)
            for problem in result.problems:
                self.assertTrue(problem.message and str(problem).replace("\n", "").isprintable(), data)
                self.assertLessEqual(problem.line, data.count(b"\n") + 1, data)
            refused += result.configuration is None
        self.assertLess(time.process_time() - start, SECONDS)
        # Most must be broken, and some must have stayed whole, or the mutations are not worth much.
        self.assertGreater(refused, MUTATED // 2)
        self.assertLess(refused, MUTATED)

    @staticmethod
    def seed_text(seed: int) -> bytes:
        # Small ones: a mutation counts for more, and more of them fit into the time.
        configuration = min((random_configuration(Random(seed * 100 + more)) for more in range(5)), key=lambda found: len(set_commands(found, TREE)))
        lines = set_commands(configuration, TREE)
        return "\n".join(brace_lines(lines, TREE) if seed % 2 else lines).encode() + b"\n"


PIECES = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"'", b'"', b"{", b"}", b"/*", b"*/", b"//", b"\\", b"#", b"\n", b" ", b"\t", b"\r", b"set ", b"delete ",
    b"nat64", b"nat46",
    b"source", b"rule", b"0", b"-1", b"99999999999999999999999", b"1-", b"/96", b"::", b"64:ff9b::/96", b"10.0.0.0/8", b"255.255.255.255", b"disable",
    b"tayga",
    b"isolated", "ä".encode(), "\u2028".encode(), b"\xc2\xa0", b"\x1b[2J", b"%s%n", b"translation pool 1 disable",
)


def mutated(random: Random, texts: List[bytes]) -> bytes:
    data = bytearray(random.choice(texts))
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        place, kind = random.randrange(len(data) + 1), random.randrange(9)
        if kind == 0:
            data[place:place + random.randint(1, 20)] = b""
        elif kind == 1:
            data[place:place] = random.choice(PIECES)
        elif kind == 2:
            data[place:place + 1] = bytes((random.randrange(256),))
        elif kind == 3:
            other = random.choice(texts)
            begin = random.randrange(len(other))
            data[place:place] = other[begin:begin + random.randint(1, 200)]
        elif kind == 4:
            del data[place:]
        else:
            swap_lines_or_words(random, data, kind)
    return bytes(data)


def swap_lines_or_words(random: Random, data: bytearray, kind: int) -> None:
    """What keeps the form: a line doubled or dropped, two words exchanged, a word replaced by another one of the file."""
    lines = bytes(data).split(b"\n")
    line = random.randrange(len(lines))
    if kind == 5:
        lines.insert(random.randrange(len(lines)), lines[line])
    elif kind == 6:
        del lines[line]
    else:
        words = lines[line].split(b" ")
        other = random.choice(lines).split(b" ")
        words[random.randrange(len(words))] = random.choice(other if kind == 7 else list(PIECES))
        lines[line] = b" ".join(words)
    data[:] = b"\n".join(lines)


if __name__ == "__main__":
    unittest.main()
