"""Readers of what the tools print. The texts were printed by iproute2 6.1, nftables 1.0.6 and iptables 1.8.9 on Debian 12."""

from __future__ import annotations

import json
import unittest
from typing import Dict, List, Optional, Sequence

from nat64ctl.running import running_state
from nat64ctl.state import MAIN, Link, LinkKind, Masquerade, PolicyRule, Route, RouteKey, State
from nat64ctl.system import Process, Result, System, Unreadable

VETH = (
    '{"ifindex":3,"link":"router","ifname":"nat64-7","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":9216,"qdisc":"noqueue","operstate":"UP",'
    '"group":"default","txqlen":1000,"link_type":"ether","address":"02:64:00:00:00:01","broadcast":"ff:ff:ff:ff:ff:ff","linkinfo":{"info_kind":"veth"},'
    '"num_tx_queues":2,"addr_info":[{"family":"inet","local":"198.19.0.14","prefixlen":31,"scope":"global","label":"nat64-7"},'
    '{"family":"inet","local":"10.0.0.1","prefixlen":24,"scope":"global","label":"nat64-7"},{"family":"inet6","local":"fe80::64:ff:fe00:1","prefixlen":64,"scope":"link"}]}'
)
TUN = (
    '{"ifindex":4,"ifname":"nat64-8","flags":["NO-CARRIER","POINTOPOINT","MULTICAST","NOARP","UP"],"mtu":1500,"qdisc":"pfifo_fast","operstate":"DOWN",'
    '"group":"default","txqlen":500,"link_type":"none","linkinfo":{"info_kind":"tun","info_data":{"type":"tun","pi":false,"persist":true}},"addr_info":[]}'
)
FOREIGN = '{"ifname":"veth0","flags":["UP"],"mtu":1500,"address":"12:34:00:00:00:01","linkinfo":{"info_kind":"veth"},"addr_info":[]}'


class Told(System):
    """A router that has an answer to every question, and is asked nothing else."""

    def __init__(self, answers: Dict[str, object], files: Optional[Dict[str, str]] = None) -> None:
        self.answers = answers
        self.files = files or {}

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        answer = self.answers.get(" ".join(argv), "")
        return answer if isinstance(answer, Result) else Result(tuple(argv), 0, str(answer), "")

    def read_file(self, path: str) -> Optional[str]:
        return self.files.get(path)

    def list_folder(self, path: str) -> List[str]:
        return sorted(name[len(path) + 1 :] for name in self.files if name.startswith(path + "/") and "/" not in name[len(path) + 1 :])

    def find_program(self, name: str) -> bool:
        return True

    def processes(self, name: str) -> List[Process]:
        started = Process(("/usr/sbin/tayga", "--config", "/run/nat64/nat64-tayga/nat64-8.running"), "nat64-tayga@nat64-8.service")
        # Not by its unit.
        return [started, Process(("tayga", "/run/nat64/nat64-tayga/nat64-9.running"), "nat64-tayga@nat64-8.service")] if name == "tayga" else []


NO_TABLE = Result(("nft",), 1, "", "Error: No such file or directory\nlist table ip nat64ctl\n              ^^^^^^^^\n")


def read(answers: Dict[str, object], files: Optional[Dict[str, str]] = None) -> State:
    return running_state(Told({"nft -j list table ip nat64ctl": NO_TABLE, **answers}, files))


