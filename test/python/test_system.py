"""The door to the router, on this machine."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import suppress
from typing import List, Tuple
from unittest import mock

from nat64ctl import system
from nat64ctl.services import unit_by_file
from nat64ctl.system import LocalSystem, Result, Unreadable, locked, unit_of, write_new_file


class Programs(unittest.TestCase):
    router = LocalSystem()

    def test_a_program_s_words_and_status(self) -> None:
        result = self.router.run(["/bin/sh", "-c", "echo out; echo error >&2; exit 3"])
        self.assertEqual((result.status, result.stdout, result.stderr), (3, "out\n", "error\n"))

    def test_what_is_given_to_read_can_be_sought_in_by_its_name(self) -> None:
        program = "import os; f = open('/dev/stdin'); f.seek(0, 2); print(f.tell()); f.seek(0); print(f.read(), end='')"
        result = self.router.run([sys.executable, "-c", program], "pool6\n")
        self.assertEqual((result.status, result.stdout, result.stderr), (0, "6\npool6\n", ""))

    def test_to_look_needs_no_room_on_a_disk(self) -> None:
        with mock.patch("tempfile.TemporaryFile", side_effect=OSError(28, "No space left on device")):
            self.assertEqual(self.router.run(["/bin/sh", "-c", "cat; echo out"]).stdout, "out\n")
            with self.assertRaises(OSError):
                self.router.run(["/bin/cat"], "pool6\n")

    def test_a_program_that_is_not_there_is_no_exception(self) -> None:
        result = self.router.run(["/nonexistent/jool"])
        self.assertEqual((result.status, result.stderr), (127, "/nonexistent/jool: no such program"))

    def test_a_program_past_its_deadline_ends_with_all_that_it_started(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(system, "DEADLINE", 0.3):
            marker = os.path.join(folder, "pid")
            result = self.router.run(["/bin/sh", "-c", "sleep 60 & echo $! > %s; wait" % marker])
            with open(marker, encoding="ascii") as file:
                child = int(file.read())
        self.assertEqual(result.status, 124)
        self.assertIn("no answer within", result.stderr)
        for _ in range(100):
            if not os.path.exists("/proc/%d" % child) or " Z " in _stat(child):
                break
            time.sleep(0.02)
        else:
            self.fail("the child is still there")

    def test_it_speaks_one_language_whoever_asks(self) -> None:
        with mock.patch.dict(os.environ, {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "SECRET": "x"}):
            result = self.router.run(["/usr/bin/env"])
        self.assertEqual(
            sorted(line.split("=")[0] for line in result.stdout.splitlines() if line.split("=")[0] not in ("PWD", "SHLVL", "_")),
            ["LC_ALL", "PATH", "TZ"],
        )

    def test_processes_by_their_program(self) -> None:
        with subprocess.Popen(["/bin/sleep", "61.4"]) as child:
            # The kernel gives a new program its name and words a moment after it has left the old one.
            deadline = time.monotonic() + 10
            while ("/bin/sleep", "61.4") not in self.sleeping() and time.monotonic() < deadline:
                os.sched_yield()
            self.assertIn(("/bin/sleep", "61.4"), self.sleeping())
            child.kill()
        self.assertNotIn(("/bin/sleep", "61.4"), self.sleeping())

    def sleeping(self) -> List[Tuple[str, ...]]:
        return [process.words for process in self.router.processes("sleep")]

    def test_the_unit_of_a_process_is_the_system_s_and_never_a_user_s(self) -> None:
        unit = "nat64-tayga@nat64-100.service"
        self.assertEqual(unit_of("0::/system.slice/system-nat64\\x2dtayga.slice/%s\n" % unit), unit)
        self.assertEqual(unit_of("12:pids:/x\n1:name=systemd:/system.slice/%s\n0::/other\n" % unit), unit)
        self.assertEqual(unit_of("0::/lxc/router/system.slice/%s\n" % unit), unit)
        for path in ("/user.slice/user-1000.slice/user@1000.service/app.slice/" + unit, "/machine/user@1000.service/" + unit, "", "/"):
            self.assertEqual(unit_of("0::%s\n" % path), "", path)
        self.assertEqual(unit_of("nonsense\n"), "")

    def test_without_systemd_it_is_told_by_the_file_that_root_s_process_reads(self) -> None:
        words = ("tayga", "-c", "/run/nat64/nat64-tayga/nat64-100.running", "--nodetach")
        self.assertEqual(unit_by_file(words), "nat64-tayga@nat64-100.service")
        self.assertEqual(unit_by_file(("tayga", "-c", "/tmp/run/nat64/nat64-tayga/nat64-100.running")), "")
        program = [sys.executable, "-c", "import time; time.sleep(60)", words[2]]
        with mock.patch.object(system, "SYSTEMD", "/nonexistent"), subprocess.Popen(program) as process:
            try:
                # See above: not at once.
                deadline = time.monotonic() + 10
                while words[2] not in _words(process.pid) and time.monotonic() < deadline:
                    os.sched_yield()
                with open("/proc/%d/comm" % process.pid, encoding="ascii") as file:
                    name = file.read().rstrip("\n")
                found = {each.unit for each in self.router.processes(name) if words[2] in each.words}
                with mock.patch("os.stat", return_value=mock.Mock(st_uid=1000, st_mode=0)):
                    others = {each.unit for each in self.router.processes(name) if words[2] in each.words}
            finally:
                process.kill()
        self.assertEqual(found, {"nat64-tayga@nat64-100.service" if os.getuid() == 0 else ""})
        self.assertEqual(others, {""})


def _words(pid: int) -> List[str]:
    with open("/proc/%d/cmdline" % pid, encoding="utf-8") as file:
        return file.read().split("\0")


def _stat(pid: int) -> str:
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return " Z "


class Files(unittest.TestCase):
    router = LocalSystem()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "deep/er/file.json")

    def test_a_file_appears_whole_with_its_folders_for_all_to_read(self) -> None:
        self.router.write_file(self.path, "{}")
        self.assertEqual(self.router.read_file(self.path), "{}")
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o644)
        self.assertEqual(self.router.list_folder(os.path.dirname(self.path)), ["file.json"])

    def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(self) -> None:
        self.router.write_file(self.path, "old")
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")), self.assertRaises(OSError):
            self.router.write_file(self.path, "new")
        self.assertEqual(self.router.read_file(self.path), "old")
        self.assertEqual(self.router.list_folder(os.path.dirname(self.path)), ["file.json"])

    def test_what_is_no_file_is_none_and_a_link_is_replaced_not_followed(self) -> None:
        target = self.path + ".target"
        self.router.write_file(target, "theirs")
        os.symlink(target, self.path)
        self.assertIsNone(self.router.read_file(self.path))
        self.assertIsNone(self.router.read_file(os.path.dirname(self.path)))
        self.assertIsNone(self.router.read_file("/nonexistent/file"))
        self.router.write_file(self.path, "ours")
        self.assertEqual((self.router.read_file(self.path), self.router.read_file(target)), ("ours", "theirs"))

    def test_removing_what_is_gone_is_no_error(self) -> None:
        self.router.remove_file(self.path)
        self.assertEqual(self.router.list_folder(os.path.dirname(self.path)), [])

    def test_a_fifo_is_not_waited_for(self) -> None:
        os.makedirs(os.path.dirname(self.path))
        os.mkfifo(self.path)
        self.assertIsNone(self.router.read_file(self.path))

    def test_the_lock_is_held_until_its_holder_is_done_or_killed(self) -> None:
        lock = os.path.join(os.path.dirname(self.path), "lock")
        with locked(lock):
            self.assertFalse(_free(lock))
        self.assertTrue(_free(lock))
        program = (
            "import sys; sys.path[:0] = %r\nfrom nat64ctl.system import locked\nwith locked(%r): print('held', flush=True); sys.stdin.read()"
            % (sys.path, lock)
        )
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.assertFalse(_free(lock))
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            self.assertTrue(_free(lock))

    def test_a_program_that_outlives_its_killed_nat64ctl_keeps_the_lock(self) -> None:
        lock = os.path.join(os.path.dirname(self.path), "lock")
        program = (
            "import sys; sys.path[:0] = %r\nfrom nat64ctl.system import LocalSystem, locked\n"
            "with locked(%r): LocalSystem().run(['/bin/sh', '-c', 'echo $$ > %s.pid; exec sleep 60'])"
        ) % (sys.path, lock, lock)
        with subprocess.Popen([sys.executable, "-c", program]) as holder:
            child = 0
            deadline = time.monotonic() + 20
            while not child and time.monotonic() < deadline:
                with suppress(OSError, ValueError), open(lock + ".pid", encoding="ascii") as file:
                    child = int(file.read())
                time.sleep(0.02)
            holder.kill()
            holder.wait()
        try:
            self.assertFalse(_free(lock))
        finally:
            os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while not _free(lock) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertTrue(_free(lock))


class Streams(unittest.TestCase):
    def test_lines_come_while_the_program_runs(self) -> None:
        reading = LocalSystem().lines(("sh", "-c", "echo one; sleep 30; echo two"))
        started = time.monotonic()
        self.assertEqual(next(reading), "one")
        reading.close()  # type: ignore[attr-defined]
        self.assertLess(time.monotonic() - started, 10)

    def test_lines_are_whole_however_they_are_written(self) -> None:
        program = "printf 'a'; sleep 0.05; printf 'b\\nc\\n\\nd\\303'; sleep 0.05; printf '\\251\\n\\377'"
        self.assertEqual(list(LocalSystem().lines(("sh", "-c", program))), ["ab", "c", "", "dé", "\ufffd"])

    def test_a_program_that_fails_has_its_lines_and_then_its_words(self) -> None:
        reading = LocalSystem().lines(("sh", "-c", "echo out; echo why >&2; exit 3"))
        self.assertEqual(next(reading), "out")
        with self.assertRaises(Unreadable) as raised:
            next(reading)
        self.assertEqual((raised.exception.result.status, raised.exception.result.stderr), (3, "why\n"))

    def test_a_program_that_is_not_there(self) -> None:
        with self.assertRaises(Unreadable) as raised:
            list(LocalSystem().lines(("no-such-program",)))
        self.assertEqual(raised.exception.result.status, 127)

    def test_a_program_that_prints_nothing_for_too_long_is_ended(self) -> None:
        with mock.patch("nat64ctl.system.DEADLINE", 0.2), self.assertRaises(Unreadable) as raised:
            list(LocalSystem().lines(("sleep", "60")))
        self.assertEqual(raised.exception.result.status, 124)

    def test_a_sample_has_an_end_in_bytes_and_in_seconds(self) -> None:
        self.assertEqual(LocalSystem().sample(("yes",), 10, 7), Result(("yes",), -9, "y\ny\ny\ny", ""))
        cut = LocalSystem().sample(("sh", "-c", "echo begun; sleep 60"), 0.3, 100)
        self.assertEqual((cut.status, cut.stdout), (124, "begun\n"))
        whole = LocalSystem().sample(("sh", "-c", "echo out; echo err >&2; exit 4"), 10, 100)
        self.assertEqual((whole.status, whole.stdout, whole.stderr), (4, "out\n", "err\n"))

    def test_a_new_file_is_its_owner_s_and_never_takes_another_s_place(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "archive")
            write_new_file(path, b"data")
            self.assertEqual((os.stat(path).st_mode & 0o777, os.path.getsize(path)), (0o600, 4))
            os.symlink("/nonexistent/target", os.path.join(folder, "link"))
            for taken in (path, os.path.join(folder, "link")):
                with self.assertRaises(FileExistsError):
                    write_new_file(taken, b"other")


class Signals(unittest.TestCase):
    def test_what_is_ignored_stays_ignored_and_the_rest_is_heard_and_obeyed_afterwards(self) -> None:
        program = (
            "import os, signal, sys; sys.path[:0] = %r\nfrom nat64ctl.system import uninterrupted\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
            "with uninterrupted():\n os.kill(os.getpid(), signal.SIGHUP)\nprint('still there', flush=True)\n"
            "with uninterrupted():\n os.kill(os.getpid(), signal.SIGTERM)\n print('to its end', flush=True)\nprint('not reached')"
        ) % sys.path
        ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (-signal.SIGTERM, b"still there\nto its end\n"))


def _free(path: str) -> bool:
    with open(path, encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


if __name__ == "__main__":
    unittest.main()
