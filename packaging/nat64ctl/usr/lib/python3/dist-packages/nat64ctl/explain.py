"""What becomes of an address, by the configuration alone. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from .embedding import NotEmbedded, embed, extract, map_to_four, map_to_six
from .model import Clat, Configuration, DestinationRule, Engine, Mode, Pool, Protocol, SourceRule, StaticMapping
from .observe.filters import port_number

#: Ways that a pair of addresses is translated: (IPv6 to IPv4, IPv4 to IPv6), whose source or destination.
SERVER_IN_FOUR = ("destination", "source")
CLIENT_IN_SIX = ("source", "destination")

_PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"))
_WELL_KNOWN = IPv6Network("64:ff9b::/96")

#: Ports that Jool takes of each address where none are written.
_DEFAULT_PORTS = (61001, 65535)


class BadQuestion(ValueError):
    """What was asked about is no address."""


class Question(NamedTuple):
    address: Union[IPv4Address, IPv6Address]
    port: Optional[int]
    protocol: Optional[Protocol]


class Answer(NamedTuple):
    """A pair of addresses that stand for each other. Empty texts: not known before a packet comes."""

    #: `nat64-100`
    rule: str
    engine: str
    #: How: RFC 6052, static, explicit map, dynamic (a binding that there is), pool (a binding that there may be), none
    mapping: str
    protocol: str
    ipv6: str
    ipv6_port: Optional[int]
    ipv4: str
    ipv4_port: Optional[int]
    #: Of IPv6 packets that become IPv4, and of IPv4 packets that become IPv6: which of their addresses this is.
    ways: Tuple[str, str]
    note: str = ""


def read_question(text: str, protocol: Optional[str]) -> Question:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, and Jool's `ADDRESS#80`. @raises BadQuestion"""
    address, port = text, ""
    if "#" in text:
        address, _, port = text.partition("#")
    elif text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in address:
            raise BadQuestion("%s is no address: between [ and ] is an IPv6 address" % text)
        if port[:1] == ":":
            port = port[1:]
        elif port:
            raise BadQuestion("%s is no address: after ] comes :PORT" % text)
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    number = port_number(port) if port else None
    if port and number is None:
        raise BadQuestion("%s has no port from 0 to 65535 after its address" % text)
    known = {each.value: each for each in Protocol}
    if protocol is not None and protocol.lower() not in known:
        raise BadQuestion("--protocol is one of tcp, udp, icmp, not %s" % protocol)
    found = None if protocol is None else known[protocol.lower()]
    try:
        if "%" in address:
            # Some versions of Python take a zone. Nothing translates addresses that have one.
            raise ValueError
        if ":" in address:
            return Question(IPv6Address(address), number, found)
        return Question(IPv4Address(address), number, found)
    except ValueError:
        raise BadQuestion("%s is no address; an address is 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80" % text) from None


def answers(configuration: Configuration, question: Question) -> List[Answer]:
    """In the order of the rules. A rule that has nothing to do with the address has no answer."""
    found: List[Answer] = []
    for rule in configuration.source_rules:
        found.extend(_noted(rule.disabled, _conditions(rule), _source(rule, question)))
    lengths = [_map_length(rule, question.address) for rule in configuration.destination_rules]
    for destination, length in zip(configuration.destination_rules, lengths):
        behind = "a longer map wins" if 0 <= length < max(lengths) else ""
        found.extend(_noted(destination.disabled, behind, _destination(destination, question)))
    if configuration.clat is not None:
        found.extend(_clat(configuration.clat, question))
    return found


def _noted(disabled: bool, conditions: str, rows: Iterable[Answer]) -> Iterator[Answer]:
    for row in rows:
        notes = [note for note in ("the rule is disabled" if disabled else "", conditions, row.note) if note]
        yield row._replace(note="; ".join(notes))


def _conditions(rule: SourceRule) -> str:
    parts = []
    if rule.source_address is not None:
        parts.append("from %s" % rule.source_address)
    if rule.inbound_interface is not None:
        parts.append("that come in by %s" % rule.inbound_interface)
    if rule.mark is not None:
        parts.append("with mark %d" % rule.mark)
    return "only packets " + " ".join(parts) if parts else ""


