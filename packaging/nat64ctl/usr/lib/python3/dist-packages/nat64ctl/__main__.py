"""`python3 -m nat64ctl`, which /usr/sbin/nat64ctl runs."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