class Readers(unittest.TestCase):
    def test_a_router_without_anything_of_ours(self) -> None:
        self.assertEqual(read({}), State())

    def test_links_with_our_addresses_and_no_others(self) -> None:
        state = read({"ip -j -d address show type veth": "[{},%s,%s]" % (VETH, FOREIGN), "ip -j -d address show type tun": "[{},%s]" % TUN})
        self.assertEqual(
            state.links,
            {
                (MAIN, "nat64-7"): Link(LinkKind.VETH, "02:64:00:00:00:01", 9216, True, frozenset({"198.19.0.14/31"})),
                (MAIN, "nat64-8"): Link(LinkKind.TUN, "", 0, True),
            },
        )

    def test_routes_of_our_links_in_every_table_without_the_kernel_s(self) -> None:
        state = read(
            {
                "ip -j -d address show type veth": "[%s]" % VETH,
                "ip -N -j -4 route show table all dev nat64-7": (
                    '[{"dst":"192.0.2.0/24","gateway":"198.19.0.15","flags":["linkdown"]},{"dst":"198.19.0.14/31","protocol":"kernel","scope":"link",'
                    '"prefsrc":"198.19.0.14","flags":[]},{"type":"local","dst":"198.19.0.14","table":"local","protocol":"kernel","scope":"host","flags":[]},'
                    '{"dst":"default","gateway":"198.19.0.15","table":"465000000","flags":[]}]'
                ),
                "ip -N -j -6 route show table all dev nat64-7": (
                    '[{"dst":"64:ff9b::/96","gateway":"fe80::64:ff:fe00:2","metric":1024,"flags":[],"pref":"medium"},{"dst":"fe80::/64","protocol":"kernel",'
                    '"metric":256,"flags":[],"pref":"medium"},{"type":"multicast","dst":"ff00::/8","table":"local","protocol":"kernel","metric":256,"flags":[]}]'
                ),
            }
        )
        self.assertEqual(
            state.routes,
            {
                RouteKey(MAIN, 4, "main", "192.0.2.0/24"): Route("nat64-7", "198.19.0.15"),
                RouteKey(MAIN, 4, "465000000", "default"): Route("nat64-7", "198.19.0.15"),
                RouteKey(MAIN, 6, "main", "64:ff9b::/96"): Route("nat64-7", "fe80::64:ff:fe00:2"),
            },
        )

    def test_numbers_are_asked_for_and_those_of_the_kernel_are_known(self) -> None:
        """As `ip -N` of iproute2 6.1 prints where rt_tables names our tables."""
        state = read(
            {
                "ip -j -d address show type veth": "[%s]" % VETH,
                "ip -N -j -4 route show table all dev nat64-7": (
                    '[{"dst":"default","gateway":"198.19.0.15","table":"640000010","flags":[]},{"dst":"192.0.2.0/24","gateway":"198.19.0.15","flags":[]},'
                    '{"type":"1","dst":"192.0.2.9","gateway":"198.19.0.15","flags":[]},'
                    '{"dst":"198.19.0.14/31","protocol":"2","scope":"253","prefsrc":"198.19.0.14","flags":[]},'
                    '{"type":"2","dst":"198.19.0.14","table":"255","protocol":"2","scope":"254","prefsrc":"198.19.0.14","flags":[]}]'
                ),
                "ip -N -j -6 route show table 641000000": '[{"type":"7","dst":"64:ff9b::/96","dev":"lo","metric":1024,"flags":[],"pref":"medium"}]',
                "ip -N -j -4 rule show": (
                    '[{"priority":0,"src":"all","table":"255"},{"priority":6463,"src":"10.0.0.0","srclen":8,"table":"254","suppress_prefixlen":0},'
                    '{"priority":6464,"src":"10.0.0.0","srclen":8,"table":"640000010"},{"priority":6465,"not":null,"src":"all","iif":"lo","table":"255"},'
                    '{"priority":6466,"not":null,"src":"all","iif":"lo","table":"641000000"},{"priority":32766,"src":"all","table":"254"}]'
                ),
            }
        )
        self.assertEqual(
            state.routes,
            {
                RouteKey(MAIN, 4, "640000010", "default"): Route("nat64-7", "198.19.0.15"),
                RouteKey(MAIN, 4, "main", "192.0.2.0/24"): Route("nat64-7", "198.19.0.15"),
                RouteKey(MAIN, 4, "main", "192.0.2.9"): Route("nat64-7", "198.19.0.15"),
                RouteKey(MAIN, 6, "641000000", "64:ff9b::/96"): Route(""),
            },
        )
        self.assertEqual(
            state.policy_rules,
            {
                PolicyRule(4, 6463, "main", "10.0.0.0/8", suppress_prefix_length=0),
                PolicyRule(4, 6464, "640000010", "10.0.0.0/8"),
                PolicyRule(4, 6465, "local", inbound="lo", inverted=True),
                PolicyRule(4, 6466, "641000000", inbound="lo", inverted=True),
            },
        )

    def test_policy_rules_of_ours_and_no_others(self) -> None:
        state = read(
            {
                "ip -N -j -6 rule show": (
                    '[{"priority":0,"src":"all","table":"local"},{"priority":6464,"src":"2001:db8::","srclen":48,"dst":"64:ff9b::","dstlen":96,"fwmark":"0x5",'
                    '"iif":"eth1","table":"640000100"},{"priority":6464,"src":"all","table":"100"},{"priority":32766,"src":"all","table":"main"}]'
                ),
                "ip -N -j -4 rule show": (
                    '[{"priority":6463,"src":"192.168.0.0","srclen":24,"table":"main","suppress_prefixlen":0},{"priority":6464,"src":"192.168.0.1","table":"465000000"},'
                    '{"priority":6465,"src":"all","table":"local"},{"priority":6465,"not":null,"src":"all","iif":"lo","table":"local"},'
                    '{"priority":6466,"not":null,"src":"all","iif":"lo","table":"641000000"},{"priority":6466,"src":"all","table":"100"},'
                    '{"priority":32767,"src":"all","table":"default"}]'
                ),
            }
        )
        self.assertEqual(
            state.policy_rules,
            {
                PolicyRule(6, 6464, "640000100", "2001:db8::/48", "64:ff9b::/96", "eth1", 5),
                PolicyRule(4, 6463, "main", "192.168.0.0/24", suppress_prefix_length=0),
                PolicyRule(4, 6464, "465000000", "192.168.0.1/32"),
                PolicyRule(4, 6465, "local", inbound="lo", inverted=True),
                PolicyRule(4, 6466, "641000000", inbound="lo", inverted=True),
            },
        )

    def test_what_leads_nowhere(self) -> None:
        six = '{"type":"unreachable","dst":"%s","dev":"lo","metric":1024,"flags":[],"pref":"medium"}'
        missing = Result(("ip",), 2, "[", "Error: ipv4: FIB table does not exist.\nDump terminated\n")
        state = read(
            {
                "ip -N -j -4 route show table 641000000": (
                    '[{"type":"unreachable","dst":"192.0.2.0/24","flags":[]},{"type":"unreachable","dst":"192.0.2.1","flags":[]}]'
                ),
                "ip -N -j -6 route show table 641000000": "[%s]" % (six % "64:ff9b::/96"),
                "ip -N -j -4 route show table 641000001": missing,
                "ip -N -j -6 route show table 641000001": "[%s]" % (six % "default"),
            }
        )
        self.assertEqual(
            state.routes,
            {
                RouteKey(MAIN, 4, "641000000", "192.0.2.0/24"): Route(""),
                RouteKey(MAIN, 4, "641000000", "192.0.2.1"): Route(""),
                RouteKey(MAIN, 6, "641000000", "64:ff9b::/96"): Route(""),
                RouteKey(MAIN, 6, "641000001", "default"): Route(""),
            },
        )
        with self.assertRaises(Unreadable):
            read({"ip -N -j -4 route show table 641000000": Result(("ip",), 2, "", "Error: Operation not permitted\n")})

    def test_masquerade_and_a_rule_that_somebody_has_changed(self) -> None:
        rules = (
            '{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, '
            '{"table": {"family": "ip", "name": "nat64ctl", "handle": 1}}, {"chain": {"family": "ip", "table": "nat64ctl", "name": '
            '"postrouting", "handle": 1, "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}}, {"rule": '
            '{"family": "ip", "table": "nat64ctl", "chain": "postrouting", "handle": 2, "expr": [{"match": {"op": "==", "left": '
            '{"payload": {"protocol": "ip", "field": "saddr"}}, "right": "198.19.0.1"}}, {"match": {"op": "!=", "left": {"meta": '
            '{"key": "oifname"}}, "right": "nat64-7"}}, {"masquerade": null}]}}, {"rule": {"family": "ip", "table": "nat64ctl", '
            '"chain": "postrouting", "handle": 3, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": '
            '"saddr"}}, "right": {"prefix": {"addr": "198.18.0.0", "len": 20}}}}, {"match": {"op": "!=", "left": {"meta": {"key": '
            '"oifname"}}, "right": "nat64-8"}}, {"masquerade": null}]}}%s]}'
        )
        self.assertEqual(
            read({"nft -j list table ip nat64ctl": rules % ""}).masquerades,
            {Masquerade("198.19.0.1", "nat64-7"), Masquerade("198.18.0.0/20", "nat64-8")},
        )
        changed = read({"nft -j list table ip nat64ctl": rules % ', {"rule": {"expr": [{"accept": null}]}}'}).masquerades
        self.assertIn(Masquerade("unknown", json.dumps([{"accept": None}])), changed)

    def test_our_chain_of_iptables_where_something_jumps_to_it(self) -> None:
        saved = (
            "# Generated by ip6tables-save v1.8.9 (nf_tables) on Wed Nov 25 22:32:46 2026\n*mangle\n:PREROUTING ACCEPT [0:0]\n:NAT64CTL - [0:0]\n"
            "-A PREROUTING -i eth9 -j MARK --set-xmark 0x7/0xffffffff\n%s-A NAT64CTL -d 64:ff9b::/96 -j JOOL --instance instance-4 \nCOMMIT\n"
        )
        files = {"/sys/module/jool/initstate": "live\n"}
        instances = {"jool instance display --csv": "Namespace,Name,Framework\n"}
        self.assertEqual(
            read({**instances, "ip6tables-save -t mangle": saved % "-A PREROUTING -j NAT64CTL\n"}, files).iptables,
            {6: ("-d 64:ff9b::/96 -j JOOL --instance instance-4",)},
        )
        self.assertEqual(read({**instances, "ip6tables-save -t mangle": saved % ""}, files).iptables, {})

    def test_a_daemon_counts_only_while_it_lives(self) -> None:
        files = {"/run/nat64/nat64-tayga/nat64-8.running": "tun-device nat64-8\n", "/run/nat64/nat64-tayga/nat64-9.running": "tun-device nat64-9\n"}
        self.assertEqual(read({}, files).daemons, {("nat64-tayga", "nat64-8"): "tun-device nat64-8\n"})

    def test_files_of_rules_and_no_others(self) -> None:
        files = {"/run/jool/instance-100.json": "{}", "/run/jool/instance-x.json": "{}", "/run/jool/other": ""}
        self.assertEqual(read({}, files).files, {"/run/jool/instance-100.json": "{}"})

    def test_what_cannot_be_read_is_an_error_and_not_nothing(self) -> None:
        refusal = Result(("nft",), 1, "", "Error: Operation not permitted\n")
        with self.assertRaises(Unreadable) as raised:
            read({"nft -j list table ip nat64ctl": refusal})
        self.assertEqual(str(raised.exception), "nft: Error: Operation not permitted")


if __name__ == "__main__":
    unittest.main()
