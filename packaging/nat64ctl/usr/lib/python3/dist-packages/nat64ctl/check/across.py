"""Rules against each other: what one namespace of the router cannot hold, and what would belong to two translators."""
from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Dict, List, Optional, Sequence, Tuple

from nat64ctl.model import Clat, DestinationRule, Engine, Mode, PortRange, Protocol
from nat64ctl.problems import Collector, listed

from .addresses import plain
from .intervals import Block, Blocks
from .matches import check_matches
from .nodes import Node
from .reserved import check_reserved
from .rules import (
    Checked,
    CheckedClat,
    CheckedDestination,
    CheckedSource,
    engine_and_mode,
    is_apart,
    is_disabled,
    leaf_or_self,
    refuse,
    translator_of,
)
from .source import ALL_PORTS, ALL_PROTOCOLS, ports_of

ONE_INSTANCE = "Jool has at most one netfilter instance of %s in a network namespace; rules share it if they have the same prefix and options%s."
ONE_TARGET = "NAT46 rules of mode iptables with the same prefix are one instance of Jool: nothing else tells which of them an IPv6 packet is for."


def check_across(
    sources: Sequence[CheckedSource], destinations: Sequence[CheckedDestination], clat: Optional[CheckedClat], collector: Collector,
) -> None:
    instances = _instances(sources, destinations, clat)
    for instance in instances:
        _held_by_one_instance(instance, collector)
        _without_pool(instance, collector)
        _bib(instance, collector)
        _maps(instance, collector)
    _outside_addresses(instances, collector)
    _prefixes(instances, collector)
    check_matches(sources, collector)
    check_reserved([checked for instance in instances for checked in instance.members], collector)
    if clat is not None:
        _clat(clat, instances, collector)
    _firewall(sources, destinations, clat, collector)
    _all_ipv4(destinations, clat, collector)


@dataclass(frozen=True)
class _Instance:
    """What one translator holds: rules of one kind, the first of which decides."""

    members: Tuple[Checked, ...]
    #: Packets for any port of its IPv4 addresses come to it: it has an interface of its own.
    whole_addresses: bool


def _instances(sources: Sequence[CheckedSource], destinations: Sequence[CheckedDestination], clat: Optional[CheckedClat]) -> List[_Instance]:
    """Inline rules of a kind are one instance; NAT46 rules elsewhere share one, or a TAYGA, with those of their prefix; all others are one each."""
    inline: Dict[str, List[Checked]] = {}
    apart: Dict[Tuple[Engine, Mode, str, IPv6Network], List[Checked]] = {}
    instances: List[_Instance] = []
    every: List[Checked] = [*sources, *destinations]
    if clat is not None:
        every.append(clat)
    for checked in every:
        engine, mode = engine_and_mode(checked)
        if engine is Engine.JOOL and mode is Mode.INLINE:
            inline.setdefault(translator_of(checked), []).append(checked)
        elif isinstance(checked, CheckedDestination):
            apart.setdefault((engine, mode, translator_of(checked), checked.rule.source_prefix), []).append(checked)
        else:
            instances.append(_Instance((checked,), engine is Engine.TAYGA or mode is Mode.ISOLATED))
    shared = [_Instance(tuple(members), engine is Engine.TAYGA or mode is Mode.ISOLATED) for (engine, mode, _, _), members in apart.items()]
    return [_Instance(tuple(members), False) for members in inline.values()] + shared + instances


