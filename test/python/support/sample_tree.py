"""A CLI tree as tree.json has it, written by hand, so that the reader is tested against a table that stays as it is.

With NAT64CTL_TREE in the environment the tests take the tree in that file instead: the generated one.
"""
from __future__ import annotations

import json
import os
from typing import Any, Dict

from nat64ctl import tree

Json = Dict[str, Any]


def _integer(low: int, high: int) -> Json:
    return {"type": "integer", "min": low, "max": high}


def _words(*words: str) -> Json:
    return {"type": "word", "words": [{"word": word, "help": word} for word in words]}


def _leaf(*types: Json, **more: Any) -> Json:
    return {"kind": "leaf", "help": "help", **({"value": list(types)} if types else {}), **more}


def _node(children: Json, **more: Any) -> Json:
    return {"kind": "node", "help": "help", "children": children, **more}


def _tag(children: Json, low: int = 1, high: int = 999999, **more: Any) -> Json:
    return {"kind": "tag", "help": "help", "value": [_integer(low, high)], "children": children, **more}


IPV4: Json = {"type": "ipv4"}
IPV4_NET: Json = {"type": "ipv4net"}
IPV6: Json = {"type": "ipv6"}
IPV6_NET: Json = {"type": "ipv6net"}
POOL6: Json = {"type": "ipv6net", "lengths": [32, 40, 48, 56, 64, 96]}
TEXT: Json = {"type": "text", "maxLength": 255}
PORT: Json = {"type": "port"}
PORTS: Json = {"type": "portrange"}
INTERFACE: Json = {"type": "interface"}

DESCRIPTION = _leaf(TEXT)
DISABLE = _leaf()
PROTOCOLS = _node({"tcp": _leaf(), "udp": _leaf(), "icmp": _leaf()})
ENGINE = _leaf(_words("jool", "tayga"), default="jool")
MODE = _leaf(_words("inline", "isolated", "iptables"), default="inline")

SYNCHRONIZATION = _node({
    "interface": _leaf(INTERFACE, required=True),
    "multicast-address": _leaf(IPV6, default="ff08::db8:64:64"),
    "port": _leaf(PORT, default="6464"),
    "flush-deadline": _leaf(_integer(0, 60000), unit="milliseconds"),
    "capacity": _leaf(_integer(1, 65535)),
    "max-sessions-per-packet": _leaf(_integer(1, 100)),
})

SOURCE_RULE = {
    "description": DESCRIPTION,
    "disable": DISABLE,
    "engine": ENGINE,
    "mode": MODE,
    "match": _node({
        "mark": _leaf(_integer(1, 2147483647), engines=["jool"]),
        "source-address": _leaf(IPV6_NET, engines=["jool"], modes=["isolated", "iptables"]),
        "inbound-interface": _leaf(INTERFACE, engines=["jool"], modes=["isolated", "iptables"]),
    }),
    "source": _node({"prefix": _leaf(POOL6, required=True)}),
    "translation": _node({"pool": _tag({
        "address": _leaf(IPV4, IPV4_NET, required=True),
        "port": _leaf(PORT, PORTS, engines=["jool"]),
        "protocol": {**PROTOCOLS, "engines": ["jool"]},
        "description": DESCRIPTION,
        "disable": DISABLE,
        "max-iterations": _leaf(_words("auto", "infinity"), _integer(1, 4294967295), engines=["jool"]),
    })}),
    "static": _tag({
        "protocol": {**PROTOCOLS, "engines": ["jool"]},
        "inside": _node({"address": _leaf(IPV6, required=True), "port": _leaf(PORT, required=True, engines=["jool"])}),
        "outside": _node({"address": _leaf(IPV4, required=True), "port": _leaf(PORT, required=True, engines=["jool"])}),
    }),
    "timeout": _node({
        "udp": _leaf(_integer(120, 4294967), unit="seconds"),
        "tcp-established": _leaf(_integer(7200, 4294967), unit="seconds"),
        "tcp-transitory": _leaf(_integer(240, 4294967), unit="seconds"),
        "icmp": _leaf(_integer(0, 4294967), unit="seconds"),
    }, engines=["jool"]),
    "option": _node({
        "address-dependent-filtering": _leaf(),
        "drop-icmpv6-info": _leaf(),
        "drop-externally-initiated-tcp": _leaf(),
        "lowest-ipv6-mtu": _leaf(_integer(1280, 65535)),
        "mtu-plateaus": _leaf(_integer(1, 65535), multi=True),
        "tos": _leaf(_integer(0, 255)),
        "zeroize-traffic-class": _leaf(),
        "f-args": _leaf(_integer(0, 15)),
        "handle-rst-during-fin": _leaf(),
        "maximum-simultaneous-opens": _leaf(_integer(0, 4294967295)),
        "source-icmpv6-errors-better": _leaf(_words("enable", "disable")),
    }, engines=["jool"]),
    "log": _node({"binding": _leaf(), "session": _leaf(), "debug": _leaf()}, engines=["jool"]),
    "persistent": _leaf(engines=["tayga"]),
    "masquerade": _leaf(modes=["isolated"]),
}

DESTINATION_RULE = {
    "description": DESCRIPTION,
    "disable": DISABLE,
    "engine": ENGINE,
    "mode": MODE,
    "destination": _node({"address": _leaf(IPV4, IPV4_NET, required=True), "port": _leaf(PORT, PORTS, engines=["jool"])}),
    "protocol": {**PROTOCOLS, "engines": ["jool"]},
    "translation": _node({"address": _leaf(IPV6, IPV6_NET, required=True), "port": _leaf(PORT, engines=["jool"])}),
    "source": _node({"prefix": _leaf(POOL6, required=True)}),
    "option": _node({
        "eam-hairpin": _leaf(_words("none", "simple", "intrinsic")),
        "amend-udp-checksum-zero": _leaf(),
        "rfc6791": _node({
            "address": _leaf(IPV4, IPV4_NET),
            "ipv6-address": _leaf(IPV6, IPV6_NET),
            "random": _leaf(_words("enable", "disable")),
        }),
        "lowest-ipv6-mtu": _leaf(_integer(1280, 65535)),
        "mtu-plateaus": _leaf(_integer(1, 65535), multi=True),
        "tos": _leaf(_integer(0, 255)),
        "zeroize-traffic-class": _leaf(),
    }, engines=["jool"]),
}

DOCUMENT: Json = {"version": 1, "roots": {
    "nat64": _node({"source": _node({"rule": _tag(SOURCE_RULE)}), "synchronization": SYNCHRONIZATION}),
    "nat46": _node({
        "destination": _node({"rule": _tag(DESTINATION_RULE)}),
        "clat": _node({
            "engine": ENGINE,
            "mode": MODE,
            "plat-prefix": _leaf(POOL6, required=True),
            "ipv4": _node({"address": _leaf(IPV4_NET, required=True)}),
            "ipv6": _node({"prefix": _leaf(IPV6_NET, required=True)}),
        }),
        "synchronization": SYNCHRONIZATION,
    }),
}}


def sample_tree() -> tree.Tree:
    path = os.environ.get("NAT64CTL_TREE")
    # Through text, as the package reads it.
    return tree.load(path) if path else tree.parse(json.loads(json.dumps(DOCUMENT)))


TREE = sample_tree()
