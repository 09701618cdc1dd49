"""Reading a configuration: what is a file, and whose."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from fake_router import FakeRouter

from nat64ctl import cli, configuration_file
from nat64ctl.configuration_file import read_configuration


class Reading(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "nat64.config")
        with open(self.path, "wb") as file:
            file.write(b"# a file\n")
        os.chmod(self.path, 0o644)

    def refused(self, path: str, to_apply: bool = False) -> str:
        with self.assertRaises(OSError) as raised:
            read_configuration(path, to_apply)
        self.assertEqual(raised.exception.filename, path)
        return raised.exception.strerror or ""

    def test_files_links_to_them_and_what_says_nothing(self) -> None:
        link = self.path + ".link"
        os.symlink(self.path, link)
        self.assertEqual([read_configuration(path, True) for path in (self.path, link, "/dev/null")], [b"# a file\n", b"# a file\n", b""])

    def test_a_fifo_is_not_waited_for_nor_taken_for_a_configuration_that_says_nothing(self) -> None:
        fifo = self.path + ".fifo"
        os.mkfifo(fifo)
        self.assertEqual(self.refused(fifo), "this is no file; `-` reads standard input")

    def test_what_has_no_end_is_no_configuration(self) -> None:
        self.assertEqual(self.refused("/dev/zero"), "this is no file; `-` reads standard input")
        with mock.patch.object(configuration_file, "LARGEST", 8):
            self.assertRegex(self.refused(self.path), "^more than ")
        with mock.patch.object(configuration_file, "LARGEST", 9):
            self.assertEqual(read_configuration(self.path), b"# a file\n")

    def test_a_folder_and_nothing_at_all(self) -> None:
        self.assertEqual(self.refused(os.path.dirname(self.path)), os.strerror(errno.EISDIR))
        self.assertEqual(self.refused(self.path + ".not"), os.strerror(errno.ENOENT))

    def test_what_is_open_already_is_read_whatever_it_is(self) -> None:
        program = (
            "import sys; sys.path[:0] = %r\nfrom nat64ctl.configuration_file import read_configuration\nprint(read_configuration(sys.argv[1], True))"
        ) % (sys.path,)
        for path in ("-", "/dev/stdin", "/dev/fd/0"):
            with self.subTest(path=path):
                done = subprocess.run([sys.executable, "-c", program, path], input=b"# a pipe\n", stdout=subprocess.PIPE, check=True)
                self.assertEqual(done.stdout, b"b'# a pipe\\n'\n")

    def test_a_file_that_everybody_may_write_is_not_applied_and_may_be_checked(self) -> None:
        os.chmod(self.path, 0o666)
        self.assertEqual(self.refused(self.path, True), "not applied, since everybody may write it: `chmod o-w` it")
        link = self.path + ".link"
        os.symlink(self.path, link)
        self.assertEqual(self.refused(link, True), "not applied, since everybody may write it: `chmod o-w` it")
        self.assertEqual(read_configuration(self.path), b"# a file\n")

    def test_a_file_of_another_user_is_not_applied_but_for_whoever_became_root(self) -> None:
        # For this process the file is somebody else's.
        mine = os.stat(self.path).st_uid
        found = os.stat_result(tuple(os.stat(self.path))[:4] + (4711,) + tuple(os.stat(self.path))[5:])
        with mock.patch.dict(os.environ), mock.patch("os.fstat", lambda _: found):
            os.environ.pop("SUDO_UID", None)
            self.assertEqual(self.refused(self.path, True), "not applied, since it belongs to the user 4711: `chown root` it")
            for user in ("4712", "", "x", "4711\n"):
                os.environ["SUDO_UID"] = user
                self.assertRegex(self.refused(self.path, True), "^not applied")
            os.environ["SUDO_UID"] = "4711"
            self.assertEqual(read_configuration(self.path, True), b"# a file\n")
        self.assertEqual(os.stat(self.path).st_uid, mine)


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "nat64.config")
        with open(self.path, "wb") as file:
            file.write(b"set nat64 nonsense\n")
        os.chmod(self.path, 0o666)
        self.link = self.path + ".link"
        os.symlink(self.path, self.link)

    def run_command(self, verb: str, *words: str) -> str:
        out = io.StringIO()
        with mock.patch("nat64ctl.commands.%s.LocalSystem" % verb, FakeRouter), redirect_stdout(out), redirect_stderr(out):
            status = cli.main([verb.replace("_", "-"), *words])
        return "%d %s" % (status, out.getvalue())

    def test_apply_refuses_what_everybody_may_write_before_it_reads_what_it_says(self) -> None:
        with mock.patch("nat64ctl.commands.apply.locked", lambda: redirect_stdout(io.StringIO())):
            told = self.run_command("apply", self.path)
        self.assertEqual(told, "69 nat64ctl: %s: not applied, since everybody may write it: `chmod o-w` it\n" % self.path)

    def test_status_of_a_link_to_a_file_with_errors(self) -> None:
        self.assertIn("it has errors: see `nat64ctl check`", self.run_command("show", "status", "--file", self.link))
        self.assertIn("there is no such file", self.run_command("show", "status", "--file", self.path + ".not"))

    def test_an_archive_has_the_file_that_a_link_leads_to(self) -> None:
        output = self.path + ".tar.gz"
        with mock.patch("nat64ctl.commands.debug_archive.write_archive", return_value=(b"", [])) as write:
            self.run_command("debug_archive", "--file", self.link, "--output", output)
        self.assertEqual(write.call_args[0][1], os.path.realpath(self.path))


if __name__ == "__main__":
    unittest.main()
