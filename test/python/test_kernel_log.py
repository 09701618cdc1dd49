"""Jool's lines in the kernel's log, by the formats of its sources (4.1.13, mod/common/db/bib/db.c), and what becomes of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import unittest
from typing import Iterator, List

from nat64ctl.kernel_log import End, KernelLog, Record, TranslationEvent, open_kernel_log, read_event
from nat64ctl.log_settings import JOURNAL_SETTINGS, Settings, read_settings, settings_text
from nat64ctl.log_to_journal import Limiter, Writer, entry, event_fields, follow, message, run

# %ld/%d/%d %d:%d:%d: no leading zeros. %pI6c and %pI4, # before the port.
MAPPED = "Jool: instance-100 2026/1/5 4:3:2 (GMT) - Mapped 2001:db8::a#6400 to 203.0.113.65#6401 (TCP)"
FORGOT = "Jool: instance-100 2026/11/25 23:9:27 (GMT) - Forgot 2001:db8::a#6400 to 203.0.113.65#6401 (UDP)"
ADDED = "Jool: nat46-7 2026/11/25 23:9:27 (GMT) - Added session 2001:db8::a#6400|64:ff9b::cb00:7182#7100|203.0.113.65#6401|203.0.113.130#7100|TCP"
FORGOT_SESSION = ADDED.replace("Added", "Forgot")


class Lines(unittest.TestCase):
    def test_bindings(self) -> None:
        inside, outside = End("2001:db8::a", 6400), End("203.0.113.65", 6401)
        self.assertEqual(read_event(MAPPED), TranslationEvent("binding-added", "instance-100", 1767585782, "TCP", inside, outside))
        self.assertEqual(read_event(FORGOT), TranslationEvent("binding-removed", "instance-100", 1795648167, "UDP", inside, outside))

    def test_sessions(self) -> None:
        expected = TranslationEvent(
            "session-added",
            "nat46-7",
            1795648167,
            "TCP",
            End("2001:db8::a", 6400),
            End("203.0.113.65", 6401),
            End("64:ff9b::cb00:7182", 7100),
            End("203.0.113.130", 7100),
        )
        self.assertEqual(read_event(ADDED), expected)
        removed = read_event(FORGOT_SESSION)
        assert removed is not None
        self.assertEqual((removed.event, removed.destination), ("session-removed", End("203.0.113.130", 7100)))

    def test_other_lines_are_none(self) -> None:
        for text in (
            "",
            "Jool: Core Jool v4.1.13.0 module inserted.",
            "Jool NAT64/6f3b4c40/instance-100: ===============================================",
            "Jool WARNING (foo): bar",
            MAPPED.replace("#6400", ""),
            MAPPED + " and more",
            MAPPED.replace("(TCP)", ""),
            ADDED.replace("|TCP", ""),
            "eth0: " + MAPPED,
            MAPPED.replace("2026/1/5", "2026/1/x"),
            # Numbers that no time has, which would end whoever prints them.
            MAPPED.replace("2026", "99999999999"),
            MAPPED.replace("2026", "0"),
            MAPPED.replace("2026/1/5", "2026/13/5"),
            MAPPED.replace("2026/1/5", "2026/2/30"),
            MAPPED.replace("4:3:2", "4:3:" + "9" * 30),
            MAPPED.replace("4:3:2", "4:3:²"),
            MAPPED.replace("#6400", "#" + "9" * 5000),
        ):
            self.assertIsNone(read_event(text), text)


class Reading(unittest.TestCase):
    def setUp(self) -> None:
        # Like /dev/kmsg, this gives one record a read.
        self.kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        reader.setblocking(False)
        self.addCleanup(self.kernel.close)
        self.addCleanup(reader.close)
        self.log = KernelLog(reader.fileno())

    def test_records_with_their_continuation_and_without(self) -> None:
        self.kernel.send(b"6,1204,98765432,-;" + MAPPED.encode() + b"\n SUBSYSTEM=net\n DEVICE=+net:eth0\n")
        self.kernel.send(b"6,1205,98765440,-,caller=T1;second\n")
        self.kernel.send(b"rubbish")
        self.assertEqual(list(self.log.records()), [Record(MAPPED, 0), Record("second", 0)])
        self.assertEqual(list(self.log.records()), [])

    def test_what_was_overwritten_is_counted(self) -> None:
        self.kernel.send(b"6,10,1,-;a\n")
        self.kernel.send(b"6,15,2,-;b\n")
        self.assertEqual(list(self.log.records()), [Record("a", 0), Record("b", 4)])

    @unittest.skipUnless(os.access("/dev/kmsg", os.R_OK) and os.geteuid() == 0, "the kernel's log is for root")
    def test_the_kernel_s_own_log_opens_at_its_end(self) -> None:
        log = open_kernel_log()
        self.addCleanup(os.close, log.descriptor)
        self.assertLess(len(list(log.records())), 1000)


class Journal(unittest.TestCase):
    def test_an_entry_has_who_what_and_when(self) -> None:
        event = read_event(ADDED)
        assert event is not None
        self.assertEqual(
            event_fields(event),
            {
                "MESSAGE": "nat46-7: session added: tcp [2001:db8::a]:6400 is 203.0.113.65:6401, with 203.0.113.130:7100",
                "PRIORITY": "6",
                "SYSLOG_IDENTIFIER": "nat64",
                "NAT64_EVENT": "session-added",
                "NAT64_INSTANCE": "nat46-7",
                "NAT64_TIME": "2026-11-25T23:09:27Z",
                "NAT64_PROTOCOL": "TCP",
                "NAT64_INSIDE_ADDRESS": "2001:db8::a",
                "NAT64_INSIDE_PORT": "6400",
                "NAT64_OUTSIDE_ADDRESS": "203.0.113.65",
                "NAT64_OUTSIDE_PORT": "6401",
                "NAT64_INSIDE_DESTINATION_ADDRESS": "64:ff9b::cb00:7182",
                "NAT64_INSIDE_DESTINATION_PORT": "7100",
                "NAT64_DESTINATION_ADDRESS": "203.0.113.130",
                "NAT64_DESTINATION_PORT": "7100",
            },
        )
        self.assertEqual(entry({"MESSAGE": "a", "PRIORITY": "6"}), b"MESSAGE=a\nPRIORITY=6\n")

    def test_a_binding_s_entry_does_not_say_whom_it_is_with(self) -> None:
        event = read_event(MAPPED)
        assert event is not None
        self.assertEqual(message(event), "instance-100: binding added: tcp [2001:db8::a]:6400 is 203.0.113.65:6401")
        self.assertFalse([name for name in event_fields(event) if "DESTINATION" in name])

    def test_settings_go_to_the_unit_and_come_back(self) -> None:
        self.assertEqual(read_settings(settings_text(JOURNAL_SETTINGS)), JOURNAL_SETTINGS)

    def test_a_burst_and_then_so_many_a_second(self) -> None:
        limiter = Limiter(Settings(burst=3, rate=2), 100.0)
        self.assertEqual([limiter.take(100.0) for _ in range(5)], [True, True, True, False, False])
        self.assertEqual([limiter.take(101.0) for _ in range(3)], [True, True, False])
        self.assertEqual([limiter.take(1000.0) for _ in range(4)], [True, True, True, False])

    def test_what_is_left_out_is_counted_and_said(self) -> None:
        sent: List[bytes] = []
        writer = Writer(Settings(burst=2, rate=1), sent.append, 0.0)
        event = read_event(MAPPED)
        assert event is not None
        for _ in range(7):
            writer.event(event, 0.0)
        writer.overwritten(4)
        self.assertEqual(len(sent), 2)
        writer.begin()
        self.assertIn(b"NAT64_EVENT=begun", sent.pop())
        writer.tell(9.0)
        self.assertEqual(len(sent), 2)
        writer.tell(10.0)
        self.assertEqual(
            sent[2].decode().splitlines(),
            [
                (
                    "MESSAGE=5 events of bindings and sessions were left out: too many at once; "
                    "the kernel overwrote 4 lines of its log before they could be read"
                ),
                "PRIORITY=4",
                "SYSLOG_IDENTIFIER=nat64",
                "NAT64_EVENT=left-out",
                "NAT64_LEFT_OUT=5",
                "NAT64_OVERWRITTEN=4",
            ],
        )
        writer.tell(30.0)
        self.assertEqual(len(sent), 3)

    def test_a_journal_that_takes_nothing_for_a_while_loses_what_is_counted(self) -> None:
        sent: List[bytes] = []
        full = [True]

        def send(data: bytes) -> None:
            if full[0]:
                raise BlockingIOError
            sent.append(data)

        writer = Writer(Settings(burst=10, rate=10), send, 0.0)
        event = read_event(MAPPED)
        assert event is not None
        writer.event(event, 0.0)
        writer.tell(20.0)
        full[0] = False
        writer.tell(21.0)
        # Also that it begins, which could not be said in time.
        self.assertEqual([data.split(b"\n")[3] for data in sent], [b"NAT64_EVENT=begun", b"NAT64_EVENT=left-out"])
        self.assertEqual([line for line in sent[1].decode().splitlines() if "LEFT_OUT" in line], ["NAT64_LEFT_OUT=1"])
        writer.begin()
        self.assertEqual(len(sent), 2)

    def test_from_the_kernel_to_the_journal(self) -> None:
        kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(kernel.close)
        self.addCleanup(reader.close)
        reader.setblocking(False)
        for number, text in enumerate(("usb 1-1: new device", MAPPED, ADDED)):
            kernel.send(("6,%d,1,-;%s\n" % (number, text)).encode())
        sent: List[bytes] = []

        class Enough(Exception):
            pass

        def wait(seconds: float) -> None:
            self.assertEqual(seconds, 10.0)
            raise Enough

        with self.assertRaises(Enough):
            run(KernelLog(reader.fileno()), Writer(JOURNAL_SETTINGS, sent.append, 0.0), wait, lambda: False)
        events = [data.split(b"\n")[3].partition(b"=")[2] for data in sent]
        self.assertEqual(events, [b"begun", b"binding-added", b"session-added"])

    def test_a_flood_without_an_end_is_told_of_while_it_lasts(self) -> None:
        class Flood(KernelLog):
            def records(self) -> Iterator[Record]:
                for _ in range(100_000):
                    yield Record(MAPPED, 0)
                raise AssertionError("nothing was said of it")

        told: List[bytes] = []

        def send(data: bytes) -> None:
            if b"NAT64_EVENT=left-out" in data:
                told.append(data)

        # The last time that anything was told is long ago.
        run(Flood(-1), Writer(Settings(burst=1, rate=1), send, -100.0), lambda seconds: None, lambda: bool(told))
        self.assertIn(b"NAT64_LEFT_OUT=1\n", told[0])

    def test_what_was_left_out_is_told_before_it_ends(self) -> None:
        kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(kernel.close)
        self.addCleanup(reader.close)
        reader.setblocking(False)
        for number in range(3):
            kernel.send(("6,%d,1,-;%s\n" % (number, MAPPED)).encode())
        sent: List[bytes] = []
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        self.addCleanup(timer.join)
        start = time.monotonic()
        follow(KernelLog(reader.fileno()), Writer(Settings(burst=1, rate=1), sent.append, start))
        # Not at the end of its ten seconds of waiting.
        self.assertLess(time.monotonic() - start, 5.0)
        self.assertIn(b"NAT64_LEFT_OUT=2\n", sent[-1])


if __name__ == "__main__":
    unittest.main()
