#!/usr/bin/env python3
"""`monitor nat64 …`, for which vyos.opmode has no word. VyOS lets its operators run the programs of this folder through sudo, and not nat64ctl."""

from __future__ import annotations

import os
import sys

_WHAT = ("translations", "log")

if __name__ == "__main__":
    # Whoever may run this as root may run no more than this.
    if sys.argv[1:] not in [[each] for each in _WHAT]:
        print("usage: %s {%s}" % (os.path.basename(sys.argv[0]), "|".join(_WHAT)), file=sys.stderr)
        sys.exit(2)
    # Of the same process, so that Ctrl-C and what sudo passes on end it.
    os.execv("/usr/sbin/nat64ctl", ["nat64ctl", "monitor", sys.argv[1]])