# nat64 source rule


def _source(rule: SourceRule, question: Question) -> Iterator[Answer]:
    label, engine = "nat64-%d" % rule.number, rule.engine.value
    address = question.address
    if isinstance(address, IPv6Address):
        embedded = _extracted(label, engine, rule.prefix, address, question, SERVER_IN_FOUR)
        if embedded is not None:
            yield embedded
            return
        statics = [each for each in rule.statics if each.inside_address == address]
        yield from _statics(rule, statics, question, inside=True)
        if rule.source_address is not None and address not in rule.source_address:
            return
        yield from _pools_for(rule, question, [each for each in statics if _fits(each, question, True)])
        return
    statics = [each for each in rule.statics if each.outside_address == address]
    exact = [each for each in statics if _fits(each, question, False)]
    yield from _statics(rule, statics, question, inside=False)
    pools = [pool for pool in rule.pools if address in pool.address]
    if pools and not (exact and (question.port is not None or rule.engine is Engine.TAYGA)):
        yield from _taken(rule, pools, question)
    elif not pools and not exact:
        note = _rules_of_prefix(rule, address)
        yield _server(label, engine, rule.prefix, address, question, note)


def _rules_of_prefix(rule: SourceRule, address: IPv4Address) -> str:
    if rule.prefix != _WELL_KNOWN or not any(address in network for network in _PRIVATE):
        return ""
    if rule.engine is Engine.TAYGA:
        return "TAYGA translates no private address under 64:ff9b::/96"
    return "private addresses are not for 64:ff9b::/96 (RFC 6052 section 3.1)"


def _server(label: str, engine: str, prefix: IPv6Network, address: IPv4Address, question: Question, note: str) -> Answer:
    """What stands for an IPv4 node on the IPv6 side."""
    six = str(embed(prefix, address))
    return Answer(label, engine, "RFC 6052", _protocol(question), six, question.port, str(address), question.port, SERVER_IN_FOUR, note)


def _extracted(label: str, engine: str, prefix: IPv6Network, address: IPv6Address, question: Question, ways: Tuple[str, str]) -> Optional[Answer]:
    """None for an address outside the prefix."""
    try:
        four = extract(prefix, address)
    except NotEmbedded as error:
        return Answer(label, engine, "none", _protocol(question), str(address), question.port, "", None, ways, "not translated: %s" % error)
    if four is None:
        return None
    canonical = embed(prefix, four)
    note = "" if canonical == address else "packets back come from %s" % canonical
    if prefix == _WELL_KNOWN and any(four in network for network in _PRIVATE):
        private = "TAYGA translates no private address under it" if engine == "tayga" else "not for private addresses (RFC 6052 section 3.1)"
        note = "; ".join(each for each in (note, "64:ff9b::/96: " + private) if each)
    return Answer(label, engine, "RFC 6052", _protocol(question), str(address), question.port, str(four), question.port, ways, note)


def _protocol(question: Question) -> str:
    return "" if question.protocol is None else question.protocol.value


def _fits(mapping: StaticMapping, question: Question, inside: bool) -> bool:
    if question.protocol is not None and mapping.protocol is not None and mapping.protocol is not question.protocol:
        return False
    port = mapping.inside_port if inside else mapping.outside_port
    return question.port is None or port is None or port == question.port


def _statics(rule: SourceRule, statics: List[StaticMapping], question: Question, inside: bool) -> Iterator[Answer]:
    for mapping in statics:
        if not _fits(mapping, question, inside):
            continue
        whole = mapping.protocol is None
        yield Answer(
            "nat64-%d" % rule.number,
            rule.engine.value,
            "static",
            _protocol(question) if mapping.protocol is None else mapping.protocol.value,
            str(mapping.inside_address),
            question.port if whole else mapping.inside_port,
            str(mapping.outside_address),
            question.port if whole else mapping.outside_port,
            CLIENT_IN_SIX,
            "static %d" % mapping.number,
        )