def _held_by_one_instance(instance: _Instance, collector: Collector) -> None:
    first = instance.members[0]
    marks: Dict[Tuple[int, IPv6Network], Checked] = {}
    for checked in instance.members:
        if isinstance(checked, CheckedSource):
            earlier = marks.setdefault((checked.rule.mark or 0, checked.rule.prefix), checked)
            if earlier is not checked:
                mark = f"mark {checked.rule.mark}" if checked.rule.mark else "no mark"
                refuse(
                    collector, checked.node, f"the same packets as for {earlier.label}: {mark}, and the same prefix",
                    ONE_INSTANCE % ("NAT64", ", and different marks"),
                    "match mark, or one pool more in the other rule; or mode isolated with another prefix",
                )
                continue
        different = [] if checked is first else _differences(first, checked)
        if different and engine_and_mode(first)[1] is Mode.IPTABLES:
            refuse(
                collector, checked.node, f"cannot be in one instance with {first.label}: {_each('another', different)}", ONE_TARGET,
                f"{_each('the same', different)}, or another prefix",
            )
        elif different:
            refuse(
                collector, checked.node, f"cannot be in one instance with {first.label}: {_each('another', different)}",
                ONE_INSTANCE % (translator_of(checked), ", told apart by marks" if isinstance(checked, CheckedSource) else ""),
                f"{_each('the same', different)}, or {'another source prefix' if instance.whole_addresses else 'mode isolated or iptables'}",
            )


def _prefix_of(checked: Checked) -> IPv6Network:
    if isinstance(checked, CheckedSource):
        return checked.rule.prefix
    return checked.rule.source_prefix if isinstance(checked, CheckedDestination) else checked.clat.plat_prefix


def _without_pool(instance: _Instance, collector: Collector) -> None:
    """Where one rule of an instance has addresses, Jool does not take the router's own for another: neither for packets with that one's mark,
    nor for its static mappings."""
    members = [checked for checked in instance.members if not is_disabled(checked)] or list(instance.members)
    holders = [checked for checked in members if translator_of(checked) == "NAT64" and _has_addresses(checked)]
    for checked in members:
        if holders and isinstance(checked, CheckedSource) and not checked.pools and (checked.statics or not checked.rule.disabled):
            refuse(
                collector, checked.node, f"no pool, and in one instance with {holders[0].label}, which has addresses",
                "Jool takes the router's own addresses only where no rule of the instance has any; packets of this one would not be translated.",
                "a translation pool here, or none in all of them; or mode isolated with another prefix and masquerade",
            )


def _has_addresses(checked: Checked) -> bool:
    return isinstance(checked, CheckedDestination) or (isinstance(checked, CheckedSource) and bool(checked.pools))


def _each(article: str, names: List[str]) -> str:
    return listed((f"{article} {name}" for name in names), "and")


def _differences(first: Checked, other: Checked) -> List[str]:
    """What a Jool instance has only once, and the two want differently."""
    parts: List[Tuple[str, object, object]] = [("prefix", _prefix_of(first), _prefix_of(other))]
    if isinstance(first, CheckedSource) and isinstance(other, CheckedSource):
        one, two = first.rule, other.rule
        parts += [("set of options", one.options, two.options), ("set of timeouts", one.timeouts, two.timeouts), ("log", one.log, two.log)]
    elif isinstance(first, CheckedDestination) and isinstance(other, CheckedDestination):
        parts += [("set of options", first.rule.options, other.rule.options)]
    else:
        # A rule of another kind has not all of the options, and takes those that it does not write.
        one_options, two_options = ({} if isinstance(checked, CheckedClat) else checked.rule.options for checked in (first, other))
        common = one_options.keys() & two_options.keys()
        parts += [("set of options", [one_options[name] for name in sorted(common)], [two_options[name] for name in sorted(common)])]
    return [name for name, left, right in parts if left != right]


