"""`monitor`: translations as they come and go, and what Jool logs of them; until it is interrupted."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Dict, Iterator, Optional

from ..kernel_log import KernelLog, TranslationEvent, open_kernel_log, read_event
from ..log_to_journal import message
from ..observe.filters import Filter
from ..observe.translations import Translation, translation_json, translations, transport
from ..observe.watching import Watch
from ..system import LocalSystem, wait_for_input
from .command import OK, BadUsage, CommandLine, add_filters, chosen, configuration_file, known_configuration


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("log", "translations"), metavar="log|translations", help="default: both")
    parser.add_argument("--json", action="store_true", help="print JSON, an object a line")
    parser.add_argument("--interval", default="2", metavar="SECONDS", help="between two looks at the translations; default %(default)s")
    parser.add_argument("--bindings", action="store_true", help="translations: Jool's bindings (the BIB) instead of its sessions")
    add_filters(parser)
    configuration_file(parser)


def _run(arguments: argparse.Namespace) -> int:
    wanted = chosen(arguments)
    interval = _interval(arguments.interval)
    configuration = known_configuration(arguments)
    log = open_kernel_log() if arguments.what != "translations" else None
    watch = Watch() if arguments.what != "log" else None
    emit = _print_json if arguments.json else _print_text
    system = LocalSystem()
    try:
        while True:
            until = time.monotonic() + interval
            if watch is not None:
                for change in watch.look(translations(system, wanted, configuration, time.time(), arguments.bindings)):
                    emit(time.time(), change.what, change.translation, None)
                sys.stdout.flush()
            _listen(log, wanted, until, emit)
    except KeyboardInterrupt:
        # This is how it ends.
        return OK


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise BadUsage("--interval is a number of seconds from 0.1 to 3600, not %s" % text)
    return seconds


def _listen(log: Optional[KernelLog], wanted: Filter, until: float, emit: _Emit) -> None:
    """Prints what is logged until it is time for the next look."""
    if log is None:
        time.sleep(max(0.0, until - time.monotonic()))
        return
    while True:
        for event in _events(log):
            if _takes(wanted, event):
                emit(event.time, event.event, None, event)
        sys.stdout.flush()
        left = until - time.monotonic()
        if left <= 0:
            return
        wait_for_input(log.descriptor, left)


def _events(log: KernelLog) -> Iterator[TranslationEvent]:
    for record in log.records():
        if record.lost:
            print("%d lines of the kernel's log were overwritten before they could be read" % record.lost, file=sys.stderr)
        event = read_event(record.text)
        if event is not None:
            yield event


def _takes(wanted: Filter, event: TranslationEvent) -> bool:
    ends = [end for end in (event.inside, event.outside, event.inside_destination, event.destination) if end is not None]
    if wanted.address is not None and wanted.address not in [end.address for end in ends]:
        return False
    if wanted.port is not None and wanted.port not in [str(end.port) for end in ends]:
        return False
    if wanted.protocol is not None and wanted.protocol != event.protocol:
        return False
    # A shared instance's lines do not say which rule.
    return wanted.takes_rule(event.instance.replace("instance-", "nat64-", 1))


class _Emit:
    def __call__(self, when: float, what: str, row: Optional[Translation], event: Optional[TranslationEvent]) -> None:
        raise NotImplementedError


def _stamp(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


class _Text(_Emit):
    def __call__(self, when: float, what: str, row: Optional[Translation], event: Optional[TranslationEvent]) -> None:
        if row is not None:
            with_whom = " with " + transport(row.destination_address, row.destination_port) if row.destination_address else ""
            ends = "%s is %s%s" % (transport(row.inside_address, row.inside_port), transport(row.outside_address, row.outside_port), with_whom)
            words = " ".join(each for each in (row.rule or row.instance, row.kind, what + ":", row.protocol.lower(), ends) if each)
        else:
            assert event is not None
            words = "log " + message(event)
        sys.stdout.write("%s %s\n" % (_stamp(when), words))


class _Json(_Emit):
    def __call__(self, when: float, what: str, row: Optional[Translation], event: Optional[TranslationEvent]) -> None:
        content: Dict[str, object] = {"time": _stamp(when), "source": "table" if row is not None else "log", "event": what}
        if row is not None:
            content["translation"] = translation_json(row)
        else:
            assert event is not None
            content.update(instance=event.instance, protocol=event.protocol.lower())
            ends = {
                "inside": event.inside,
                "inside_destination": event.inside_destination,
                "outside": event.outside,
                "destination": event.destination,
            }
            content.update((name, None if end is None else end._asdict()) for name, end in ends.items())
        sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")


_print_text, _print_json = _Text(), _Json()

COMMAND = CommandLine("monitor", "show translations as they come and go, until interrupted", _options, _run)
