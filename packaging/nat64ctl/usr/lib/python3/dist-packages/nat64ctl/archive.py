"""Everything that a person needs who is to help, in one archive: what is asked, and with which bounds. A piece that fails says so inside.

No secrets: nat64ctl has none. There are addresses: of the configuration, of the router's interfaces, and of those who are translated.
"""

from __future__ import annotations

import io
import sys
import tarfile
import time
from typing import Callable, List, NamedTuple, Sequence, Tuple, Union

from .engines import jool
from .observe.translators import jool_instances
from .operations import Run
from .state import MAIN, Kind
from .system import System, Unreadable

#: Of one piece. The largest table that helps is far smaller than this.
SIZE = 1 << 20
SECONDS = 15.0

#: All pieces together: when this is over the rest are not asked, and say so.
TOTAL_SECONDS = 180.0


class Piece(NamedTuple):
    """A file of the archive: what a program prints, or what a file holds."""

    name: str
    source: Union[Tuple[str, ...], str]


class Gathered(NamedTuple):
    name: str
    content: bytes
    #: Empty when all is well.
    problem: str


_CONSTANT: Tuple[Piece, ...] = (
    Piece("versions/kernel", "/proc/version"),
    Piece("versions/system", "/etc/os-release"),
    Piece("versions/vyos", "/usr/share/vyos/version.json"),
    Piece("versions/packages", ("dpkg-query", "--show", "nat64ctl", "jool*", "tayga", "iproute2", "nftables", "iptables", "systemd", "linux-image*")),
    Piece("versions/python", (sys.executable, "--version")),
    Piece("modules/loaded", "/proc/modules"),
    Piece("modules/jool", ("modinfo", "jool")),
    Piece("modules/jool_siit", ("modinfo", "jool_siit")),
    Piece("state/rules.json", ("nat64ctl", "show", "rules", "--json")),
    Piece("state/status.json", ("nat64ctl", "show", "status", "--json")),
    Piece("state/pools.json", ("nat64ctl", "show", "pools", "--json")),
    Piece("state/statistics.json", ("nat64ctl", "show", "statistics", "--json")),
    Piece("state/timeouts.json", ("nat64ctl", "show", "timeouts", "--json")),
    Piece("state/translations.json", ("nat64ctl", "show", "translations", "--json")),
    Piece("state/bindings.json", ("nat64ctl", "show", "translations", "--bindings", "--json")),
    Piece("state/diff.txt", ("nat64ctl", "diff")),
    Piece("network/links", ("ip", "-d", "-s", "link", "show")),
    Piece("network/addresses", ("ip", "address", "show")),
    Piece("network/namespaces", ("ip", "-d", "netns", "list")),
    Piece("network/rules4", ("ip", "-4", "rule", "show")),
    Piece("network/rules6", ("ip", "-6", "rule", "show")),
    Piece("network/routes4", ("ip", "-4", "route", "show", "table", "all")),
    Piece("network/routes6", ("ip", "-6", "route", "show", "table", "all")),
    Piece("network/sysctls", ("sysctl", "net.ipv4.ip_forward", "net.ipv4.ip_local_port_range", "net.ipv6.conf.all.forwarding", "kernel.printk")),
    Piece("firewall/nftables", ("nft", "list", "ruleset")),
    Piece("firewall/iptables", ("iptables-save", "-c")),
    Piece("firewall/ip6tables", ("ip6tables-save", "-c")),
    Piece("journal/units", ("journalctl", "--no-pager", "--lines=2000", "--unit=nat64.service", "--unit=nat64-*")),
    Piece("journal/translations", ("journalctl", "--no-pager", "--lines=2000", "--namespace=nat64")),
    Piece("journal/kernel", ("journalctl", "--no-pager", "--lines=2000", "--dmesg", "--grep=Jool|jool|tayga")),
    Piece("units/status", ("systemctl", "--no-pager", "--full", "status", "nat64*")),
)