def _bib(instance: _Instance, collector: Collector) -> None:
    """A BIB has each IPv6 and each IPv4 transport address once for each protocol (RFC 6146 section 3.1)."""
    outside: Dict[Tuple[object, int, int], Tuple[Node, str]] = {}
    inside: Dict[Tuple[object, int, int], Tuple[Node, str]] = {}
    for checked in instance.members:
        if not isinstance(checked, CheckedSource):
            continue
        for static, node in checked.statics:
            out_port = -1 if static.outside_port is None else static.outside_port
            in_port = -1 if static.inside_port is None else static.inside_port
            here = (node, checked.label)
            out_key = (static.protocol, int(static.outside_address), out_port)
            rival = outside.setdefault(out_key, here)
            if rival is not here:
                _doubled(collector, checked, node, rival, "outside")
                continue
            rival = inside.setdefault((static.protocol, int(static.inside_address), in_port), here)
            if rival is not here:
                _doubled(collector, checked, node, rival, "inside")
    by_port: Dict[Protocol, Blocks[CheckedDestination]] = {protocol: Blocks(128) for protocol in Protocol}
    forwards = [checked for checked in instance.members if isinstance(checked, CheckedDestination) and checked.rule.stateful]
    for checked in forwards:
        rule = checked.rule
        first, last = _inside_ports(rule)
        for protocol in rule.protocols:
            block = (int(rule.translation_address.network_address), rule.translation_address.prefixlen, first, last)
            other = by_port[protocol].find(block)
            if other is not None:
                refuse(
                    collector, checked.node,
                    f"{protocol.value} ports of {rule.translation_address.network_address} are already those of {other.label}",
                    "One IPv6 transport address has one IPv4 transport address (RFC 6146 section 3.1).",
                    "another translation port, or mode isolated with another source prefix",
                )
                break
            by_port[protocol].add(block, checked)
    if not forwards:
        return
    for checked in instance.members:
        for static, node in checked.statics if isinstance(checked, CheckedSource) else ():
            if static.protocol is not None and static.inside_port is not None:
                other = by_port[static.protocol].find((int(static.inside_address), 128, static.inside_port, static.inside_port))
                if other is not None:
                    refuse(
                        collector, node, f"its inside address, port and protocol are already those of {other.label}",
                        "One IPv6 transport address has one IPv4 transport address (RFC 6146 section 3.1).", "another inside address or port",
                    )


def _inside_ports(rule: DestinationRule) -> Tuple[int, int]:
    ports = rule.ports or ALL_PORTS
    first = ports.first if rule.translation_port is None else rule.translation_port
    return (first, first + ports.last - ports.first)


def _doubled(collector: Collector, checked: CheckedSource, node: Node, rival: Tuple[Node, str], side: str) -> None:
    other = f"static {rival[0].name}" if rival[1] == checked.label else f"static {rival[0].name} of {rival[1]}"
    refuse(
        collector, node, "the same {} address{} as {}".format(side, "" if checked.rule.engine is Engine.TAYGA else ", port and protocol", other),
        "A fixed mapping is one to one (RFC 6146 section 3.1).", f"another {side} address or port",
    )


def _maps(instance: _Instance, collector: Collector) -> None:
    """Explicit address maps of one SIIT instance may overlap, and then the longest prefix wins; but no prefix is there twice.
    TAYGA's may do so only on the IPv4 side."""
    _tayga_maps(instance, collector)
    ipv4: Dict[IPv4Network, Checked] = {}
    ipv6: Dict[IPv6Network, Checked] = {}
    for checked in instance.members:
        if isinstance(checked, CheckedClat):
            outside, inside, words = checked.clat.ipv4_address, checked.clat.ipv6_prefix, (("ipv4", "address"), ("ipv6", "prefix"))
        elif isinstance(checked, CheckedDestination) and not checked.rule.stateful and not checked.rule.disabled:
            outside, inside, words = checked.rule.address, checked.rule.translation_address, (("destination", "address"), ("translation", "address"))
        else:
            continue
        for network, earlier, names in (
            (plain(outside), ipv4.setdefault(outside, checked), words[0]), (plain(inside), ipv6.setdefault(inside, checked), words[1]),
        ):
            if earlier is not checked:
                refuse(
                    collector, leaf_or_self(checked.node, *names), f"{network} is already mapped by {earlier.label}",
                    "An explicit address map is one to one. Maps may overlap, and the longest prefix wins (RFC 7757); of two equal ones neither can.",
                    "another network, of whatever length",
                )


