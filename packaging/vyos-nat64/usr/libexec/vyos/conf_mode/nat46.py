#!/usr/bin/env python3
"""VyOS runs this at a commit that changes `nat46`; vyos-configd imports it and calls its functions in their order."""

from __future__ import annotations

import sys
from typing import Optional

from vyos import ConfigError, airbag
from vyos.config import Config

from vyos_nat64 import commit

airbag.enable()


def get_config(config: Optional[Config] = None) -> commit.Proposal:
    return commit.proposal(Config() if config is None else config, "nat46")


def verify(proposed: commit.Proposal) -> None:
    commit.verify(proposed, commit.local_system(), lambda text: print("WARNING: %s\n" % text))


def generate(_proposed: commit.Proposal) -> None:
    """Whatever translators read is written by apply, which takes it back where something fails."""


def apply(proposed: commit.Proposal) -> None:
    commit.apply(proposed, commit.local_system())


if __name__ == "__main__":
    try:
        wanted = get_config()
        verify(wanted)
        generate(wanted)
        apply(wanted)
    except ConfigError as error:
        print(error)
        sys.exit(1)