def _pools_for(rule: SourceRule, question: Question, statics: List[StaticMapping]) -> Iterator[Answer]:
    """What a client may become when its first packet comes; `statics` are those that it meets already."""
    if statics and rule.engine is Engine.TAYGA:
        return
    settled = {mapping.protocol for mapping in statics} if question.port is not None else set()
    label, engine, six = "nat64-%d" % rule.number, rule.engine.value, str(question.address)
    for pool in rule.pools:
        for protocol in _protocols(pool, question, rule.engine):
            if protocol in [each.value for each in settled if each is not None]:
                continue
            shown = str(pool.address.network_address) if pool.address.prefixlen == 32 else str(pool.address)
            note = "an address of the pool for itself" if rule.engine is Engine.TAYGA else "pool %d, ports %d-%d" % ((pool.number,) + _ports(pool))
            if rule.engine is Engine.TAYGA and rule.masquerade:
                note += ", then the router's own"
            yield Answer(label, engine, "pool", protocol, six, question.port, shown, None, CLIENT_IN_SIX, note)
    if rule.pools:
        return
    if rule.masquerade:
        yield Answer(label, engine, "pool", _protocol(question), six, question.port, "", None, CLIENT_IN_SIX, "the router's own address (masquerade)")
    elif rule.engine is Engine.JOOL and rule.mode is not Mode.ISOLATED:
        note = "any global address of the router, ports %d-%d" % _DEFAULT_PORTS
        yield Answer(label, engine, "pool", _protocol(question), six, question.port, "", None, CLIENT_IN_SIX, note)


def _protocols(pool: Pool, question: Question, engine: Engine) -> List[str]:
    if engine is Engine.TAYGA:
        return [_protocol(question)]
    return [each.value for each in pool.protocols if question.protocol in (None, each)]


def _ports(pool: Pool) -> Tuple[int, int]:
    return _DEFAULT_PORTS if pool.ports is None else (pool.ports.first, pool.ports.last)


def _taken(rule: SourceRule, pools: List[Pool], question: Question) -> Iterator[Answer]:
    """An address outside that a client may have."""
    label, engine, four = "nat64-%d" % rule.number, rule.engine.value, str(question.address)
    if rule.engine is Engine.TAYGA:
        for pool in pools:
            first = question.address == pool.address.network_address
            note = "TAYGA's own address" if first else "of the pool: that of a client, if one has it"
            yield Answer(label, engine, "none" if first else "pool", _protocol(question), "", None, four, question.port, CLIENT_IN_SIX, note)
        return
    found = False
    for pool in pools:
        low, high = _ports(pool)
        if question.port is not None and not low <= question.port <= high:
            continue
        for protocol in _protocols(pool, question, rule.engine):
            found = True
            note = "pool %d, ports %d-%d: that of a client, if one has it" % (pool.number, low, high)
            yield Answer(label, engine, "pool", protocol, "", None, four, question.port, CLIENT_IN_SIX, note)
    if not found:
        note = "not translated: the pools have other ports"
        yield Answer(label, engine, "none", _protocol(question), "", None, four, question.port, CLIENT_IN_SIX, note)


# nat46 destination rule


def _map_length(rule: DestinationRule, address: Union[IPv4Address, IPv6Address]) -> int:
    """How much of an address a rule's explicit map is about; -1: nothing."""
    network: Union[IPv4Network, IPv6Network] = rule.address if isinstance(address, IPv4Address) else rule.translation_address
    return -1 if rule.stateful or rule.disabled or address not in network else network.prefixlen


def _destination(rule: DestinationRule, question: Question) -> Iterator[Answer]:
    label, engine = "nat46-%d" % rule.number, rule.engine.value
    address = question.address
    if isinstance(address, IPv6Address):
        client = _extracted(label, engine, rule.source_prefix, address, question, SERVER_IN_FOUR)
        if client is not None:
            yield client._replace(note="; ".join(each for each in ("an IPv4 client", client.note) if each))
    if rule.ports is not None:
        yield from _ports_of(rule, question)
        return
    six: Optional[IPv6Address]
    four: Optional[IPv4Address]
    if isinstance(address, IPv6Address):
        six, four = address, map_to_four(rule.address, rule.translation_address, address)
    else:
        six, four = map_to_six(rule.address, rule.translation_address, address), address
    if six is not None and four is not None:
        yield Answer(label, engine, "explicit map", _protocol(question), str(six), question.port, str(four), question.port, CLIENT_IN_SIX)
    elif isinstance(address, IPv4Address):
        yield _server(label, engine, rule.source_prefix, address, question, "an IPv4 client")


