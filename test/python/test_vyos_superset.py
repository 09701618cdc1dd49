"""Whatever VyOS's own `nat64` accepts is accepted, and Jool is told the same: of a corpus, and of rules by chance."""
from __future__ import annotations

import json
import unittest
from ipaddress import IPv4Network, IPv6Network
from random import Random
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from support.checking import result_of, valid
from support.shipped_nat64 import Rule, accepted, random_rule, told_to_jool

from nat64ctl.desired import desired_state
from nat64ctl.pool4 import Pool4, table_of
from nat64ctl.problems import Severity
from nat64ctl.set_lines import render_word
from nat64ctl.state import MAIN, Framework, InstanceKey, Kind, rule_file

PREFIX: Rule = {"source": {"prefix": "64:ff9b::/96"}}
POOL = {"address": "192.0.2.1", "port": "1024-65535"}


def with_pools(*pools: Dict[str, Any], **more: Any) -> Rule:
    return {**PREFIX, **more, "translation": {"pool": {str(10 * (index + 1)): pool for index, pool in enumerate(pools)}}}


#: One of each thing that the definitions take, at its ends.
CORPUS: List[Tuple[str, str, Rule]] = [
    ("a prefix alone", "100", PREFIX),
    ("the configuration of the smoke test", "100", with_pools({"address": "192.0.2.10", "port": "1-65535"})),
    ("the lowest rule number", "1", with_pools(POOL)),
    ("the highest rule number", "999999", with_pools(POOL)),
    ("a rule that is off", "5", with_pools(POOL, disable={})),
    ("a rule that is off, with nothing but pools that are off", "5", with_pools({**POOL, "disable": {}}, disable={})),
    ("a description of 255 characters", "5", with_pools(POOL, description="x" * 255)),
    ("an empty description", "5", with_pools(POOL, description="")),
    ("quotes and what a shell would expand", "5", with_pools({**POOL, "description": "a 'b' \"c\" $D `e` \\f #g"}, description="{ } /* x */ // y")),
    ("the lowest mark", "5", with_pools(POOL, match={"mark": "1"})),
    ("the highest mark", "5", with_pools(POOL, match={"mark": "2147483647"})),
    ("a mark and no pool", "5", {**PREFIX, "match": {"mark": "7"}}),
    ("another prefix", "5", {**with_pools(POOL), "source": {"prefix": "2001:db8:64::/96"}}),
    ("a prefix in capitals, written out", "5", {**with_pools(POOL), "source": {"prefix": "2001:0DB8:0000:0000:0000:0000:0000:0000/96"}}),
    ("a prefix with an IPv4 form", "5", {**with_pools(POOL), "source": {"prefix": "64:ff9b::0.0.0.0/96"}}),
    ("a network as a pool", "5", with_pools({"address": "198.51.100.0/24", "port": "1-65535"})),
    ("a network of one address", "5", with_pools({"address": "198.51.100.7/32", "port": "1-65535"})),
    ("a private pool", "5", with_pools({"address": "10.0.0.0/24", "port": "5000-6000"})),
    ("the lowest port", "5", with_pools({"address": "192.0.2.1", "port": "1"})),
    ("the highest port", "5", with_pools({"address": "192.0.2.1", "port": "65535"})),
    ("a range of one port", "5", with_pools({"address": "192.0.2.1", "port": "80-80"})),
    ("a port with leading zeros", "5", with_pools({"address": "192.0.2.1", "port": "00080"})),
    *((f"protocols {' '.join(each)}", "5", with_pools({**POOL, "protocol": {name: {} for name in each}})) for each in (
        ("tcp",), ("udp",), ("icmp",), ("tcp", "udp"), ("icmp", "tcp"), ("icmp", "udp", "tcp"),
    )),
    ("no protocol in a protocol node", "5", with_pools({**POOL, "protocol": {}})),
    ("one pool of two that is off", "5", with_pools(POOL, {"address": "192.0.2.2", "port": "1-2", "disable": {}})),
    ("the same pool twice", "5", with_pools(POOL, POOL)),
    ("pools that overlap", "5", with_pools({"address": "192.0.2.0/24", "port": "1-9"}, {"address": "192.0.2.128/25", "port": "5-20"})),
]