def _tayga_maps(instance: _Instance, collector: Collector) -> None:
    rules = [checked for checked in instance.members if isinstance(checked, CheckedDestination) and checked.rule.engine is Engine.TAYGA]
    around: Blocks[CheckedDestination] = Blocks(128)
    for checked in sorted((each for each in rules if not each.rule.disabled), key=lambda each: each.rule.translation_address.prefixlen):
        network = checked.rule.translation_address
        block = (int(network.network_address), network.prefixlen, 0, 0)
        rival = around.find(block)
        if rival is None:
            around.add(block, checked)
        elif rival.rule.translation_address != network:
            later, earlier = (checked, rival) if _place(checked) > _place(rival) else (rival, checked)
            refuse(
                collector, leaf_or_self(later.node, "translation", "address"),
                f"{plain(later.rule.translation_address)} overlaps {plain(earlier.rule.translation_address)} of {earlier.label}",
                "TAYGA takes no IPv6 address in two maps.", "networks that are apart, or the engine jool",
            )


@dataclass(frozen=True)
class _Claim:
    checked: Checked
    node: Node
    instance: int
    number: int


def _outside_addresses(instances: Sequence[_Instance], collector: Collector) -> None:
    """IPv4 addresses and ports that two translators would take for theirs. Rules of one instance may share a pool, each with its mark."""
    claims: List[Tuple[Protocol, Block, _Claim]] = []
    for index, instance in enumerate(instances):
        for checked in instance.members:
            claims.extend(_claims(checked, index, instance.whole_addresses, len(claims)))
    claims.sort(key=lambda item: item[1][1])
    # By protocol, for each instance: those that hold a rival are few, so an instance is not compared with itself.
    taken: Dict[Protocol, Dict[int, Blocks[_Claim]]] = {protocol: {} for protocol in Protocol}
    everybody: Dict[Protocol, Blocks[_Claim]] = {protocol: Blocks(32) for protocol in Protocol}
    told = set()
    for protocol, block, claim in claims:
        rival = everybody[protocol].find(block)
        if rival is not None and rival.instance == claim.instance and len(taken[protocol]) > 1:
            # What is behind the one found may be another instance's.
            rival = next(
                (
                    other for index,
                    blocks in taken[protocol].items() if index != claim.instance for other in [blocks.find(block)] if other is not None
                ),
                rival
            )
        if rival is not None and _rivals(claim, rival):
            later, earlier = (claim, rival) if _order(claim) > _order(rival) else (rival, claim)
            if id(later.node) not in told:
                told.add(id(later.node))
                _refuse_claim(collector, later, earlier)
        everybody[protocol].add(block, claim)
        taken[protocol].setdefault(claim.instance, Blocks(32)).add(block, claim)


def _order(claim: _Claim) -> Tuple[int, int, int]:
    return (*_place(claim.checked), claim.number)


def _rivals(claim: _Claim, other: _Claim) -> bool:
    """Pools of one instance may overlap: each is for its mark, and none is given out twice. Of explicit maps _maps tells."""
    if claim.instance != other.instance:
        return True
    pools = isinstance(claim.checked, CheckedSource) and isinstance(other.checked, CheckedSource)
    return not pools and claim.checked is not other.checked and translator_of(claim.checked) == "NAT64"


def _refuse_claim(collector: Collector, later: _Claim, earlier: _Claim) -> None:
    message = f"overlaps the addresses of {earlier.checked.label}"
    if later.instance != earlier.instance:
        whole = "; in isolated mode and with TAYGA a translator has whole addresses" if is_apart(later.checked) or is_apart(earlier.checked) else ""
        refuse(collector, later.node, message, f"Two translators would use the same address and port{whole}.", "addresses or ports that are apart")
    else:
        reason = "One IPv4 transport address has one IPv6 transport address (RFC 6146 section 3.1)."
        refuse(collector, later.node, message, reason, "another address, port or protocol; or a static mapping in the nat64 rule")


