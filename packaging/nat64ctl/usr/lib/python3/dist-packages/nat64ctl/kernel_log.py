"""The kernel's log, record by record, and what Jool writes there about bindings and sessions.

Jool 4.1 (mod/common/db/bib/db.c) prints, with `log binding` and `log session`:

    Jool: INSTANCE YEAR/MONTH/DAY HOUR:MINUTE:SECOND (GMT) - Mapped INSIDE#PORT to OUTSIDE#PORT (PROTOCOL)
    Jool: INSTANCE ... (GMT) - Forgot INSIDE#PORT to OUTSIDE#PORT (PROTOCOL)
    Jool: INSTANCE ... (GMT) - Added session INSIDE#PORT|INSIDE DESTINATION#PORT|OUTSIDE#PORT|DESTINATION#PORT|PROTOCOL
    Jool: INSTANCE ... (GMT) - Forgot session ...

without leading zeros in the time. A binding that somebody removes by hand (`jool bib remove`, a pool that shrinks) ends without a line.
The line does not say which namespace the instance is in.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Iterator, NamedTuple, Optional, Tuple

_LINE = re.compile(
    r"Jool: (?P<instance>\S+) (?P<year>[0-9]{4})/(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2}) "
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2}) \(GMT\) - "
    r"(?P<event>Mapped|Forgot session|Forgot|Added session) (?P<rest>\S.*)\Z"
)
_BINDING = re.compile(r"(?P<inside>\S+) to (?P<outside>\S+) \((?P<protocol>\w+)\)\Z")

_EVENTS = {"Mapped": "binding-added", "Forgot": "binding-removed", "Added session": "session-added", "Forgot session": "session-removed"}


class End(NamedTuple):
    address: str
    port: int


@dataclass(frozen=True)
class TranslationEvent:
    """RFC 6888 section 4: who (inside), what (protocol, outside), when."""

    #: binding-added, binding-removed, session-added, session-removed
    event: str
    instance: str
    #: Seconds since 1970.
    time: int
    #: TCP, UDP, ICMP
    protocol: str
    inside: End
    outside: End
    #: Of a session: whom it is with, in IPv6 and in IPv4.
    inside_destination: Optional[End] = None
    destination: Optional[End] = None


def read_event(text: str) -> Optional[TranslationEvent]:
    """None for every other line."""
    match = _LINE.match(text)
    if match is None:
        return None
    try:
        ends = _ends(match.group("event"), match.group("rest"))
        if ends is None:
            return None
        protocol, inside, outside, inside_destination, destination = ends
        # A time that there is, or ValueError: whoever prints it relies on that.
        year, month, day, hour, minute, second = (int(match.group(part)) for part in ("year", "month", "day", "hour", "minute", "second"))
        when = int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())
    except (ValueError, OverflowError):
        return None
    return TranslationEvent(_EVENTS[match.group("event")], match.group("instance"), when, protocol, inside, outside, inside_destination, destination)


def _ends(event: str, rest: str) -> Optional[Tuple[str, End, End, Optional[End], Optional[End]]]:
    if event in ("Mapped", "Forgot"):
        match = _BINDING.match(rest)
        return None if match is None else (match.group("protocol"), _end(match.group("inside")), _end(match.group("outside")), None, None)
    parts = rest.split("|")
    if len(parts) != 5:
        return None
    return parts[4], _end(parts[0]), _end(parts[2]), _end(parts[1]), _end(parts[3])


def _end(text: str) -> End:
    """@raises ValueError"""
    address, _, port = text.partition("#")
    number = int(port)
    if not 0 <= number <= 65535:
        raise ValueError(port)
    return End(address, number)


class Record(NamedTuple):
    """A record of /dev/kmsg. `lost`: how many before it were overwritten before anybody read them."""

    text: str
    lost: int


class KernelLog:
    """Reads /dev/kmsg, which has no end. A record a read."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` does not block."""
        self.descriptor = descriptor
        self._next: Optional[int] = None

    def records(self) -> Iterator[Record]:
        """Those that are there now."""
        while True:
            try:
                data = os.read(self.descriptor, 8192)
            except BlockingIOError:
                return
            except OSError as error:
                # Some were overwritten; the next read gives the oldest that is left, and its number tells how many.
                if error.errno == errno.EPIPE:
                    continue
                raise
            if not data:
                return
            record = self._record(data)
            if record is not None:
                yield record

    def _record(self, data: bytes) -> Optional[Record]:
        head, _, text = data.decode("utf-8", "replace").partition(";")
        fields = head.split(",")
        if len(fields) < 3 or not fields[1].isdigit():
            return None
        number = int(fields[1])
        lost = 0 if self._next is None else max(0, number - self._next)
        self._next = number + 1
        return Record(text.partition("\n")[0], lost)


def open_kernel_log(path: str = "/dev/kmsg") -> KernelLog:
    """From now on; what is there already was read by somebody else. @raises OSError"""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:
        os.close(descriptor)
        raise
    return KernelLog(descriptor)