#: What is not accepted of several rules. VyOS's own makes an instance of each, of which Jool uses the one that it finds first: the others' packets
#: are translated as that one's, or not at all. Nothing else may be refused.
ANOTHER_PREFIX = r"nat64 source rule \d+: cannot be in one instance with nat64 source rule \d+: another prefix"
SAME_PACKETS = r"nat64 source rule \d+: the same packets as for nat64 source rule \d+: (no mark|mark \d+), and the same prefix"

OTHER = {"source": {"prefix": "2001:db8:64::/96"}}
OFF: Rule = {"disable": {}}


def marked(mark: int) -> Rule:
    return {"match": {"mark": str(mark)}}


#: Titles, rules, and why they are refused; "": they are not.
SEVERAL: List[Tuple[str, Dict[str, Rule], str]] = [
    ("a mark for each", {"1": with_pools(POOL, **marked(6)), "2": with_pools({**POOL, "address": "192.0.2.2"}, **marked(7))}, ""),
    ("a mark for one", {"1": with_pools(POOL), "2": with_pools({**POOL, "address": "192.0.2.2"}, **marked(7))}, ""),
    ("three rules", {"1": with_pools(POOL), "20": with_pools(POOL, **marked(6)), "300": with_pools(POOL, **marked(7))}, ""),
    ("the same pool for each", {"1": with_pools(POOL, **marked(6)), "2": with_pools(POOL, **marked(7))}, ""),
    ("one without a pool", {"1": with_pools(POOL), "2": {**PREFIX, **marked(7)}}, ""),
    ("none with a pool", {"1": PREFIX, "2": {**PREFIX, **marked(7)}}, ""),
    ("a prefix that is written in two ways", {
        "1": with_pools(POOL), "2": {**with_pools(POOL, **marked(7)), "source": {"prefix": "64:FF9B:0::/96"}},
    }, ""),
    ("one that is off beside one that is on", {"1": with_pools(POOL), "2": with_pools(POOL, **marked(7), **OFF)}, ""),
    ("the first is off", {"1": with_pools(POOL, **OFF), "2": with_pools(POOL, **marked(7))}, ""),
    ("all are off", {"1": with_pools(POOL, **OFF), "2": with_pools(POOL, **marked(7), **OFF)}, ""),
    ("another prefix", {"1": with_pools(POOL), "2": {**with_pools(POOL), **OTHER}}, ANOTHER_PREFIX),
    ("another prefix and a mark", {"1": with_pools(POOL), "2": {**with_pools(POOL, **marked(7)), **OTHER}}, ANOTHER_PREFIX),
    ("another prefix that is off", {"1": with_pools(POOL), "2": {**with_pools(POOL, **OFF), **OTHER}}, ANOTHER_PREFIX),
    ("no marks", {"1": with_pools(POOL), "2": with_pools({**POOL, "address": "192.0.2.2"})}, SAME_PACKETS),
    ("the same mark", {"1": with_pools(POOL, **marked(7)), "2": with_pools({**POOL, "address": "192.0.2.2"}, **marked(7))}, SAME_PACKETS),
    ("the same packets, and one is off", {"1": with_pools(POOL), "2": with_pools({**POOL, "address": "192.0.2.2"}, **OFF)}, SAME_PACKETS),
]


def refusal(rules: Mapping[str, Rule]) -> str:
    """Which refusals of several rules are permitted; "": none."""
    if len({IPv6Network(rule["source"]["prefix"]) for rule in rules.values()}) > 1:
        return ANOTHER_PREFIX
    marks = [rule.get("match", {}).get("mark") for rule in rules.values()]
    return SAME_PACKETS if len(set(marks)) < len(marks) else ""


def set_lines(number: str, rule: Rule) -> str:
    return "".join("set " + " ".join(words) + "\n" for words in _words(["nat64", "source", "rule", number], rule))


def _words(path: List[str], value: Any) -> Iterator[List[str]]:
    if isinstance(value, str):
        yield [*path, render_word(value)]
    elif not value:
        yield path
    else:
        for name, below in value.items():
            yield from _words([*path, name], below)