def _claims(checked: Checked, index: int, whole: bool, number: int) -> List[Tuple[Protocol, Block, _Claim]]:
    """Of enabled rules. A CLAT has the addresses of the hosts behind it."""
    claims: List[Tuple[Protocol, Block, _Claim]] = []
    if not isinstance(checked, CheckedClat) and checked.rule.disabled:
        return claims

    def claim(protocol: Protocol, first: int, length: int, ports: PortRange, node: Node) -> None:
        taken = ALL_PORTS if whole else ports
        claims.append((protocol, (first, length, taken.first, taken.last), _Claim(checked, node, index, number + len(claims))))
    if isinstance(checked, CheckedSource):
        for pool, node in checked.pools:
            for protocol in ALL_PROTOCOLS if whole else pool.protocols:
                claim(protocol, int(pool.address.network_address), pool.address.prefixlen, ports_of(pool), node)
        if checked.rule.engine is Engine.TAYGA:
            # Those of Jool lie in the pools.
            for static, node in checked.statics:
                for protocol in ALL_PROTOCOLS:
                    claim(protocol, int(static.outside_address), 32, ALL_PORTS, node)
        return claims
    if isinstance(checked, CheckedClat):
        network = checked.clat.ipv4_address
        for protocol in ALL_PROTOCOLS:
            claim(protocol, int(network.network_address), network.prefixlen, ALL_PORTS, leaf_or_self(checked.node, "ipv4", "address"))
        return claims
    rule = checked.rule
    for protocol in ALL_PROTOCOLS if whole or not rule.stateful else rule.protocols:
        claim(
            protocol, int(rule.address.network_address), rule.address.prefixlen, rule.ports or ALL_PORTS,
            leaf_or_self(checked.node, "destination", "address"),
        )
    return claims


def _prefixes(instances: Sequence[_Instance], collector: Collector) -> None:
    """An IPv6 destination in a prefix belongs to one translator, unless matches tell packets apart."""
    entries: List[Tuple[int, int, IPv6Network, int, Checked]] = []
    for index, instance in enumerate(instances):
        for checked in instance.members:
            # Nobody sends packets to a CLAT by its provider's prefix.
            if not isinstance(checked, CheckedClat) and not checked.rule.disabled:
                prefix = _prefix_of(checked)
                entries.append((int(prefix.network_address), prefix.prefixlen, prefix, index, checked))
    entries.sort(key=lambda entry: entry[:2])
    around: List[Tuple[int, int, IPv6Network, int, Checked]] = []
    same: Dict[Tuple[IPv6Network, object], Tuple[int, Checked]] = {}
    # Jool's hook in the router's own namespace sees packets before any route does, and looks at their mark only.
    hooked = {
        (prefix, _match(checked)[0]): (index, checked) for _, _, prefix, index, checked in entries if engine_and_mode(checked) == (
            Engine.JOOL, Mode.INLINE,
        )
    }
    for entry in entries:
        _, length, prefix, index, checked = entry
        while around and not prefix.subnet_of(around[-1][2]):
            around.pop()
        outer = next((other for other in reversed(around) if other[1] < length), None)
        if outer is not None:
            later, earlier = (checked, outer[4]) if _place(checked) > _place(outer[4]) else (outer[4], checked)
            refuse(
                collector, _prefix_node(later), f"{_prefix_of(later)} overlaps {_prefix_of(earlier)} of {earlier.label}",
                "A packet to the smaller one would belong to both.", "prefixes that are apart, or the same",
            )
        if not around or around[-1][2] != prefix:
            around.append(entry)
        match = _match(checked)
        rival_index, rival = same.setdefault((prefix, match), (index, checked))
        if rival_index == index:
            rival_index, rival = hooked.get((prefix, match[0]), (index, checked))
        if rival_index != index:
            later, earlier = (checked, rival) if _place(checked) > _place(rival) else (rival, checked)
            both_sources = isinstance(later, CheckedSource) and isinstance(earlier, CheckedSource)
            refuse(
                collector, _prefix_node(later), f"{prefix} is also the prefix of {earlier.label}",
                "Two translators would take the same IPv6 packets.",
                "another prefix%s" % (", or a match that tells the packets apart" if both_sources else ""),
            )


