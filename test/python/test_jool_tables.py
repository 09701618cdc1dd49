"""Jool's tables row by row. recorded/ holds what jool 4.1.13 printed in a router that translated."""

from __future__ import annotations

import os
import unittest
from typing import Dict, List, Optional, Sequence

from nat64ctl.engines.jool_tables import Binding, Counter, Session, UnknownTable, bindings, counters, seconds, sessions, timeouts
from nat64ctl.state import MAIN, InstanceKey, Kind
from nat64ctl.system import Result, System, Unreadable

KEY = InstanceKey(MAIN, Kind.NAT64, "instance-100")
RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")


def recorded(name: str) -> str:
    with open(os.path.join(RECORDED, name), encoding="utf-8") as file:
        return file.read()


class Printed(System):
    """Prints one text for each protocol."""

    def __init__(self, texts: Dict[str, str], status: int = 0) -> None:
        self.texts = texts
        self.status = status
        self.asked: List[Sequence[str]] = []

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        self.asked.append(argv)
        return Result(tuple(argv), self.status, self.texts.get(argv[-1], ""), "Error: no\n" if self.status else "")


class Tables(unittest.TestCase):
    def test_recorded_sessions_of_each_protocol(self) -> None:
        system = Printed({"--" + each: recorded("session-%s.csv" % each) for each in ("tcp", "udp", "icmp")})
        found = list(sessions(system, KEY))
        self.assertEqual([each.protocol for each in found], ["TCP"] * 16 + ["UDP"] * 3 + ["ICMP"])
        self.assertEqual(
            found[0],
            Session(
                "TCP",
                "2001:db8:6464::a",
                "6400",
                "64:ff9b::cb00:7182",
                "7100",
                "203.0.113.65",
                "6400",
                "203.0.113.130",
                "7100",
                "0:03:57.388",
                "V6_INIT",
            ),
        )
        self.assertEqual(found[7].state, "ESTABLISHED")
        self.assertEqual(
            found[16],
            Session(
                "UDP", "2001:db8:6464::a", "6400", "64:ff9b::cb00:7182", "7100", "203.0.113.65", "6400", "203.0.113.130", "7100", "0:04:51.148", ""
            ),
        )
        self.assertEqual((found[19].outside_port, found[19].expires), ("29113", "0:00:01.940"))
        self.assertEqual(system.asked[0], ("jool", "-i", "instance-100", "session", "display", "--csv", "--numeric", "--tcp"))

    def test_columns_go_by_the_header_and_not_by_their_place(self) -> None:
        text = "Static?,IPv4 L4-ID,IPv4 Address,New,IPv6 L4-ID,IPv6 Address,Protocol\n1,80,192.0.2.1,x,8080,2001:db8::1,TCP\n"
        self.assertEqual(list(bindings(Printed({"--tcp": text}), KEY, ("TCP",))), [Binding("TCP", "2001:db8::1", "8080", "192.0.2.1", "80", "1")])

    def test_what_is_no_row_is_none(self) -> None:
        header = "Protocol,IPv6 Address,IPv6 L4-ID,IPv4 Address,IPv4 L4-ID,Static?\n"
        row = "UDP,2001:db8::2,53,192.0.2.1,1053,0\n"
        text = "a warning\n" + header + "  (empty)\n" + row + "\n  (Fetched 1 entries.)\nsome, other, line, of, so, many, words\n"
        self.assertEqual([each.inside_port for each in bindings(Printed({"--udp": text}), KEY, ("UDP",))], ["53"])
        self.assertEqual(list(bindings(Printed({}), KEY)), [])

    def test_a_table_that_it_does_not_know_is_an_error_and_not_an_empty_one(self) -> None:
        with self.assertRaises(UnknownTable) as raised:
            list(sessions(Printed({"--tcp": "Protocol,Source,Destination\nTCP,a,b\n"}), KEY))
        self.assertIn("no column IPv6 Remote Address", str(raised.exception))

    def test_a_program_that_fails_half_way_is_an_error_after_its_rows(self) -> None:
        rows = sessions(Printed({"--tcp": recorded("session-tcp.csv")}, status=1), KEY, ("TCP",))
        self.assertEqual(next(rows).inside_address, "2001:db8:6464::a")
        with self.assertRaises(Unreadable):
            list(rows)

    def test_counters_whose_explanation_has_quotes_and_lines(self) -> None:
        text = 'Stat,Value,Explanation\nJSTAT_RECEIVED6,12,"Total IPv6 packets."\nJSTAT_HDR6,0,"Cancelled: "bad" header\nof IPv6."\nJSTAT64_SRC,3\n'
        self.assertEqual(
            counters(Printed({"--csv": text}), KEY),
            [
                Counter("JSTAT_RECEIVED6", 12, "Total IPv6 packets."),
                Counter("JSTAT_HDR6", 0, 'Cancelled: "bad" header of IPv6.'),
                Counter("JSTAT64_SRC", 3, ""),
            ],
        )

    def test_clocks(self) -> None:
        self.assertEqual([seconds(text) for text in ("1:59:59.696", "0:04:00", "12", "", "x:y")], [7199.696, 240.0, 12.0, None, None])
        self.assertEqual(timeouts({"udp-timeout": "0:05:00", "tcp-est-timeout": "2:00:00", "pool6": ""}), {"udp": 300, "tcp-established": 7200})


if __name__ == "__main__":
    unittest.main()
