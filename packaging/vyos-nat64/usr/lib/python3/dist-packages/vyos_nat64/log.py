"""What translators said since the last boot: TAYGA and joold in the router's journal, what Jool logs of rules with `log` in a journal of its own."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Dict, List

from nat64ctl.system import System, Unreadable

# One unit by its name: where nothing has been logged, patterns alone make journalctl end with "No data available".
COMMAND = (
    "journalctl", "--namespace=+nat64", "--boot", "--no-pager", "--output=json",
    "--unit=nat64-log@kernel.service", "--unit=nat64-tayga@*", "--unit=nat64-joold@*",
)
_UNIT = re.compile(r"nat64-(?:tayga|joold)@([^.]+)\.service\Z")

Entry = Dict[str, Any]


def entries(system: System, family: str) -> List[Entry]:
    """In the order of time. @raises Unreadable"""
    result = system.run(COMMAND)
    if result.status != 0:
        raise Unreadable(result)
    found: List[Entry] = []
    for line in result.stdout.split("\n"):
        if line.startswith("{"):
            entry = json.loads(line)
            if _family(entry) in (family, ""):
                found.append(entry)
    return found


def _family(entry: Entry) -> str:
    """"" for what is of no translator: that something was left out."""
    # UNIT is whom systemd speaks of, _SYSTEMD_UNIT whose words they are.
    units = [_UNIT.match(str(entry.get(field, ""))) for field in ("UNIT", "_SYSTEMD_UNIT")]
    name = str(entry.get("NAT64_INSTANCE", "")) or next((unit.group(1) for unit in units if unit is not None), "")
    # Instances of rules of nat64 are called as VyOS calls them.
    return "" if not name else "nat46" if name.startswith("nat46-") else "nat64"


def entry_line(entry: Entry) -> str:
    when = time.strftime("%b %d %H:%M:%S", time.localtime(_seconds(entry)))
    return "%s %s: %s" % (when, entry.get("SYSLOG_IDENTIFIER", "nat64"), _message(entry))


def entry_json(entry: Entry) -> Dict[str, Any]:
    fields = {name[len("NAT64_"):].lower(): value for name, value in entry.items() if name.startswith("NAT64_") and name != "NAT64_TIME"}
    return {"time": _seconds(entry), "unit": entry.get("_SYSTEMD_UNIT"), "message": _message(entry), **fields}


def _seconds(entry: Entry) -> int:
    return int(entry.get("__REALTIME_TIMESTAMP", "0")) // 1000000


def _message(entry: Entry) -> str:
    """journalctl prints a list of bytes where a message is not text."""
    message = entry.get("MESSAGE", "")
    return bytes(message).decode("utf-8", "replace") if isinstance(message, list) else str(message)
