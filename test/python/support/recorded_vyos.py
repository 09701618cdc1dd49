"""What VyOS runs, on a jool with recorded tables (recorded_jool.py): for what is measured of the scripts themselves.

    recorded_vyos.py make FOLDER MAPPINGS ENTRIES   writes into FOLDER a configuration with MAPPINGS, VyOS's dictionary of it, a jool that has it,
                                                    and a jool with ENTRIES sessions
    recorded_vyos.py measure FOLDER ROUNDS          runs each of the following ROUNDS times, in turn; prints the milliseconds of each, as JSON.
                                                    In network and mount namespaces of its own: /run becomes a folder in memory, and what a rule
                                                    needs of the kernel is made for real
    recorded_vyos.py commit FOLDER                  the script of a commit, executed
    recorded_vyos.py apply FOLDER                   nat64ctl's own apply of the same configuration
    recorded_vyos.py show FOLDER                    `show nat64 source translations`

VyOS's own modules are stand-ins, so what they take to be imported is not in the figures.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from typing import Dict, List, Optional

from nat64ctl import system
from nat64ctl.system import LocalSystem

_ROUNDS = ("commit", "apply", "show")
_CONFIGURATION, _PROPOSED = "nat64.config", "proposed.json"
_SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../packaging/vyos-nat64/usr/libexec/vyos")

#: What else a router with Jool has, and this machine may not.
_PROGRAMS = {"jool_siit": "exit 1", "modprobe": "exit 0", "modinfo": "[ $2 = filename ] || echo jool_common,x_tables"}


class _Recorded(LocalSystem):
    """This machine, with Jool's module."""

    def read_file(self, path: str) -> Optional[str]:
        return "live\n" if path == "/sys/module/jool/initstate" else None if path.startswith("/sys/module/") else super().read_file(path)


def make(folder: str, mappings: int, entries: int) -> None:
    # Here, since what is measured must not import them.
    from fake_router import FakeRouter
    from support import recorded_jool
    from support.checking import valid
    from support.vyos_scripts import dictionary

    from nat64ctl.apply import apply

    rule = "set nat64 source rule 100 "
    lines = [rule + "source prefix 64:ff9b::/96", rule + "translation pool 10 address 192.0.2.0/28", rule + "translation pool 10 port 1024-32767"]
    for number in range(1, mappings + 1):
        static = "%sstatic %d " % (rule, number)
        lines += [static + "protocol tcp", "%sinside address 2001:db8::%x" % (static, number), static + "inside port 443"]
        lines += [static + "outside address 192.0.2.1", "%soutside port %d" % (static, 1024 + number)]
    text = "".join(line + "\n" for line in lines)
    recorded_jool.make(os.path.join(folder, "show"), entries)
    recorded_jool.make(os.path.join(folder, "commit"), 0)
    router = FakeRouter()
    apply(router, valid(text))
    for name, words in _tables().items():
        _write(os.path.join(folder, "commit", name + ".csv"), router.run(("jool", *words)).stdout)
    for name, body in _PROGRAMS.items():
        path = os.path.join(folder, "commit", name)
        _write(path, "#!/bin/sh\n%s\n" % body)
        os.chmod(path, 0o755)
    _write(os.path.join(folder, _CONFIGURATION), text)
    _write(os.path.join(folder, _PROPOSED), json.dumps(dictionary(text)))


def _tables() -> Dict[str, List[str]]:
    named = ["-i", "instance-100"]
    tables = {"instance": ["instance", "display", "--csv"], "global": [*named, "global", "display", "--csv"]}
    for protocol in ("tcp", "udp", "icmp"):
        tables["pool4-" + protocol] = [*named, "pool4", "display", "--csv", "--" + protocol]
        tables["bib-" + protocol] = [*named, "bib", "display", "--csv", "--numeric", "--" + protocol]
    return tables


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def measure(folder: str, rounds: int) -> Dict[str, List[float]]:
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "dev", "lo", "up"], check=True)
    milliseconds: Dict[str, List[float]] = {name: [] for name in _ROUNDS}
    # The first commit does what the kernel is needed for; from the second on there is nothing to do.
    for number in range(rounds + 1):
        for name in _ROUNDS:
            began = time.perf_counter()
            done = subprocess.run([sys.executable, os.path.abspath(__file__), name, folder], stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                sys.exit("%s: exit status %d: %s" % (name, done.returncode, done.stdout))
            if number > 0:
                milliseconds[name].append(1000 * (time.perf_counter() - began))
                _expect(name, done.stdout)
    return milliseconds


def _expect(name: str, said: str) -> None:
    """A run that did nothing of what it should would be a fast one."""
    rows = len(said.splitlines())
    if name == "apply" and json.loads(said) != []:
        sys.exit("the apply was to have nothing to do: %s" % said[:2000])
    if name == "show" and rows < 1000:
        sys.exit("%d rows are shown" % rows)
    if not os.path.exists("/run/nat64/vyos.config"):
        sys.exit("the commit wrote no configuration")


def run(what: str, folder: str) -> int:
    tables = os.path.join(folder, "show" if what == "show" else "commit")
    system._environment = lambda: {"PATH": "%s:/usr/sbin:/usr/bin:/sbin:/bin" % tables, "LC_ALL": "C.UTF-8"}
    system.LocalSystem = _Recorded  # type: ignore[misc]
    if what == "apply":
        from nat64ctl import cli

        return cli.main(["apply", "--json", os.path.join(folder, _CONFIGURATION)])
    if what == "show":
        sys.argv = ["nat64_nat46.py", "show_translations", "--family", "nat64"]
        runpy.run_path(os.path.join(_SCRIPTS, "op_mode/nat64_nat46.py"), run_name="__main__")
        return 0
    from vyos.config import Config

    with open(os.path.join(folder, _PROPOSED), encoding="utf-8") as file:
        Config.session = json.load(file)
    runpy.run_path(os.path.join(_SCRIPTS, "conf_mode/nat64.py"), run_name="__main__")
    return 0


def main(words: List[str]) -> int:
    if words[0] == "make":
        make(words[1], int(words[2]), int(words[3]))
        return 0
    if words[0] == "measure":
        print(json.dumps(measure(words[1], int(words[2]))))
        return 0
    return run(words[0], words[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