def _ports_of(rule: DestinationRule, question: Question) -> Iterator[Answer]:
    assert rule.ports is not None
    label, engine = "nat46-%d" % rule.number, rule.engine.value
    inside = rule.translation_address.network_address
    shift = 0 if rule.translation_port is None else rule.translation_port - rule.ports.first
    protocols = [each for each in rule.protocols if question.protocol in (None, each)]
    if isinstance(question.address, IPv6Address):
        mine, low, high = question.address == inside, rule.ports.first + shift, rule.ports.last + shift
    else:
        mine, low, high = question.address == rule.address.network_address, rule.ports.first, rule.ports.last
    if not mine:
        if isinstance(question.address, IPv4Address):
            yield _server(label, engine, rule.source_prefix, question.address, question, "an IPv4 client")
        return
    if question.port is not None and not low <= question.port <= high:
        return
    for protocol in protocols:
        if question.port is None:
            note = "ports %d-%d become %d-%d" % (rule.ports.first, rule.ports.last, rule.ports.first + shift, rule.ports.last + shift)
            yield Answer(label, engine, "static", protocol.value, str(inside), None, str(rule.address.network_address), None, CLIENT_IN_SIX, note)
        else:
            outside = question.port - shift if isinstance(question.address, IPv6Address) else question.port
            four = str(rule.address.network_address)
            yield Answer(label, engine, "static", protocol.value, str(inside), outside + shift, four, outside, CLIENT_IN_SIX)


# 464XLAT


def _clat(clat: Clat, question: Question) -> Iterator[Answer]:
    label, engine = "nat46-clat", clat.engine.value
    address = question.address
    if isinstance(address, IPv6Address):
        server = _extracted(label, engine, clat.plat_prefix, address, question, SERVER_IN_FOUR)
        if server is not None:
            yield server
        four = map_to_four(clat.ipv4_address, clat.ipv6_prefix, address)
        if four is not None:
            yield Answer(label, engine, "explicit map", _protocol(question), str(address), question.port, str(four), question.port, CLIENT_IN_SIX)
        return
    six = map_to_six(clat.ipv4_address, clat.ipv6_prefix, address)
    if six is not None:
        yield Answer(label, engine, "explicit map", _protocol(question), str(six), question.port, str(address), question.port, CLIENT_IN_SIX)
    else:
        yield _server(label, engine, clat.plat_prefix, address, question, "")


# Printing


def answer_json(answer: Answer) -> object:
    return {
        "rule": answer.rule,
        "engine": answer.engine,
        "mapping": answer.mapping,
        "protocol": answer.protocol or None,
        "ipv6": {"address": answer.ipv6, "port": answer.ipv6_port} if answer.ipv6 else None,
        "ipv4": {"address": answer.ipv4, "port": answer.ipv4_port} if answer.ipv4 else None,
        "six_to_four": answer.ways[0],
        "four_to_six": answer.ways[1],
        "note": answer.note,
    }


HEADER = ("Rule", "Mapping", "Protocol", "IPv6", "IPv4", "6 to 4", "4 to 6", "Note")


def answer_cells(answer: Answer) -> List[str]:
    return [
        answer.rule,
        answer.mapping,
        answer.protocol,
        _shown(answer.ipv6, answer.ipv6_port),
        _shown(answer.ipv4, answer.ipv4_port),
        answer.ways[0],
        answer.ways[1],
        answer.note,
    ]


def _shown(address: str, port: Optional[int]) -> str:
    if not address:
        return "?"
    if port is None:
        return address
    return "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)