def pieces(system: System, configuration: str) -> List[Piece]:
    """Those of every router, and those of what there is on this one."""
    found = [Piece("configuration/nat64.config", configuration)] + list(_CONSTANT)
    for folder in ("/run/nat64", "/run/nat64/nat64-tayga", "/run/nat64/nat64-joold", "/run/nat64/nat64-log", "/run/jool"):
        for name in system.list_folder(folder):
            if name.endswith((".conf", ".running", ".json")):
                found.append(Piece("run%s/%s" % (folder[len("/run") :], name), "%s/%s" % (folder, name)))
    for folder in ("/var/lib/nat64", "/config/nat64", "/run/nat64/tayga-data"):
        found.extend(Piece("maps%s/%s/dynamic.map" % (folder, name), "%s/%s/dynamic.map" % (folder, name)) for name in system.list_folder(folder))
    for kind in Kind:
        found.append(Piece("jool/%s/instances" % kind.tool, (kind.tool, "instance", "display")))
    try:
        instances = jool_instances(system)
    except (Unreadable, OSError):
        # The pieces above show why.
        instances = []
    for instance in instances:
        key = instance.key
        if not instance.reachable:
            continue
        folder = "jool/%s/%s" % (key.kind.tool, key.name if key.namespace == MAIN else "%s@%s" % (key.name, key.namespace))
        asked: List[Tuple[str, Run]] = [
            ("global", jool.command(key, "global", "display")),
            ("statistics", jool.command(key, "stats", "display", "--all")),
        ]
        if key.kind is Kind.SIIT:
            asked.append(("eamt", jool.command(key, "eamt", "display", "--csv")))
        else:
            asked.extend(("pool4-" + each.lower(), jool.command(key, "pool4", "display", "--csv", "--" + each.lower())) for each in jool.PROTOCOLS)
        found.extend(Piece("%s/%s" % (folder, name), command.argv) for name, command in asked)
        if key.namespace != MAIN:
            found.append(Piece(folder + "/addresses", ("ip", "-n", key.namespace, "-s", "address", "show")))
            found.extend(
                Piece("%s/routes%d" % (folder, family), ("ip", "-n", key.namespace, "-%d" % family, "route", "show", "table", "all"))
                for family in (4, 6)
            )
    return found


def gather(system: System, each: Piece, seconds: float) -> Gathered:
    """Never raises for what is not there."""
    if seconds <= 0:
        return Gathered(each.name, b"", "not asked: the time for all pieces was over")
    if isinstance(each.source, str):
        try:
            text = system.read_file(each.source)
        except OSError as error:
            return Gathered(each.name, b"", "%s: %s" % (each.source, error.strerror or error))
        if text is None:
            return Gathered(each.name, b"", "%s: no such file" % each.source)
        problem = "cut after %d bytes" % SIZE if len(text) > SIZE else ""
        return Gathered(each.name, text[:SIZE].encode("utf-8", "replace"), problem)
    result = system.sample(each.source, min(SECONDS, seconds), SIZE)
    content = result.stdout + ("\n" + result.stderr if result.stderr.strip() else "")
    return Gathered(each.name, content.encode("utf-8", "replace"), _problem(each.source, result.status))


def _problem(argv: Sequence[str], status: int) -> str:
    if status == 0:
        return ""
    said = {124: "had not ended after %d seconds" % SECONDS, 127: "there is no such program", -9: "cut after %d bytes" % SIZE}
    return "`%s`: %s" % (" ".join(argv), said.get(status, "exit status %d" % status))


def write_archive(
    system: System,
    configuration: str,
    root: str,
    when: int,
    progress: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Tuple[bytes, List[Gathered]]:
    """A .tar.gz whose files are below `root`, in the order of their names, and what is in it."""
    until = clock() + TOTAL_SECONDS
    found: List[Gathered] = []
    for each in pieces(system, configuration):
        progress(each.name)
        found.append(gather(system, each, until - clock()))
    found.sort()
    contents = [("CONTENTS", contents_text(found).encode())] + [(each.name, each.content) for each in found]
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents:
            member = tarfile.TarInfo("%s/%s" % (root, name))
            member.size, member.mtime, member.mode = len(content), when, 0o644
            member.uname = member.gname = "root"
            archive.addfile(member, io.BytesIO(content))
    return output.getvalue(), found


def contents_text(found: Sequence[Gathered]) -> str:
    lines = [
        "What nat64ctl debug-archive gathered. There are no passwords or keys: nat64ctl has none. There are addresses of this router, of its",
        "interfaces, and of those whose packets it translates, and the whole firewall. Look through it before you give it away.",
        "",
    ]
    lines.extend("%8d  %s%s" % (len(each.content), each.name, "    ! " + each.problem if each.problem else "") for each in found)
    return "".join(line + "\n" for line in lines)


def archive_name(when: int) -> Tuple[str, str]:
    """Of the folder inside, and of the file."""
    root = "nat64-debug-" + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))
    return root, root + ".tar.gz"