def _clat(clat: CheckedClat, instances: Sequence[_Instance], collector: Collector) -> None:
    """Its packets go to the provider's prefix, and those to its own come to it. The provider's translator may be on this router."""
    own = {id(member) for instance in instances if any(member is clat for member in instance.members) for member in instance.members}
    plat, inside = clat.clat.plat_prefix, clat.clat.ipv6_prefix
    for checked in (checked for instance in instances for checked in instance.members):
        if isinstance(checked, CheckedClat) or checked.rule.disabled:
            continue
        prefix, node = _prefix_of(checked), leaf_or_self(clat.node, "plat-prefix")
        if inside.overlaps(prefix):
            refuse(
                collector, leaf_or_self(clat.node, "ipv6", "prefix"), f"{inside} overlaps {prefix} of {checked.label}",
                "A packet would belong to both.", "a network that is routed to this router",
            )
        if not plat.overlaps(prefix) or id(checked) in own:
            continue
        if plat != prefix:
            refuse(
                collector, node, f"{plat} overlaps {prefix} of {checked.label}", "A packet to the smaller one would belong to both.",
                "prefixes that are apart, or the same",
            )
        elif isinstance(checked, CheckedDestination):
            refuse(
                collector, node, f"{plat} is also the prefix of {checked.label}",
                "That rule's IPv4 clients are behind it, and not those that this side is to reach.", "another prefix",
            )
        elif not is_apart(clat) and not is_apart(checked):
            refuse(
                collector, node, f"{plat} is also the prefix of {checked.label}",
                "What one Jool has translated in the router's own network namespace leaves it, and does not come to another one there.",
                "mode isolated, here or in the rule",
            )


def _match(checked: Checked) -> Tuple[int, Optional[IPv6Network], Optional[str]]:
    if isinstance(checked, CheckedSource):
        return (checked.rule.mark or 0, checked.rule.source_address, checked.rule.inbound_interface)
    # Those of NAT46 have nothing that tells them apart, from each other or from a NAT64 rule that takes everything.
    return (0, None, None)


def _place(checked: Checked) -> Tuple[int, int]:
    if isinstance(checked, CheckedSource):
        return (0, checked.rule.number)
    return (1, checked.rule.number) if isinstance(checked, CheckedDestination) else (2, 0)


def _prefix_node(checked: Checked) -> Node:
    if isinstance(checked, CheckedClat):
        return leaf_or_self(checked.node, "plat-prefix")
    return leaf_or_self(checked.node, "source", "prefix")


def _firewall(
    sources: Sequence[CheckedSource], destinations: Sequence[CheckedDestination], clat: Optional[CheckedClat], collector: Collector,
) -> None:
    every: List[Checked] = [*sources, *destinations]
    if clat is not None:
        every.append(clat)
    for checked in every:
        holder = checked.clat if isinstance(checked, CheckedClat) else checked.rule
        disabled = not isinstance(holder, Clat) and holder.disabled
        if holder.engine is Engine.JOOL and holder.mode is Mode.INLINE and not disabled:
            collector.warning(
                checked.node.position, checked.node.path, "the forward firewall does not see what is translated in mode inline",
                "Jool's netfilter hook takes packets before the firewall's forward rules, zones and MSS clamp. "
                "This is said once, and holds for all rules in this mode.",
                "mode isolated",
            )
            return


def _all_ipv4(destinations: Sequence[CheckedDestination], clat: Optional[CheckedClat], collector: Collector) -> None:
    every: List[Checked] = [*destinations, *([] if clat is None else [clat])]
    for checked in every:
        live = isinstance(checked, CheckedClat) or (isinstance(checked, CheckedDestination) and not checked.rule.disabled)
        if live and translator_of(checked) == "SIIT" and engine_and_mode(checked) == (Engine.JOOL, Mode.INLINE):
            collector.warning(
                checked.node.position, checked.node.path, "stateless and inline, Jool translates every IPv4 packet that this router forwards",
                f"Addresses that no map has become IPv6 addresses in {_prefix_of(checked)}, at both ends of a packet; only the router's own are left "
                "alone. This is said once, and holds for all such rules.",
                "mode isolated or iptables, unless the router forwards no other IPv4",
            )
            return