class VyosSuperset(unittest.TestCase):
    def check(self, number: str, rule: Rule) -> None:
        told = told_to_jool(number, rule)
        state = desired_state(valid(set_lines(number, rule)))
        self.assertEqual(list(state.instances), [InstanceKey(MAIN, Kind.NAT64, "instance-" + number)])
        instance = next(iter(state.instances.values()))
        self.assertEqual(instance.framework, Framework.NETFILTER)
        self.assertEqual(instance.pool6, told["global"]["pool6"])
        self.assertEqual(instance.globals["manually-enabled"], str(told["global"]["manually-enabled"]).upper())
        self.assertEqual(instance.pool4, _pool4(told.get("pool4", [])))
        # And so says the file that VyOS's own tools read.
        self.assertEqual(json.loads(state.files[rule_file(int(number))]), told)

    def test_a_corpus_of_what_its_definitions_take(self) -> None:
        for title, number, rule in CORPUS:
            with self.subTest(title):
                self.assertTrue(accepted(rule))
                self.check(number, rule)

    def check_several(self, rules: Mapping[str, Rule], refused: str) -> None:
        text = "".join(set_lines(number, rule) for number, rule in rules.items())
        result = result_of(text)
        errors = [str(problem).split("\n")[0] for problem in result.problems if problem.severity is Severity.ERROR]
        if refused:
            self.assertNotEqual(errors, [])
            for error in errors:
                self.assertRegex(error, r"^f:\d+:\d+: %s$" % refused)
            return
        self.assertEqual(errors, [])
        assert result.configuration is not None
        state = desired_state(result.configuration)
        told = {number: told_to_jool(number, rule) for number, rule in rules.items()}
        on = [number for number, rule in rules.items() if "disable" not in rule]
        # What VyOS means: the pools of all rules that are on, each for its mark.
        self.assertEqual(len(state.instances), 1)
        instance = next(iter(state.instances.values()))
        self.assertEqual((instance.framework, instance.pool6), (Framework.NETFILTER, told[min(rules, key=int)]["global"]["pool6"]))
        self.assertEqual(instance.globals["manually-enabled"], str(bool(on)).upper())
        self.assertEqual(instance.pool4, _pool4([entry for number in on or rules for entry in told[number].get("pool4", [])]))
        for number, each in told.items():
            self.assertEqual(json.loads(state.files[rule_file(int(number))]), each)

    def test_several_rules_are_one_translator_or_refused_for_one_of_two_reasons(self) -> None:
        for title, rules, refused in SEVERAL:
            with self.subTest(title):
                self.assertTrue(all(accepted(rule) for rule in rules.values()))
                self.assertEqual(refusal(rules), refused)
                self.check_several(rules, refused)

    def test_several_rules_by_chance(self) -> None:
        random = Random(46)
        seen: Dict[str, int] = {}
        for index in range(400):
            rules = {str(number): random_rule(random) for number in random.sample(range(1, 1000000), random.choice((2, 2, 3)))}
            if not all(accepted(rule) for rule in rules.values()):
                continue
            if random.random() < 0.7:
                prefix = random.choice(list(rules.values()))["source"]
                for rule in rules.values():
                    rule["source"] = prefix
            if random.random() < 0.6:
                for mark, rule in zip(random.sample((None, 1, 2, 2147483647), len(rules)), rules.values()):
                    rule.pop("match", None)
                    rule.update({} if mark is None else marked(mark))
            refused = refusal(rules)
            seen[refused] = seen.get(refused, 0) + 1
            with self.subTest(index, rules=rules):
                self.check_several(rules, refused)
        # Each of them was tried, and often.
        self.assertEqual({reason: number for reason, number in seen.items() if number < 30}, {})
        self.assertEqual(set(seen), {"", ANOTHER_PREFIX, SAME_PACKETS})

    def test_rules_by_chance(self) -> None:
        random = Random(64)
        taken = 0
        for index in range(300):
            number, rule = str(random.randint(1, 999999)), random_rule(random)
            if accepted(rule):
                taken += 1
                with self.subTest(index, lines=set_lines(number, rule)):
                    self.check(number, rule)
        # Of those that are not accepted nothing is promised, so most must be.
        self.assertGreater(taken, 200)


def _pool4(entries: List[Dict[str, Any]]) -> Pool4:
    rectangles: Dict[Tuple[int, str], List[Tuple[int, int, int, int]]] = {}
    for entry in entries:
        network = IPv4Network(entry["prefix"])
        ends = [int(end) for end in entry["port range"].split("-")]
        rectangle = (int(network.network_address), int(network.broadcast_address), ends[0], ends[-1])
        rectangles.setdefault((entry.get("mark", 0), entry["protocol"]), []).append(rectangle)
    return Pool4({key: table_of(each) for key, each in rectangles.items()})


if __name__ == "__main__":
    unittest.main()
