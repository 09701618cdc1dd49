"""`python3 -m nat64ctl.log_to_journal SETTINGS`: what nat64-log@.service runs.

Jool's lines of the kernel's log become entries of the journal with fields, so that who had an address and port at some time is a
query. At most so many a second, after a burst; what is left out is counted, and the count is an entry of its own. The unit has
a journal of its own (LogNamespace=nat64), whose size is bounded by /usr/lib/systemd/journald@nat64.conf.d.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, Optional, Sequence

from .kernel_log import End, KernelLog, TranslationEvent, open_kernel_log, read_event
from .log_settings import Settings, read_settings
from .system import hearing_signals

JOURNAL = "/run/systemd/journal/socket"
#: Seconds between two entries that say how much was left out.
_TELL = 10.0


class Limiter:
    """A bucket of `burst` tokens that gets `rate` a second."""

    def __init__(self, settings: Settings, now: float) -> None:
        self._settings = settings
        self._tokens = float(settings.burst)
        self._at = now

    def take(self, now: float) -> bool:
        self._tokens = min(float(self._settings.burst), self._tokens + (now - self._at) * self._settings.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Writer:
    """`send` writes an entry, and may fail with OSError when the journal does not take it."""

    def __init__(self, settings: Settings, send: Callable[[bytes], None], now: float) -> None:
        self._limiter = Limiter(settings, now)
        self._send = send
        self._left_out = 0
        self._overwritten = 0
        self._told = now
        self._begun = False

    def begin(self) -> None:
        """Says that from here on it is complete: nobody knows what Jool logged between the end of the one before and the start of this one."""
        if self._begun:
            return
        fields = {
            "MESSAGE": "reading of the kernel's log begins; what Jool logged since the entry before this one is not here",
            "PRIORITY": "5",
            "SYSLOG_IDENTIFIER": "nat64",
            "NAT64_EVENT": "begun",
        }
        self._begun = self._try(entry(fields))

    def event(self, event: TranslationEvent, now: float) -> None:
        if not self._limiter.take(now) or not self._try(entry(event_fields(event))):
            self._left_out += 1

    def overwritten(self, count: int) -> None:
        """Records that the kernel overwrote before they were read; some of them may have been Jool's."""
        self._overwritten += count

    def tell(self, now: float, at_the_end: bool = False) -> None:
        """Says what is missing, not more often than it should but at the end."""
        self.begin()
        if not (self._left_out or self._overwritten) or (now - self._told < _TELL and not at_the_end):
            return
        words = []
        if self._left_out:
            words.append("%d events of bindings and sessions were left out: too many at once" % self._left_out)
        if self._overwritten:
            words.append("the kernel overwrote %d lines of its log before they could be read" % self._overwritten)
        fields = {
            "MESSAGE": "; ".join(words),
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "nat64",
            "NAT64_EVENT": "left-out",
            "NAT64_LEFT_OUT": str(self._left_out),
            "NAT64_OVERWRITTEN": str(self._overwritten),
        }
        if self._try(entry(fields)):
            self._left_out = self._overwritten = 0
            self._told = now

    def _try(self, data: bytes) -> bool:
        try:
            self._send(data)
        except OSError:
            # The journal restarts, or its buffer is full.
            return False
        return True


def event_fields(event: TranslationEvent) -> Dict[str, str]:
    fields = {
        "MESSAGE": message(event),
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "nat64",
        "NAT64_EVENT": event.event,
        "NAT64_INSTANCE": event.instance,
        "NAT64_TIME": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event.time)),
        "NAT64_PROTOCOL": event.protocol,
    }
    ends: Dict[str, Optional[End]] = {
        "INSIDE": event.inside,
        "OUTSIDE": event.outside,
        "INSIDE_DESTINATION": event.inside_destination,
        "DESTINATION": event.destination,
    }
    for name, end in ends.items():
        if end is not None:
            fields["NAT64_%s_ADDRESS" % name] = end.address
            fields["NAT64_%s_PORT" % name] = str(end.port)
    return fields


def message(event: TranslationEvent) -> str:
    """One line for people."""
    what, _, how = event.event.partition("-")
    text = "%s: %s %s: %s [%s]:%d is %s:%d" % (event.instance, what, how, event.protocol.lower(), *event.inside, *event.outside)
    return text if event.destination is None else text + ", with %s:%d" % event.destination


def entry(fields: Dict[str, str]) -> bytes:
    """The journal's native protocol. No value has line ends: they are of one line of the kernel's log."""
    return "".join("%s=%s\n" % field for field in fields.items()).encode()


def run(log: KernelLog, writer: Writer, wait: Callable[[float], None], ended: Callable[[], bool]) -> None:
    """Until it is ended. A flood may have no end before that, so what is left out is told in the middle of it too."""
    writer.begin()
    while not ended():
        for record in log.records():
            now = time.monotonic()
            if record.lost:
                writer.overwritten(record.lost)
            event = read_event(record.text)
            if event is not None:
                writer.event(event, now)
            writer.tell(now)
            if ended():
                break
        writer.tell(time.monotonic())
        wait(_TELL)
    writer.tell(time.monotonic(), at_the_end=True)


def follow(log: KernelLog, writer: Writer) -> None:
    """Until somebody asks this process to end."""
    with hearing_signals() as heard, _woken_by_signals() as woken:
        run(log, writer, lambda seconds: _wait([log.descriptor, woken], seconds), lambda: bool(heard))


@contextmanager
def _woken_by_signals() -> Iterator[int]:
    """A descriptor that has something to read once a signal has come: whoever waits for other things is told of it."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    before = signal.set_wakeup_fd(wake)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        os.close(wake)
        os.close(woken)


def main(argv: Sequence[str]) -> int:
    with open(argv[0], encoding="utf-8") as file:
        settings = read_settings(file.read())
    log = open_kernel_log()
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.setblocking(False)
    follow(log, Writer(settings, lambda data: _send(journal, data), time.monotonic()))
    return 0


def _send(journal: socket.socket, data: bytes) -> None:
    journal.sendto(data, JOURNAL)


def _wait(descriptors: Sequence[int], seconds: float) -> None:
    select.select(descriptors, [], [], seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
