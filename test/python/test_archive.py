"""`debug-archive`: everything that there is, and a word for everything that there is not."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import tempfile
import unittest
from typing import Any, Dict, List
from unittest import mock

from observed_router import ConfigurationFile, nat64ctl, observed_router

from nat64ctl.archive import SIZE, TOTAL_SECONDS, Gathered, Piece, gather, pieces, write_archive
from nat64ctl.system import LocalSystem, Result

NOW = 1_800_000_000
ROOT = "nat64-debug-20270115T080000Z"


class Archive(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = ConfigurationFile(self, folder.name).path
        self.router = observed_router(NOW)
        self.router.files[self.file] = "set nat64\n"
        self.asked: List[Any] = []
        run = self.router.run

        def answer(argv: Any, stdin: Any = None) -> Result:
            self.asked.append(tuple(argv))
            if argv[0] == "nft":
                return Result(tuple(argv), 1, "", "Error: Operation not permitted\n")
            if argv[0] == "journalctl":
                return Result(tuple(argv), 124, "half", "")
            return run(argv, stdin) if argv[0] in ("jool", "jool_siit") and "--csv" in argv else Result(tuple(argv), 0, "said\n", "")

        self.router.run = answer  # type: ignore[assignment]

    def contents(self, data: bytes) -> Dict[str, bytes]:
        found: Dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive.getmembers():
                self.assertEqual((member.mtime, member.uid, member.uname, member.mode), (NOW, 0, "root", 0o644))
                file = archive.extractfile(member)
                assert file is not None
                found[member.name] = file.read()
        return found

    def test_what_is_in_it(self) -> None:
        path = os.path.join(self.folder, "archive.tar.gz")
        status, out, errors = nat64ctl(self.router, NOW, "debug-archive", "--file", self.file, "--output", path)
        self.assertEqual((status, errors), (0, ""))
        self.assertTrue(out.startswith("%s: " % path), out)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, "rb") as file:
            found = self.contents(file.read())
        self.assertEqual(list(found), ["%s/CONTENTS" % ROOT] + sorted(name for name in found if not name.endswith("CONTENTS")))
        for name, content in (
            ("configuration/nat64.config", b"set nat64\n"),
            ("state/rules.json", b"said\n"),
            ("firewall/nftables", b"\nError: Operation not permitted\n"),
            ("journal/units", b"half"),
            ("maps/run/nat64/tayga-data/nat64-400/dynamic.map", self.router.files["/run/nat64/tayga-data/nat64-400/dynamic.map"].encode()),
            ("jool/jool_siit/nat46-5/eamt", b"IPv6 Prefix,IPv4 Prefix\n2001:db8:beef::10/124,203.0.113.16/28\n"),
            ("jool/jool/instance-300@nat64-300/routes6", b"said\n"),
            ("run/jool/instance-100.json", self.router.files["/run/jool/instance-100.json"].encode()),
        ):
            self.assertEqual(found["%s/%s" % (ROOT, name)], content, name)
        told = found[ROOT + "/CONTENTS"].decode()
        self.assertIn("      10  configuration/nat64.config\n", told)
        self.assertIn("firewall/nftables    ! `nft list ruleset`: exit status 1\n", told)
        self.assertIn("    ! `journalctl --no-pager --lines=2000 --unit=nat64.service --unit=nat64-*`: had not ended after 15 seconds\n", told)
        self.assertIn("versions/vyos    ! /usr/share/vyos/version.json: no such file\n", told)
        self.assertIn("There are no passwords or keys", told)

    def test_the_same_router_at_the_same_time_gives_the_same_bytes(self) -> None:
        with mock.patch("time.time", lambda: NOW):
            one, _ = write_archive(self.router, self.file, ROOT, NOW, lambda _: None)
            other, _ = write_archive(self.router, self.file, ROOT, NOW, lambda _: None)
        self.assertEqual(one, other)

    def test_as_json(self) -> None:
        path = os.path.join(self.folder, "archive.tar.gz")
        told = json.loads(nat64ctl(self.router, NOW, "debug-archive", "--json", "--file", self.file, "--output", path)[1])
        self.assertEqual((told["archive"], told["folder"]), (path, ROOT))
        self.assertIn({"name": "firewall/nftables", "bytes": 32, "problem": "`nft list ruleset`: exit status 1"}, told["pieces"])

    def test_a_file_that_is_there_is_not_overwritten(self) -> None:
        status, out, errors = nat64ctl(self.router, NOW, "debug-archive", "--output", self.file)
        self.assertEqual((status, out, errors), (69, "", "nat64ctl: %s: File exists\n" % self.file))

    def test_a_router_that_cannot_say_what_runs_still_gives_an_archive(self) -> None:
        self.router.run = lambda argv, stdin=None: Result(tuple(argv), 127, "", "no such program\n")  # type: ignore[assignment]
        _, found = write_archive(self.router, self.file, ROOT, NOW, lambda _: None)
        self.assertIn(Gathered("jool/jool/instances", b"\nno such program\n", "`jool instance display`: there is no such program"), found)

    def test_when_the_time_for_all_is_over_the_rest_is_not_asked(self) -> None:
        ticks = iter([0.0] + [1.0] * 3 + [TOTAL_SECONDS + 1] * 500)
        _, found = write_archive(self.router, self.file, ROOT, NOW, lambda _: None, lambda: next(ticks))
        late = [each for each in found if each.problem.startswith("not asked")]
        self.assertEqual(len(late), len(found) - 3)

    def test_pieces_have_names_of_their_own(self) -> None:
        names = [each.name for each in pieces(self.router, self.file)]
        self.assertEqual(len(names), len(set(names)))


class Bounds(unittest.TestCase):
    """Real programs."""

    def test_a_program_that_never_ends_printing(self) -> None:
        found = gather(LocalSystem(), Piece("x", ("yes",)), 10.0)
        self.assertEqual((len(found.content), found.problem), (SIZE, "`yes`: cut after %d bytes" % SIZE))

    def test_a_program_that_never_ends(self) -> None:
        found = gather(LocalSystem(), Piece("x", ("sh", "-c", "echo begun; sleep 60")), 0.5)
        self.assertEqual((found.content, found.problem), (b"begun\n", "`sh -c echo begun; sleep 60`: had not ended after 15 seconds"))

    def test_a_program_that_is_not_there_and_one_that_fails(self) -> None:
        self.assertEqual(gather(LocalSystem(), Piece("x", ("no-such-program",)), 1.0).problem, "`no-such-program`: there is no such program")
        self.assertEqual(
            gather(LocalSystem(), Piece("x", ("sh", "-c", "echo why >&2; exit 3")), 5.0),
            Gathered("x", b"\nwhy\n", "`sh -c echo why >&2; exit 3`: exit status 3"),
        )


if __name__ == "__main__":
    unittest.main()
