"""The command line: what goes to which stream, and exit statuses."""

from __future__ import annotations

import io
import json
import os
import tempfile
import threading
import unittest
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Iterator, List, Optional, Sequence, Tuple
from unittest import mock

from fake_router import FakeRouter, Refused

from nat64ctl import cli
from nat64ctl.system import Result

GOOD = """set nat64 source rule 100 source prefix 64:ff9b::/96
set nat64 source rule 100 translation pool 1 address 192.0.2.10
set nat64 source rule 100 translation pool 1 port 1024-65535
set nat64 source rule 100 mode isolated
"""


def nat64ctl(*argv: str) -> Tuple[int, str, str]:
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            status = cli.main(list(argv))
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), errors.getvalue()


class CommandLine(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "nat64.config")
        self.write(GOOD)
        self.router = FakeRouter()
        for verb in ("apply", "diff", "check"):
            patch = mock.patch("nat64ctl.commands.%s.LocalSystem" % verb, lambda: self.router)
            patch.start()
            self.addCleanup(patch.stop)
        patch_lock = mock.patch("nat64ctl.commands.apply.locked", lambda: redirect_stdout(io.StringIO()))
        patch_lock.start()
        self.addCleanup(patch_lock.stop)

    def write(self, text: str) -> None:
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def test_a_good_file_is_checked_in_silence(self) -> None:
        self.assertEqual(nat64ctl("check", self.file), (0, "", ""))

    def test_a_bad_file_is_bad_data(self) -> None:
        self.write(GOOD.replace("::/96", "::/95"))
        status, out, errors = nat64ctl("check", self.file)
        self.assertEqual((status, out), (65, ""))
        self.assertTrue(errors.startswith("%s:1:" % self.file), errors)
        self.assertEqual(nat64ctl("apply", self.file)[0], 65)
        self.assertEqual(self.router.log, [])

    def test_problems_as_json(self) -> None:
        self.write(GOOD.replace("::/96", "::/95"))
        status, out, errors = nat64ctl("check", "--json", self.file)
        told = json.loads(out)
        self.assertEqual((status, errors, told["valid"], told["problems"][0]["line"]), (65, "", False, 1))

    def test_a_file_that_is_not_there_is_missing(self) -> None:
        self.assertEqual(nat64ctl("check", "/nonexistent/file"), (69, "", "nat64ctl: /nonexistent/file: No such file or directory\n"))

    def test_an_unknown_verb_and_no_verb_are_wrong_usage(self) -> None:
        self.assertEqual(nat64ctl("nonsense")[0], 64)
        self.assertEqual(nat64ctl()[0], 64)

    def test_a_verb_is_read_without_the_others_which_are_there_when_it_is_none(self) -> None:
        self.assertEqual(list(cli.verbs("check")), ["check"])
        self.assertEqual(list(cli.verbs("debug-archive")), ["debug-archive"])
        self.assertEqual(sorted(cli.verbs()), ["apply", "check", "debug-archive", "diff", "explain", "export", "monitor", "reset", "show"])
        for word in ("nonsense", "command", "--help"):
            _, out, errors = nat64ctl(word)
            self.assertIn("debug-archive", out + errors, word)

    def test_ctrl_c_ends_what_only_looks_without_a_traceback(self) -> None:
        with mock.patch("nat64ctl.commands.diff.plan_for", side_effect=KeyboardInterrupt):
            self.assertEqual(nat64ctl("diff", self.file), (130, "", ""))

    def test_a_dry_run_and_diff_print_one_plan_and_touch_nothing(self) -> None:
        status, plan, _ = nat64ctl("diff", self.file)
        self.assertEqual((status, self.router.changes), (0, 0))
        self.assertIn("nat64-100: add network namespace\n    ip netns add nat64-100\n", plan)
        self.assertEqual(nat64ctl("apply", "--dry-run", self.file), (0, plan, ""))
        as_json = json.loads(nat64ctl("diff", "--json", self.file)[1])
        self.assertEqual(
            as_json[0],
            {
                "what": "nat64-100: add network namespace",
                "do": [{"run": ["ip", "netns", "add", "nat64-100"]}],
                "undo": [{"run": ["ip", "netns", "delete", "nat64-100"]}],
                "drops sessions": None,
            },
        )

    def test_apply_says_what_it_does_and_then_there_is_nothing_to_do(self) -> None:
        status, out, errors = nat64ctl("apply", self.file)
        self.assertEqual((status, out), (0, ""))
        self.assertEqual(errors.splitlines()[0], "nat64-100: add network namespace")
        self.assertEqual(nat64ctl("apply", self.file), (0, "", ""))
        self.assertEqual(nat64ctl("diff", self.file), (0, "", "nothing to do\n"))

    def test_what_was_written_while_it_waited_for_another_is_what_is_applied(self) -> None:
        @contextmanager
        def waited() -> Iterator[None]:
            self.write(GOOD.replace("192.0.2.10", "192.0.2.77"))
            yield

        with mock.patch("nat64ctl.commands.apply.locked", waited):
            self.assertEqual(nat64ctl("apply", self.file)[0], 0)
        self.assertEqual(nat64ctl("diff", self.file), (0, "", "nothing to do\n"))

    def test_standard_input_is_read_before_others_have_to_wait_for_it(self) -> None:
        read: List[str] = []

        def type_it(_size: int = -1) -> bytes:
            read.append("read")
            return GOOD.encode()

        @contextmanager
        def lock() -> Iterator[None]:
            read.append("locked")
            yield

        with mock.patch("sys.stdin") as stdin, mock.patch("nat64ctl.commands.apply.locked", lock):
            stdin.buffer.read = type_it
            self.assertEqual(nat64ctl("apply", "-")[0], 0)
        self.assertEqual(read, ["read", "locked"])
        self.assertEqual(nat64ctl("diff", self.file), (0, "", "nothing to do\n"))

    def test_a_pipe_is_read_before_others_have_to_wait_for_it(self) -> None:
        for path in ("/dev/fd/%d", "/proc/self/fd/%d"):
            reader, writer = os.pipe()
            self.addCleanup(os.close, reader)

            @contextmanager
            def lock(writer: int = writer) -> Iterator[None]:
                # Whoever wrote into it has been waited for by now.
                self.assertRaises(OSError, os.fstat, writer)
                yield

            def write(writer: int = writer) -> None:
                os.write(writer, GOOD.encode())
                os.close(writer)

            typist = threading.Timer(0.2, write)
            typist.start()
            self.addCleanup(typist.join)
            with mock.patch("nat64ctl.commands.apply.locked", lock):
                self.assertEqual(nat64ctl("apply", path % reader)[0], 0)

    def test_whoever_applies_the_router_s_own_file_is_told_that_its_unit_rests(self) -> None:
        with mock.patch("nat64ctl.commands.apply.BOOT_FILE", self.file):
            for state, told in (("inactive", True), ("active", False), ("activating", False), ("reloading", False), ("failed", False)):
                self.router.boot_unit = state
                with self.subTest(state=state):
                    self.assertEqual("`systemctl start nat64`" in nat64ctl("apply", self.file)[2], told)
            self.router.boot_unit = "inactive"
            self.assertNotIn("hint", nat64ctl("apply", "--dry-run", self.file)[2])
            # The unit would not start for a file that says nothing.
            self.write("# nothing\n")
            self.assertNotIn("hint", nat64ctl("apply", self.file)[2])
            self.write(GOOD)
            with mock.patch.object(self.router, "run", self.without_systemd):
                self.assertNotIn("hint", nat64ctl("apply", self.file)[2])
        self.assertNotIn("hint", nat64ctl("apply", self.file)[2])

    def without_systemd(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        if argv[0] == "systemctl":
            return Result(tuple(argv), 1, "", "System has not been booted with systemd as init system (PID 1). Can't operate.\n")
        return FakeRouter.run(self.router, argv, stdin)

    def test_what_the_terminal_s_language_lacks_is_written_all_the_same(self) -> None:
        self.write(GOOD + 'set nat64 source rule 100 description "Zürich → Łódź"\n')
        for verb in (["export", "set-commands"], ["export", "set-commands", "--json"]):
            raw = io.BytesIO()
            with mock.patch("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1")):
                self.assertEqual(cli.main([*verb, self.file]), 0)
                self.assertIn("Zürich → Łódź".encode(), raw.getvalue())

    def test_a_failure_shows_the_command_and_the_translator_s_own_words(self) -> None:
        def refuse(number: int) -> None:
            if "jool" in self.router.log[-1] and "handle" in self.router.log[-1]:
                raise Refused("Error: The kernel module returned error 22: The 'udp' timeout (1000) is too small. (min: 120000)")

        self.router.before_change = refuse
        status, out, errors = nat64ctl("apply", self.file)
        self.assertEqual((status, out), (1, ""))
        words = errors[errors.index("nat64ctl: ") :].splitlines()
        self.assertEqual(
            words[:2],
            ["nat64ctl: failed: instance-100 in namespace nat64-100: create", "  ip netns exec nat64-100 jool file handle /dev/stdin <<'EOF'"],
        )
        self.assertEqual(
            words[-3:],
            [
                "  Error: The kernel module returned error 22: The 'udp' timeout (1000) is too small. (min: 120000)",
                "  (exit status 1)",
                "  everything is as it was before",
            ],
        )

    def test_what_is_missing_names_its_remedy(self) -> None:
        self.router.programs.discard("jool")
        said = "nat64ctl: jool is not installed\n  remedy: install the package jool-tools; or use `engine tayga`\n"
        self.assertEqual(nat64ctl("apply", self.file), (69, "", said))

    def test_a_bug_is_said_to_be_one(self) -> None:
        with mock.patch("nat64ctl.commands.apply.apply", side_effect=ZeroDivisionError("division by zero")):
            status, _, errors = nat64ctl("apply", self.file)
        self.assertEqual(status, 70)
        self.assertIn("ZeroDivisionError: division by zero", errors)

    def test_set_commands_and_jool_s_files_are_exported(self) -> None:
        status, out, _ = nat64ctl("export", "set-commands", self.file)
        self.assertEqual((status, out.splitlines()[0]), (0, "set nat64 source rule 100 mode 'isolated'"))
        status, out, _ = nat64ctl("export", "jool", "--json", self.file)
        files = json.loads(out)
        self.assertEqual((status, list(files)), (0, ["nat64-100/jool/instance-100.conf"]))
        self.assertEqual(json.loads(files["nat64-100/jool/instance-100.conf"])["global"], {"pool6": "64:ff9b::/96"})


if __name__ == "__main__":
    unittest.main()
