"""Where the configuration lies that this router is to have."""

from __future__ import annotations

import os

_FILE = "/etc/nat64/nat64.config"
#: What VyOS has committed last, where `nat64` and `nat46` are part of its own configuration: the package vyos-nat64 writes it.
VYOS_FILE = "/run/nat64/vyos.config"


def default_file() -> str:
    return VYOS_FILE if os.path.exists(VYOS_FILE) else _FILE
