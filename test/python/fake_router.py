"""A router that is a model: what jool, ip, nft, iptables, sysctl and systemctl do, as far as nat64ctl asks them.

Its rules were read in Jool 4.1.13's sources and iproute2's behaviour and compared with both; so are its words. What the programs
refuse is in `refusals`. It can refuse the n-th change, or be killed before or after it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from refusals import (
    Refused,
    in_pool4,
    interface_name,
    joold_port,
    module_error,
    plateaus,
    pool4_memory,
    pool4_ports,
    rfc6791_prefix,
    tayga_configuration,
)

from nat64ctl.system import Process, Result, System

__all__ = ["GLOBALS", "FakeInstance", "FakeLink", "FakeNamespace", "FakeRouter", "FakeTable", "Killed", "Refused"]

PROTOCOLS = ("TCP", "UDP", "ICMP")
_BOTH = {
    "manually-enabled": "TRUE",
    "pool6": "",
    "lowest-ipv6-mtu": "1280",
    "logging-debug": "FALSE",
    "zeroize-traffic-class": "FALSE",
    "override-tos": "FALSE",
    "tos": "0",
    "mtu-plateaus": "65535,32000,17914,8166,4352,2002,1492,1006,508,296,68",
}
GLOBALS = {
    "jool_siit": {
        **_BOTH,
        "amend-udp-checksum-zero": "FALSE",
        "eam-hairpin-mode": "intrinsic",
        "randomize-rfc6791-addresses": "TRUE",
        "rfc6791v6-prefix": "",
        "rfc6791v4-prefix": "",
    },
    "jool": {
        **_BOTH,
        "address-dependent-filtering": "FALSE",
        "drop-externally-initiated-tcp": "FALSE",
        "drop-icmpv6-info": "FALSE",
        "source-icmpv6-errors-better": "TRUE",
        "f-args": "11",
        "handle-rst-during-fin-rcv": "FALSE",
        "tcp-est-timeout": "2:00:00",
        "tcp-trans-timeout": "0:04:00",
        "udp-timeout": "0:05:00",
        "icmp-timeout": "0:01:00",
        "logging-bib": "FALSE",
        "logging-session": "FALSE",
        "maximum-simultaneous-opens": "10",
        "ss-enabled": "FALSE",
        "ss-flush-asap": "FALSE",
        "ss-flush-deadline": "2000",
        "ss-capacity": "512",
        "ss-max-payload": "1452",
        "ss-max-sessions-per-packet": "36",
    },
}
TIMEOUT_MINIMA = {"udp-timeout": ("udp", 120), "tcp-est-timeout": ("tcp-est", 7200), "tcp-trans-timeout": ("tcp-trans", 240)}

_NAMESPACE_SYSCTLS = {
    "net.ipv4.ip_forward": "0",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv4.conf.all.rp_filter": "2",
    "net.ipv4.conf.default.rp_filter": "2",
    "net.ipv4.conf.all.send_redirects": "1",
    "net.ipv4.conf.default.send_redirects": "1",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
    "net.ipv6.conf.default.accept_dad": "1",
    "net.ipv6.conf.default.accept_ra": "1",
    "net.ipv6.conf.default.addr_gen_mode": "0",
    "net.ipv6.conf.default.keep_addr_on_down": "0",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv4.ip_local_port_range": "32768\t60999",
}
_LINK_SYSCTLS = {"disable_ipv6": "0", "accept_ra": "1", "accept_dad": "1", "addr_gen_mode": "0"}


class Killed(BaseException):
    """nat64ctl is killed here: nothing after this happens."""


@dataclass
class FakeLink:
    kind: str
    mac: str = ""
    mtu: int = 1500
    up: bool = False
    addresses: Set[str] = field(default_factory=set)
    peer: Optional[Tuple[str, str]] = None


@dataclass
class FakeNamespace:
    links: Dict[str, FakeLink] = field(default_factory=dict)
    sysctls: Dict[str, str] = field(default_factory=lambda: dict(_NAMESPACE_SYSCTLS))
    #: Of another namespace than the router's own.
    policy: List[Tuple[int, Tuple[str, ...]]] = field(default_factory=list)
    #: (family, table, destination) to (device, via); device "" is unreachable.
    routes: Dict[Tuple[int, str, str], Tuple[str, str]] = field(default_factory=dict)


@dataclass
class FakeTable:
    iterations: str = "auto"
    #: Address to sorted ranges, none of which touch.
    rows: Dict[int, List[Tuple[int, int]]] = field(default_factory=dict)


@dataclass
class FakeInstance:
    framework: str
    options: Dict[str, str]
    pool4: Dict[Tuple[int, str], FakeTable] = field(default_factory=dict)
    #: (protocol, IPv6 end, IPv4 end) to static.
    bib: Dict[Tuple[str, str, str], bool] = field(default_factory=dict)
    eamt: Dict[str, str] = field(default_factory=dict)
    #: By binding: (IPv6 destination, IPv4 destination, rest of the row).
    sessions: Dict[Tuple[str, str, str], List[Tuple[str, str, str]]] = field(default_factory=dict)
    counters: Dict[str, int] = field(default_factory=dict)
    #: Counts lives: sessions end where it changes.
    serial: int = 0


def _ipv4(link: FakeLink) -> List[str]:
    return [each for each in link.addresses if ":" not in each]


class FakeRouter(System):
    def __init__(self) -> None:
        self.files: Dict[str, str] = {"/proc/sys/kernel/osrelease": "6.1.0-40-amd64\n"}
        self.namespaces: Dict[str, FakeNamespace] = {"": FakeNamespace()}
        self.broken: Set[str] = set()
        self.instances: Dict[Tuple[str, str, str], FakeInstance] = {}
        self.policy: List[Tuple[int, Tuple[str, ...]]] = []
        self.iptables: Dict[int, Dict[str, List[str]]] = {4: {"PREROUTING": []}, 6: {"PREROUTING": []}}
        self.nft: List[Tuple[str, str]] = []
        self.running: Dict[str, str] = {}
        #: Processes that are not of units of ours.
        self.others: List[Process] = []
        self.modules: Set[str] = set()
        self.module_version = "4.1.13.0"
        self.tool_version = "4.1.13.0"
        self.modprobe_error = ""
        self.programs = {"jool", "jool_siit", "joold", "tayga", "python3", "nft"}
        self.programs |= {"iptables-save", "ip6tables-save", "iptables-restore", "ip6tables-restore"}
        self.devices = ["tun"]
        #: Of the router's own namespace, on interfaces that are not ours.
        self.own_addresses: Set[str] = set()
        #: Whether the modules were compiled with their targets for iptables.
        self.xtables = True
        self.log: List[Tuple[str, ...]] = []
        self.changes = 0
        #: Before the n-th change (from 1): its number to what happens.
        self.before_change: Callable[[int], None] = lambda number: None
        self.after_change: Callable[[int], None] = lambda number: None
        self._serial = 0

    # The door

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        words = tuple(argv)
        self.log.append(words)
        try:
            return Result(words, 0, self._dispatch(words, stdin), "")
        except Refused as refusal:
            return Result(words, refusal.status, "", str(refusal) + "\n")

    def read_file(self, path: str) -> Optional[str]:
        module = re.match(r"/sys/module/(\w+)/(version|initstate)\Z", path)
        if module:
            if module.group(1) not in self.modules:
                return None
            return self.module_version + "\n" if module.group(2) == "version" else "live\n"
        setting = re.match(r"/proc/sys/net/ipv6/conf/([^/]+)/(\w+)\Z", path)
        if setting:
            value = self.namespaces[""].sysctls.get("net.ipv6.conf.%s.%s" % setting.groups())
            return None if value is None else value + "\n"
        return self.files.get(path)

    def write_file(self, path: str, text: str) -> None:
        self._change(lambda: self.files.update({path: text}), OSError(28, "No space left on device", path))

    def remove_file(self, path: str) -> None:
        self._change(lambda: self.files.pop(path, None), OSError(30, "Read-only file system", path))

    def rename_file(self, path: str, to: str) -> None:
        self._change(lambda: self.files.update({to: self.files.pop(path)}), OSError(28, "No space left on device", path))

    def list_folder(self, path: str) -> List[str]:
        if path == "/run/netns":
            return sorted((set(self.namespaces) - {""}) | self.broken)
        if path == "/dev/net":
            return self.devices
        if path == "/sys/module/x_tables":
            return ["holders", "initstate"]
        if path == "/sys/module/x_tables/holders":
            return sorted(self.modules) if self.xtables else []
        return sorted({name[len(path) + 1 :].partition("/")[0] for name in self.files if name.startswith(path + "/")})

    def find_program(self, name: str) -> bool:
        return name in self.programs

    def processes(self, name: str) -> List[Process]:
        prefix = {"tayga": "nat64-tayga@", "joold": "nat64-joold@", "python3": "nat64-log@"}.get(name, "?")
        found = [each for each in self.others if each.words[0].endswith(name)]
        for unit in sorted(self.running):
            if unit.startswith(prefix):
                template, _, instance = unit[: -len(".service")].partition("@")
                found.append(Process(("/usr/sbin/" + name, "--config", "/run/nat64/%s/%s.running" % (template, instance)), unit))
        return found

    def _change(self, effect: Callable[[], Any], refusal: Exception) -> None:
        self.changes += 1
        number = self.changes
        try:
            self.before_change(number)
        except Refused:
            raise refusal from None
        effect()
        self.after_change(number)

    def _changing(self, effect: Callable[[], Any]) -> str:
        self.changes += 1
        number = self.changes
        self.before_change(number)
        effect()
        self.after_change(number)
        return ""

    def _dispatch(self, words: Tuple[str, ...], stdin: Optional[str]) -> str:
        namespace = ""
        if words[:3] == ("ip", "netns", "exec"):
            namespace, words = words[3], words[4:]
            self._namespace(namespace)
        program, rest = words[0], list(words[1:])
        if program not in self.programs and program in ("jool", "jool_siit", "nft", "tayga"):
            raise Refused("%s: no such program" % program, 127)
        if program == "ip":
            return self._ip(rest)
        if program in ("jool", "jool_siit"):
            return self._jool(namespace, program, rest, stdin)
        if program == "sysctl":
            return self._sysctl(namespace, rest)
        if program == "nft":
            return self._nft(rest, stdin)
        if program in ("iptables-save", "ip6tables-save", "iptables-restore", "ip6tables-restore"):
            return self._iptables(6 if program.startswith("ip6") else 4, program.partition("-")[2], rest, stdin)
        if program == "systemctl":
            return self._systemctl(rest)
        if program == "journalctl":
            return "the daemon's own words\n"
        if program == "modprobe":
            return self._modprobe(rest[-1], "--dry-run" in rest)
        if program == "modinfo":
            known = {"depends": "jool_common,x_tables" if self.xtables else "jool_common", "filename": "/lib/modules/x_tables.ko"}
            return known[rest[1]] + "\n"
        raise AssertionError("the model does not know %s" % (words,))

    def _namespace(self, name: str) -> FakeNamespace:
        if name in self.broken:
            raise Refused('setting the network namespace "%s" failed: Invalid argument' % name, 255)
        if name not in self.namespaces:
            raise Refused('Cannot open network namespace "%s": No such file or directory' % name, 1)
        return self.namespaces[name]

    # iproute2

    def _ip(self, rest: List[str]) -> str:
        namespace, family, as_json = "", 0, False
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option == "-n":
                namespace = rest.pop(0)
            elif option in ("-4", "-6"):
                family = int(option[1])
            elif option == "-j":
                as_json = True
            else:
                assert option == "-d", option
        where = self._namespace(namespace)
        what = rest.pop(0)
        if what == "netns":
            return self._netns(rest)
        if what == "address":
            return self._address(where, rest) if not as_json else self._show_links(where, rest)
        if what == "link":
            return self._link(namespace, where, rest)
        if what == "tuntap":
            return self._tuntap(where, rest)
        if what == "route":
            return self._route(where, family, rest) if not as_json else self._show_routes(where, family, rest)
        assert what == "rule", what
        policy = self.policy if namespace == "" else where.policy
        return self._rule(policy, family, rest) if not as_json else self._show_rules(policy, family)

    def _netns(self, rest: List[str]) -> str:
        verb, name = rest
        if verb == "add":
            if name in self.namespaces or name in self.broken:
                raise Refused('Cannot create namespace file "/run/netns/%s": File exists' % name)
            return self._changing(lambda: self.namespaces.update({name: FakeNamespace()}))
        assert verb == "delete", verb
        if name not in self.namespaces and name not in self.broken:
            raise Refused('Cannot remove namespace file "/run/netns/%s": No such file or directory' % name)

        def delete() -> None:
            self.broken.discard(name)
            gone = self.namespaces.pop(name, None)
            for link in list(gone.links.values()) if gone else []:
                if link.peer:
                    self._drop_link(*link.peer)
            for key in [key for key in self.instances if key[0] == name]:
                del self.instances[key]

        return self._changing(delete)

    def _drop_link(self, namespace: str, name: str) -> None:
        where = self.namespaces.get(namespace)
        link = where.links.pop(name, None) if where else None
        if where is None or link is None:
            return
        where.routes = {key: route for key, route in where.routes.items() if route[0] != name}
        where.sysctls = {key: value for key, value in where.sysctls.items() if ".conf.%s." % name not in key}
        if link.peer:
            self._drop_link(*link.peer)

    def _put_link(self, namespace: str, name: str, link: FakeLink) -> None:
        where = self.namespaces[namespace]
        where.links[name] = link
        for key, value in _LINK_SYSCTLS.items():
            where.sysctls["net.ipv6.conf.%s.%s" % (name, key)] = where.sysctls.get("net.ipv6.conf.default." + key, value)

    def _link(self, namespace: str, where: FakeNamespace, rest: List[str]) -> str:
        verb = rest.pop(0)
        if verb == "add":
            name, _, mac, _, mtu, _, kind, _, _, inner, _, other, _, inner_mac, _, inner_mtu = rest
            assert kind == "veth", rest
            target = self._namespace(other)
            if name in where.links or inner in target.links:
                raise Refused("RTNETLINK answers: File exists", 2)

            def add() -> None:
                self._put_link(namespace, name, FakeLink("veth", mac, int(mtu), peer=(other, inner)))
                self._put_link(other, inner, FakeLink("veth", inner_mac, int(inner_mtu), peer=(namespace, name)))

            return self._changing(add)
        assert rest.pop(0) == "dev"
        name = rest.pop(0)
        if name not in where.links:
            raise Refused('Cannot find device "%s"' % name)
        link = where.links[name]
        if verb == "delete":
            return self._changing(lambda: self._drop_link(namespace, name))
        assert verb == "set", verb
        if rest == ["up"]:
            return self._changing(lambda: setattr(link, "up", True))
        if rest == ["down"]:
            return self._changing(lambda: self.link_down(namespace, name))
        if rest[0] == "mtu":
            return self._changing(lambda: setattr(link, "mtu", int(rest[1])))
        assert rest[0] == "address", rest
        return self._changing(lambda: setattr(link, "mac", rest[1]))

    def link_down(self, namespace: str, name: str) -> None:
        """What goes with it: its routes. IPv4 addresses stay; IPv6 ones where the kernel was told so."""
        where = self.namespaces[namespace]
        if where.sysctls.get("net.ipv6.conf.default.keep_addr_on_down") != "1":
            where.links[name].addresses = {each for each in where.links[name].addresses if ":" not in each}
        where.links[name].up = False
        where.routes = {key: route for key, route in where.routes.items() if route[0] != name}

    def _tuntap(self, where: FakeNamespace, rest: List[str]) -> str:
        verb, _, name, _, mode = rest
        assert mode == "tun"
        if verb == "add":
            if name in where.links:
                raise Refused("ioctl(TUNSETIFF): Device or resource busy")
            return self._changing(lambda: self._put_link("", name, FakeLink("tun")))
        if where.links.get(name) is None or where.links[name].kind != "tun":
            raise Refused("ioctl(TUNSETIFF): Invalid argument")
        if "nat64-tayga@%s.service" % name in self.running:
            raise Refused("ioctl(TUNSETIFF): Device or resource busy")
        return self._changing(lambda: self._drop_link("", name))

    def _address(self, where: FakeNamespace, rest: List[str]) -> str:
        verb, address, _, name = rest
        if name not in where.links:
            raise Refused('Cannot find device "%s"' % name)
        link = where.links[name]
        if verb == "add":
            if address in link.addresses:
                raise Refused("RTNETLINK answers: File exists", 2)
            return self._changing(lambda: link.addresses.add(address))
        if address not in link.addresses:
            raise Refused("RTNETLINK answers: Cannot assign requested address", 2)
        return self._changing(lambda: link.addresses.discard(address))

    def _show_links(self, where: FakeNamespace, rest: List[str]) -> str:
        assert rest.pop(0) == "show"
        kind = rest[1] if rest else None
        rows: List[Dict[str, Any]] = []
        for name, link in where.links.items():
            if kind is not None and link.kind != kind:
                rows.append({})
                continue
            row: Dict[str, Any] = {
                "ifname": name,
                "flags": ["BROADCAST", "MULTICAST"] + (["UP", "LOWER_UP"] if link.up else []),
                "mtu": link.mtu,
                "linkinfo": {"info_kind": link.kind},
                "addr_info": [
                    {"family": "inet6" if ":" in each else "inet", "local": each.split("/")[0], "prefixlen": int(each.split("/")[1])}
                    for each in sorted(link.addresses)
                ],
            }
            if link.mac:
                row["address"] = link.mac
            if link.up and link.kind == "veth":
                row["addr_info"].append({"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"})
            rows.append(row)
        return json.dumps(rows)

    def _route(self, where: FakeNamespace, family: int, rest: List[str]) -> str:
        verb = rest.pop(0)
        unreachable = rest[0] == "unreachable"
        if unreachable:
            rest.pop(0)
        destination = rest.pop(0)
        options = dict(zip(rest[::2], rest[1::2]))
        key = (family, options.get("table", "main"), destination)
        device, via = options.get("dev", ""), options.get("via", "")
        assert unreachable is not bool(device)
        if verb == "delete":
            if where.routes.get(key) != (device, via):
                raise Refused("RTNETLINK answers: No such process", 2)
            return self._changing(lambda: where.routes.pop(key))
        if device:
            link = where.links.get(device)
            if link is None:
                raise Refused('Cannot find device "%s"' % device)
            if not link.up:
                raise Refused("Error: Device for nexthop is not up." if family == 4 else "RTNETLINK answers: Network is down", 2)
            if family == 4 and via and not any(IPv4Address(via) in IPv4Network(each, strict=False) for each in link.addresses if ":" not in each):
                raise Refused("Error: Nexthop has invalid gateway.", 2)
        connected = {(4, "main", str(IPv4Network(each, strict=False))) for link in where.links.values() if link.up for each in _ipv4(link)}
        if verb == "add" and (key in where.routes or key in connected):
            raise Refused("RTNETLINK answers: File exists", 2)
        return self._changing(lambda: where.routes.update({key: (device, via)}))

    def _show_routes(self, where: FakeNamespace, family: int, rest: List[str]) -> str:
        assert rest.pop(0) == "show"
        options = dict(zip(rest[::2], rest[1::2]))
        wanted, asked = options.get("dev"), options.get("table", "main")
        if wanted is not None and wanted not in where.links:
            raise Refused('Cannot find device "%s"' % wanted)
        if asked.isdigit() and not any(each == family and table == asked for each, table, _ in where.routes):
            raise Refused("Error: ipv%d: FIB table does not exist.\nDump terminated" % family, 2)
        rows: List[Dict[str, Any]] = []
        for (each, table, destination), (device, via) in where.routes.items():
            if each != family or (wanted is not None and device != wanted) or asked not in ("all", table):
                continue
            if not device:
                of_table = {"table": table} if asked == "all" and table != "main" else {}
                rows.append({"type": "unreachable", "dst": destination, "flags": [], **({"dev": "lo"} if family == 6 else {}), **of_table})
                continue
            row: Dict[str, Any] = {"dst": destination, "flags": []}
            if via:
                row["gateway"] = via
            if wanted is None:
                row["dev"] = device
            if asked == "all" and table != "main":
                row["table"] = table
            rows.append(row)
        if family == 4 and not asked.isdigit():
            # The kernel's own routes are in the way everywhere.
            for name, link in where.links.items():
                if link.up and wanted in (None, name):
                    rows.extend(
                        {"dst": str(IPv4Network(each, strict=False)), "protocol": "kernel", "scope": "link", "flags": []}
                        for each in link.addresses
                        if ":" not in each
                    )
        return json.dumps(rows)

    def _rule(self, policy: List[Tuple[int, Tuple[str, ...]]], family: int, rest: List[str]) -> str:
        verb = rest.pop(0)
        if "iif" in rest:
            interface_name(rest[rest.index("iif") + 1])
        rule = (family, tuple(rest))
        if verb == "add":
            if rule in policy:
                raise Refused("RTNETLINK answers: File exists", 2)
            return self._changing(lambda: policy.append(rule))
        if rule not in policy:
            raise Refused("RTNETLINK answers: No such file or directory", 2)
        return self._changing(lambda: policy.remove(rule))

    def _show_rules(self, policy: List[Tuple[int, Tuple[str, ...]]], family: int) -> str:
        rows: List[Dict[str, Any]] = [{"priority": 0, "src": "all", "table": "local"}, {"priority": 32766, "src": "all", "table": "main"}]
        for each, words in policy:
            if each != family:
                continue
            pairs = [word for word in words if word != "not"]
            options = dict(zip(pairs[::2], pairs[1::2]))
            row: Dict[str, Any] = {"priority": int(options["priority"]), "table": options["lookup"]}
            if "not" in words:
                row["not"] = None
            for name, label in (("from", "src"), ("to", "dst")):
                # The kernel does not keep a network that is everything.
                network = options.get(name, "all").replace("::/0", "all")
                row[label], _, length = network.partition("/")
                if length:
                    row[label + "len"] = int(length)
            if row["dst"] == "all":
                del row["dst"]
            if "iif" in options:
                row["iif"] = options["iif"]
            if "fwmark" in options:
                row["fwmark"] = options["fwmark"]
            if "suppress_prefixlength" in options:
                row["suppress_prefixlen"] = int(options["suppress_prefixlength"])
            rows.append(row)
        return json.dumps(rows)

    # sysctl, nft, iptables, systemd, modules

    def _sysctl(self, namespace: str, rest: List[str]) -> str:
        values = self._namespace(namespace).sysctls
        if rest[0] == "-e":
            return "".join("%s = %s\n" % (key, values[key]) for key in rest[1:] if key in values)
        assert rest[:2] == ["-q", "-w"], rest

        def put() -> None:
            for pair in rest[2:]:
                key, _, value = pair.partition("=")
                if key not in values:
                    raise Refused("sysctl: cannot stat /proc/sys/%s: No such file or directory" % key.replace(".", "/"), 255)
                if key == "net.ipv4.ip_local_port_range" and int(value.split()[0]) < int(values["net.ipv4.ip_unprivileged_port_start"]):
                    raise Refused('sysctl: setting key "%s": Invalid argument' % key, 255)
                values[key] = "\t".join(value.split())

        return self._changing(put)

    def _nft(self, rest: List[str], stdin: Optional[str]) -> str:
        if rest == ["-f", "-"]:
            assert stdin is not None and stdin.startswith("table ip nat64ctl\ndelete table ip nat64ctl\n")
            rules = re.findall(r'^    ip saddr (\S+) oifname != "(\S+)" masquerade$', stdin, re.MULTILINE)
            assert len(rules) == stdin.count("masquerade\n"), stdin
            return self._changing(lambda: setattr(self, "nft", rules))
        assert rest == ["-j", "list", "table", "ip", "nat64ctl"], rest
        if not self.nft:
            raise Refused("Error: No such file or directory\nlist table ip nat64ctl\n              ^^^^^^^^")
        rows: List[Dict[str, Any]] = [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "nat64ctl", "handle": 1}}]
        for source, device in self.nft:
            address, _, length = source.partition("/")
            right: Any = {"prefix": {"addr": address, "len": int(length)}} if length else address
            rows.append(
                {
                    "rule": {
                        "family": "ip",
                        "table": "nat64ctl",
                        "chain": "postrouting",
                        "handle": 2,
                        "expr": [
                            {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": right}},
                            {"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": device}},
                            {"masquerade": None},
                        ],
                    }
                }
            )
        return json.dumps({"nftables": rows})

    def _iptables(self, family: int, program: str, rest: List[str], stdin: Optional[str]) -> str:
        chains = self.iptables[family]
        if program == "save":
            assert rest == ["-t", "mangle"], rest
            declared = "".join(":%s %s [0:0]\n" % (name, "ACCEPT" if name == "PREROUTING" else "-") for name in chains)
            # Targets of plug-ins end in a blank.
            return "*mangle\n" + declared + "".join("-A %s %s \n" % (name, rule) for name, rules in chains.items() for rule in rules) + "COMMIT\n"
        assert program == "restore" and rest == ["--wait", "--noflush"] and stdin is not None, rest
        lines = stdin.splitlines()
        assert lines[0] == "*mangle" and lines[-1] == "COMMIT", lines

        def restore() -> None:
            new = {name: list(rules) for name, rules in chains.items()}
            for number, line in enumerate(lines[1:-1], 2):
                words = line.split(" ", 2)
                refusal = Refused("iptables-restore: line %d failed" % number)
                if line.startswith(":"):
                    new[line[1:].split(" ")[0]] = []
                elif words[0] == "-A":
                    if "JOOL" in words[2] and not self.modules:
                        raise refusal
                    # What is everywhere is not printed.
                    new[words[1]].append(re.sub(r"-[sd] (?:::|0\.0\.0\.0)/0 ", "", words[2]))
                elif words[0] == "-D":
                    if words[2] not in new[words[1]]:
                        raise refusal
                    new[words[1]].remove(words[2])
                elif words[0] == "-F":
                    new[words[1]] = []
                else:
                    assert words[0] == "-X", line
                    if new[words[1]] or any(rule == "-j " + words[1] for rules in new.values() for rule in rules):
                        raise refusal
                    del new[words[1]]
            self.iptables[family] = new

        return self._changing(restore)

    def _systemctl(self, rest: List[str]) -> str:
        verb, unit = rest
        template, _, instance = unit[: -len(".service")].partition("@")
        wanted = "/run/nat64/%s/%s.conf" % (template, instance)
        copy = "/run/nat64/%s/%s.running" % (template, instance)
        if verb == "stop":
            return self._changing(lambda: self.running.pop(unit, None))

        def restart() -> None:
            self.running.pop(unit, None)
            if wanted not in self.files or (template == "nat64-tayga" and instance not in self.namespaces[""].links):
                raise Refused("Job for %s failed because the control process exited with error code." % unit)
            try:
                if template == "nat64-tayga":
                    tayga_configuration(self.files[wanted])
                elif template == "nat64-joold":
                    joold_port(json.loads(self.files[wanted])["multicast port"])
            except Refused as refusal:
                raise Refused("Job for %s failed: %s" % (unit, refusal)) from None
            self.files[copy] = self.files[wanted]
            self.running[unit] = self.files[wanted]

        return self._changing(restart)

    def _modprobe(self, module: str, dry: bool) -> str:
        if self.modprobe_error:
            raise Refused(self.modprobe_error)
        if not dry:
            self.modules.add(module)
        return ""

    # Jool

    def _jool(self, namespace: str, tool: str, rest: List[str], stdin: Optional[str]) -> str:
        if rest == ["--version"]:
            return self.tool_version + "\n"
        if tool not in self.modules:
            raise Refused(
                "Error: Jool's socket family doesn't seem to exist.\n"
                "(This probably means Jool hasn't been modprobed.)\nNetlink error message: Object not found"
            )
        name = ""
        if rest[0] == "-i":
            name, rest = rest[1], rest[2:]
        mode, verb, arguments = rest[0], rest[1], rest[2:]
        if mode == "instance":
            return self._jool_instance(namespace, tool, verb, arguments)
        if mode == "file":
            assert stdin is not None and arguments[:1] == ["/dev/stdin"] and arguments[1:] in ([], ["--force"])
            content = json.loads(stdin)
            return self._changing(lambda: self._handle(namespace, tool, content, "--force" in arguments))
        instance = self.instances.get((namespace, tool, name))
        if instance is None:
            raise Refused("Error: The kernel module returned error 3: This namespace lacks an instance named '%s'." % name)
        if mode == "global":
            return self._global(tool, instance, verb, arguments)
        if mode == "eamt":
            return self._eamt(instance, verb, arguments)
        if mode == "stats":
            assert [verb] + arguments == ["display", "--all", "--explain", "--csv"]
            lines = ['%s,%d,"What %s counts."' % (counter, value, counter) for counter, value in instance.counters.items()]
            return "".join(line + "\n" for line in ["Stat,Value,Explanation"] + lines)
        protocol = next(each for each in PROTOCOLS if "--" + each.lower() in arguments)
        arguments = [each for each in arguments if each != "--" + protocol.lower()]
        if mode == "pool4":
            return self._pool4(namespace, instance, verb, protocol, arguments)
        if mode == "session":
            assert [verb] + arguments == ["display", "--csv", "--numeric"]
            return self._sessions(instance, protocol)
        assert mode == "bib", rest
        return self._bib(namespace, instance, verb, protocol, arguments)

    @staticmethod
    def _sessions(instance: FakeInstance, protocol: str) -> str:
        header = (
            "Protocol,IPv6 Remote Address,IPv6 Remote L4-ID,IPv6 Local Address,IPv6 Local L4-ID,IPv4 Local Address,IPv4 Local L4-ID,"
            "IPv4 Remote Address,IPv4 Remote L4-ID,Expires in,State"
        )
        lines = [header]
        for (each, six, four), sessions in instance.sessions.items():
            assert (each, six, four) in instance.bib, "a session without its binding"
            if each == protocol:
                lines.extend(("%s,%s,%s,%s,%s,%s" % (each, six, six2, four, four2, rest)).replace("#", ",") for six2, four2, rest in sessions)
        return "".join(line + "\n" for line in lines)

    def _jool_instance(self, namespace: str, tool: str, verb: str, arguments: List[str]) -> str:
        if verb == "display":
            assert arguments == ["--csv"]
            lines = [
                "%x,%s,%s" % (abs(hash(where)) & 0xFFFFFFFF, name, instance.framework)
                for (where, kind, name), instance in self.instances.items()
                if kind == tool
            ]
            return "".join(line + "\n" for line in ["Namespace,Name,Framework"] + lines)
        assert verb == "remove", verb
        key = (namespace, tool, arguments[0])
        if key not in self.instances:
            raise Refused("Error: The kernel module returned error 3: The requested instance does not exist.")
        return self._changing(lambda: self.instances.pop(key))

    def _handle(self, namespace: str, tool: str, content: Dict[str, Any], force: bool) -> None:
        # It also lets pools pass that break the router's own connections.
        assert not (force and tool == "jool")
        allowed = {"instance", "framework", "global", "comment"} | ({"pool4", "bib"} if tool == "jool" else {"eamt", "denylist4"})
        for tag in content:
            if tag not in allowed:
                raise Refused("Error: Unknown tag: '%s'" % tag)
        name = content["instance"]
        if len(name) > 15:
            raise Refused("Error: The instance name is too long")
        key = (namespace, tool, name)
        old = self.instances.get(key)
        new = FakeInstance(content["framework"], dict(GLOBALS[tool]))
        for option, value in content.get("global", {}).items():
            if option not in new.options:
                raise Refused("Error: Unknown tag: '%s'" % option)
            new.options[option] = self._spelled(option, value)
        for entry in content.get("pool4", []):
            low, high = (int(each) for each in entry["port range"].split("-"))
            self._pool4_allowed(namespace, entry["protocol"], low, high)
            self._pool4_put(
                new, entry.get("mark", 0), entry["protocol"], IPv4Network(entry["prefix"]), low, high, str(entry.get("max-iterations", ""))
            )
        # Of a live instance they are looked at, and left out.
        for entry in content.get("bib", []):
            self._bib_put(new, (entry["protocol"], entry["ipv6 address"], entry["ipv4 address"]))
            self._expect_in_pool4(namespace, new, entry["protocol"], entry["ipv4 address"])
        for entry in content.get("eamt", []):
            self._eamt_put(new, entry["ipv6 prefix"], entry["ipv4 prefix"], force)
        if old is not None:
            if old.framework != new.framework:
                raise Refused("Error: The kernel module returned error 22: Sorry; you can't change an instance's framework for now.")
            if tool == "jool" and old.options["pool6"] != new.options["pool6"]:
                raise Refused("Error: The kernel module returned error 22: Sorry; you can't change a NAT64 instance's pool6 for now.")
            new.bib, new.serial, new.sessions, new.counters = old.bib, old.serial, old.sessions, old.counters
        else:
            self._serial += 1
            new.serial = self._serial
        self.instances[key] = new

    def _spelled(self, option: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, list):
            return plateaus(value)
        return self._kept(option, str(value))

    def _kept(self, option: str, value: str) -> str:
        """A value as the module has it."""
        self._check_timeout(option, value)
        if option == "mtu-plateaus":
            return plateaus(int(word) for word in value.split(","))
        if option == "rfc6791v4-prefix" and value not in ("", "null"):
            return rfc6791_prefix(value)
        return "" if value == "null" else value

    def _check_timeout(self, option: str, value: str) -> None:
        if option in TIMEOUT_MINIMA:
            seconds = 0
            for part in value.split(":"):
                seconds = 60 * seconds + int(part)
            label, minimum = TIMEOUT_MINIMA[option]
            if seconds < minimum:
                raise Refused(
                    "Error: The kernel module returned error 22: The '%s' timeout (%d) is too small. (min: %d)"
                    % (label, 1000 * seconds, 1000 * minimum)
                )

    def _global(self, tool: str, instance: FakeInstance, verb: str, arguments: List[str]) -> str:
        if verb == "display":
            lines = ["%s,%s" % (name, '"%s"' % value if name == "mtu-plateaus" else value) for name, value in instance.options.items()]
            return "".join(line + "\n" for line in ["Field,Value"] + lines)
        assert verb == "update", verb
        name, value = arguments
        if name not in instance.options:
            raise Refused("Error: Unknown argument: '%s'" % name)
        if name == "pool6" and tool == "jool":
            raise Refused("Error: The kernel module returned error 22: Sorry; you can't change a NAT64 instance's pool6 for now.")
        kept = self._kept(name, value)
        return self._changing(lambda: instance.options.update({name: kept}))

    def _pool4_allowed(self, namespace: str, protocol: str, low: int, high: int) -> None:
        pool4_ports(self.module_version, self.namespaces[namespace].sysctls["net.ipv4.ip_local_port_range"], protocol, low, high)

    def _pool4(self, namespace: str, instance: FakeInstance, verb: str, protocol: str, arguments: List[str]) -> str:
        if verb == "display":
            lines = ["Mark,Protocol,Address,Min port,Max port,Iterations,Iterations fixed"]
            for (mark, each), table in sorted(instance.pool4.items()):
                if each == protocol:
                    shown = "1024,0" if table.iterations == "auto" else "infinite,1" if table.iterations == "infinity" else table.iterations + ",1"
                    lines.extend(
                        "%d,%s,%s,%d,%d,%s" % (mark, each, IPv4Address(address), low, high, shown)
                        for address, rows in sorted(table.rows.items())
                        for low, high in rows
                    )
            return "".join(line + "\n" for line in lines)
        prefix, ports = arguments[:2]
        options = arguments[2:]
        quick = "--quick" in options
        pairs = [each for each in options if each != "--quick"]
        named = dict(zip(pairs[::2], pairs[1::2]))
        network = IPv4Network(prefix)
        low, high = (int(each) for each in ports.split("-"))
        mark = int(named["--mark"])
        if verb == "add":
            if network.prefixlen < 24:
                raise Refused(
                    "Error: Warning: You're adding lots of addresses, which might defeat the whole point of NAT64 over SIIT.\n"
                    "Error: Will cancel the operation. Use --force to override this."
                )
            self._expect_counted(instance, mark, protocol, network, low, high, "--max-iterations" in named)
            self._pool4_allowed(namespace, protocol, low, high)
            return self._changing(lambda: self._pool4_put(instance, mark, protocol, network, low, high, named.get("--max-iterations", "")))
        assert verb == "remove", verb
        self._expect_whole(instance, protocol, network, low, high)
        return self._changing(lambda: self._pool4_take(instance, mark, protocol, network, low, high, quick))

    @staticmethod
    def _pool4_put(instance: FakeInstance, mark: int, protocol: str, network: IPv4Network, low: int, high: int, iterations: str) -> None:
        low = max(low, 0 if protocol == "ICMP" else 1)
        fresh = (mark, protocol) not in instance.pool4
        table = instance.pool4.setdefault((mark, protocol), FakeTable())
        pool4_memory(len(table.rows) + network.num_addresses)
        if iterations:
            addresses = range(int(network.network_address), int(network.broadcast_address) + 1)
            known = all(any(first <= high + 1 and last >= low - 1 for first, last in table.rows.get(address, [])) for address in addresses)
            # Jool 4.1.13 moves the table to make room, and then writes the number to where it was.
            assert known or (fresh and len(addresses) == 1), "a write to freed memory in the kernel"
            table.iterations = iterations
        for address in range(int(network.network_address), int(network.broadcast_address) + 1):
            fused: List[Tuple[int, int]] = []
            for first, last in sorted(table.rows.get(address, []) + [(low, high)]):
                if fused and first <= fused[-1][1] + 1:
                    fused[-1] = (fused[-1][0], max(last, fused[-1][1]))
                else:
                    fused.append((first, last))
            table.rows[address] = fused

    @staticmethod
    def _expect_counted(instance: FakeInstance, mark: int, protocol: str, network: IPv4Network, low: int, high: int, again: bool) -> None:
        """A range that grows is not counted anew by Jool, up to 4.1.15 at least."""
        for (each_mark, each), table in instance.pool4.items():
            for first, last in FakeRouter._ranges(table, network) if each == protocol else []:
                inside = again and each_mark == mark and first <= low and high <= last
                assert inside or first > high + 1 or last < low - 1, "Jool counts a pool wrong: %s %d-%d beside others" % (network, low, high)

    @staticmethod
    def _expect_whole(instance: FakeInstance, protocol: str, network: IPv4Network, low: int, high: int) -> None:
        """Of a range that splits Jool counts the rest twice, and reads freed memory; one that only shrinks cannot be put back."""
        for (_, each), table in instance.pool4.items():
            for first, last in FakeRouter._ranges(table, network) if each == protocol else []:
                whole_or_nothing = (low <= first and last <= high) or last < low or first > high
                assert whole_or_nothing, "Jool counts a pool wrong: %s without %d-%d" % (network, low, high)

    @staticmethod
    def _ranges(table: FakeTable, network: IPv4Network) -> List[Tuple[int, int]]:
        return [row for address, rows in table.rows.items() if IPv4Address(address) in network for row in rows]

    @staticmethod
    def _pool4_take(instance: FakeInstance, mark: int, protocol: str, network: IPv4Network, low: int, high: int, quick: bool) -> None:
        table = instance.pool4.get((mark, protocol))
        addresses = range(int(network.network_address), int(network.broadcast_address) + 1)
        if table is not None:
            for address in addresses:
                left: List[Tuple[int, int]] = []
                for first, last in table.rows.pop(address, []):
                    left.extend(part for part in ((first, min(last, low - 1)), (max(first, high + 1), last)) if part[0] <= part[1])
                if left:
                    table.rows[address] = left
            if not table.rows:
                del instance.pool4[mark, protocol]
        if not quick:
            for entry in list(instance.bib):
                address4, _, port = entry[2].partition("#")
                if entry[0] == protocol and int(IPv4Address(address4)) in addresses and low <= int(port) <= high:
                    del instance.bib[entry]
                    instance.sessions.pop(entry, None)

    def _expect_in_pool4(self, namespace: str, instance: FakeInstance, protocol: str, end: str) -> None:
        """Of whatever mark. Where there is no pool at all, high ports of the namespace's own addresses are one."""
        address, _, port = end.partition("#")
        if instance.pool4:
            tables = (table for (_, each), table in instance.pool4.items() if each == protocol)
            found = any(in_pool4(table.rows.get(int(IPv4Address(address)), []), int(port)) for table in tables)
        else:
            found = namespace == "" and address in self.own_addresses and int(port) >= 61001
        if not found:
            raise module_error(22, "Transport address '%s' does not belong to pool4.\nPlease add it there first." % end)

    def _bib(self, namespace: str, instance: FakeInstance, verb: str, protocol: str, arguments: List[str]) -> str:
        if verb == "display":
            assert arguments == ["--csv", "--numeric"]
            lines = ["Protocol,IPv6 Address,IPv6 L4-ID,IPv4 Address,IPv4 L4-ID,Static?"]
            lines.extend(
                "%s,%s,%s,%d" % (each, six.replace("#", ","), four.replace("#", ","), static)
                for (each, six, four), static in sorted(instance.bib.items())
                if each == protocol
            )
            return "".join(line + "\n" for line in lines)
        if verb == "remove":
            found = [each for each in instance.bib if each[0] == protocol and all(end in each for end in arguments)]
            if not found:
                raise Refused("Error: The kernel module returned error 3: The entry wasn't in the database.")
            return self._changing(lambda: (instance.bib.pop(found[0]), instance.sessions.pop(found[0], None)))
        entry = (protocol, arguments[0], arguments[1])
        self._expect_in_pool4(namespace, instance, protocol, arguments[1])
        return self._changing(lambda: self._bib_put(instance, entry))

    @staticmethod
    def _bib_put(instance: FakeInstance, entry: Tuple[str, str, str]) -> None:
        for other in instance.bib:
            if other != entry and other[0] == entry[0] and (other[1] == entry[1] or other[2] == entry[2]):
                raise Refused("Error: The kernel module returned error 17: Entry %s collides with %s." % (entry, other))
        instance.bib[entry] = True

    def _eamt(self, instance: FakeInstance, verb: str, arguments: List[str]) -> str:
        if verb == "display":
            return "".join(line + "\n" for line in ["IPv6 Prefix,IPv4 Prefix"] + ["%s,%s" % pair for pair in sorted(instance.eamt.items())])
        six, four = arguments[:2]
        if verb == "add":
            assert arguments[2:] in ([], ["--force"]), arguments
            return self._changing(lambda: self._eamt_put(instance, six, four, "--force" in arguments))
        assert verb == "remove", verb
        if instance.eamt.get(six) != four:
            raise Refused("Error: The kernel module returned error 3: ")
        return self._changing(lambda: instance.eamt.pop(six))

    @staticmethod
    def _eamt_put(instance: FakeInstance, six: str, four: str, force: bool) -> None:
        """Jool looks only for an entry that the new one's first address lies in; asked to, it takes all but a prefix that is there."""
        new6, new4 = IPv6Network(six), IPv4Network(four)
        if six in instance.eamt or four in instance.eamt.values():
            raise Refused("Error: The kernel module returned error 17: Existing EAM already contains prefix %s or %s." % (six, four))
        for other6, other4 in instance.eamt.items():
            if force:
                break
            if new6.network_address in IPv6Network(other6) or new4.network_address in IPv4Network(other4):
                raise Refused(
                    "Error: The kernel module returned error 17: Prefix %s overlaps with EAM [%s|%s].\n"
                    "(Use --force to override this validation.)" % (six, other6, other4)
                )
        instance.eamt[six] = four
