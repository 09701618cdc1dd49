#!/usr/bin/env python3
"""Operational commands of NAT64 and NAT46. The functions are vyos_nat64.operational's: vyos.opmode finds them here by their names."""

from __future__ import annotations

import sys

import vyos.opmode

from vyos_nat64.operational import (
    generate_debug_archive,
    reset_rule,
    reset_statistics,
    reset_translations,
    restart_translators,
    show_bib,
    show_log,
    show_pools,
    show_rules,
    show_statistics,
    show_status,
    show_synchronization,
    show_timeouts,
    show_translations,
)

__all__ = [
    "generate_debug_archive", "reset_rule", "reset_statistics", "reset_translations", "restart_translators", "show_bib", "show_log", "show_pools",
    "show_rules", "show_statistics", "show_status", "show_synchronization", "show_timeouts", "show_translations",
]

if __name__ == "__main__":
    try:
        result = vyos.opmode.run(sys.modules[__name__])
        if result:
            print(result)
    except (ValueError, vyos.opmode.Error) as error:
        print(error)
        sys.exit(1)
