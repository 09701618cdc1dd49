"""Random configurations on the kernel of this machine: real links, namespaces, routes, rules, nftables, iptables and TAYGA.

Run it as root: `real_kernel.py FIRST COUNT`. It works in network and mount namespaces of its own, and leaves nothing behind.
Jool's modules cannot be loaded here, so its two tools are the model's, and a target that exists stands for its targets in iptables;
systemd is a function that starts and stops TAYGA, and says of the other daemons that they run.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from typing import List, Optional, Sequence, Tuple

from configurations import random_configuration
from fake_router import FakeRouter, Refused

from nat64ctl.apply import apply
from nat64ctl.desired import desired_state
from nat64ctl.difference import difference
from nat64ctl.model import Configuration
from nat64ctl.names import keep_names
from nat64ctl.operations import ApplyFailed
from nat64ctl.running import running_state
from nat64ctl.state import State
from nat64ctl.system import LocalSystem, Process, Result

MODELLED = ("jool", "jool_siit", "modprobe", "journalctl")


class RealKernel(LocalSystem):
    def __init__(self) -> None:
        self.model = FakeRouter()
        self.changes = 0
        self.refuse_at = 0

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        words = tuple(argv)
        tool = words[4] if words[:3] == ("ip", "netns", "exec") else words[0]
        if tool in MODELLED:
            # The model's namespaces are the real ones.
            names = {""} | set(os.listdir("/run/netns") if os.path.isdir("/run/netns") else [])
            for name in names - set(self.model.namespaces):
                self.model.namespaces[name] = type(self.model.namespaces[""])()
            for name in set(self.model.namespaces) - names:
                del self.model.namespaces[name]
                for key in [key for key in self.model.instances if key[0] == name]:
                    del self.model.instances[key]
            self.model.before_change = lambda number: self._count()
            return self.model.run(argv, stdin)
        if not _asks(words):
            try:
                self._count()
            except Refused as refusal:
                return Result(words, 1, "", str(refusal))
        if words[0] == "systemctl":
            return self._systemctl(words)
        if tool.endswith("tables-restore") and stdin is not None:
            stdin = _with_marks(stdin)
        result = super().run(words, stdin)
        return Result(words, result.status, _with_jool(result.stdout), result.stderr) if tool.endswith("tables-save") else result

    def _count(self) -> None:
        self.changes += 1
        if self.changes == self.refuse_at:
            raise Refused("refused for the test")

    def read_file(self, path: str) -> Optional[str]:
        return self.model.read_file(path) if path.startswith("/sys/module/jool") else super().read_file(path)

    def find_program(self, name: str) -> bool:
        return name in ("jool", "jool_siit", "joold") or super().find_program(name)

    def processes(self, name: str) -> List[Process]:
        if name in ("joold", "python3"):
            return self.model.processes(name)
        # No systemd has started them here.
        file = re.compile(r"/run/nat64/nat64-tayga/(.+)\.running\Z")
        return [
            Process(each.words, "".join("nat64-tayga@%s.service" % match.group(1) for match in map(file.match, each.words) if match))
            for each in super().processes(name)
        ]

    def _systemctl(self, words: Tuple[str, ...]) -> Result:
        verb, unit = words[1:]
        template, _, instance = unit[: -len(".service")].partition("@")
        folder = "/run/nat64/" + template
        if template in ("nat64-joold", "nat64-log"):
            self.model.running.pop(unit, None)
            if verb == "restart":
                text = self.read_file("%s/%s.conf" % (folder, instance)) or ""
                self.write_file("%s/%s.running" % (folder, instance), text)
                self.model.running[unit] = text
            return Result(words, 0, "", "")
        pid_file = "%s/%s.pid" % (folder, instance)
        pid = super().read_file(pid_file)
        if pid:
            os.kill(int(pid), signal.SIGTERM)
            os.waitpid(int(pid), 0)
            self.remove_file(pid_file)
        if verb == "restart":
            os.makedirs("/run/nat64/tayga-data", exist_ok=True)
            os.makedirs("/var/lib/nat64", exist_ok=True)
            self.write_file("%s/%s.running" % (folder, instance), self.read_file("%s/%s.conf" % (folder, instance)) or "")
            started = subprocess.run(
                ["tayga", "--config", "%s/%s.running" % (folder, instance), "--pidfile", pid_file],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
            return Result(words, started.returncode, started.stdout, started.stderr)
        return Result(words, 0, "", "")


def _asks(words: Tuple[str, ...]) -> bool:
    return "show" in words or "list" in words or "-e" in words or words[0].endswith("-save")


def _with_marks(text: str) -> str:
    """`-j JOOL --instance X` becomes a target that every kernel has, and keeps the name in a comment."""
    return re.sub(r" -j (JOOL(?:_SIIT)?) --instance (\S+)", r' -m comment --comment "\1 \2" -j ACCEPT', text)


def _with_jool(text: str) -> str:
    return re.sub(r' -m comment --comment "(JOOL(?:_SIIT)?) (\S+)" -j ACCEPT', r" -j \1 --instance \2 ", text)


def main(first: int, count: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # PR_SET_CHILD_SUBREAPER: a daemon that was ended is this process's to wait for, not that of an init that may not.
    if libc.prctl(36, 1, 0, 0, 0) != 0:
        sys.exit("prctl: %s" % os.strerror(ctypes.get_errno()))
    # CLONE_NEWNS and CLONE_NEWNET; all that follows ends with this process.
    if libc.unshare(0x00020000 | 0x40000000) != 0:
        sys.exit("unshare: %s" % os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    # Names of network namespaces, and TAYGA's data, are of this run alone.
    for folder in ("/run", "/var/lib"):
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    subprocess.run(["ip", "link", "set", "dev", "lo", "up"], check=True)
    router = RealKernel()
    operations = failures = 0
    before: State = State()
    for seed in range(first, first + count):
        configuration = random_configuration(seed)
        try:
            # Every third time one change is refused first, and everything has to be as it was.
            if seed % 3 == 0:
                router.refuse_at = router.changes + 1 + seed * 7 % max(1, len(difference(running_state(router), desired_state(configuration))))
                try:
                    apply(router, configuration)
                except ApplyFailed as failure:
                    failures += 1
                    _equal(seed, failure.remains, [])
                    _equal(seed, running_state(router), before)
                router.refuse_at = 0
            operations += len(apply(router, configuration))
        except ApplyFailed as failure:
            sys.exit("seed %d: %s\n%s\n%s\n%s" % (seed, failure.operation, failure.command, failure.words, failure.remains))
        wanted = keep_names(before, desired_state(configuration))
        before = running_state(router)
        _equal(seed, before, wanted)
        _equal(seed, apply(router, configuration), ())
    apply(router, Configuration())
    _equal(-1, running_state(router), State())
    print("%d configurations, %d operations, %d failures undone" % (count, operations, failures))


def _equal(seed: int, one: object, other: object) -> None:
    if one != other:
        sys.exit("seed %d:\n%s\nis not\n%s" % (seed, one, other))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
