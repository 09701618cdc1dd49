"""Random configurations for a real router, as a JSON list of texts: COUNT of them, of what a router without iptables and without a
second one beside it can carry out."""
from __future__ import annotations

import json
import sys
from dataclasses import replace
from random import Random
from typing import List

from support.random_configuration import random_configuration

from nat64ctl.check import check_text
from nat64ctl.model import Configuration, Engine, Mode
from nat64ctl.render import set_text


def for_a_router(configuration: Configuration) -> Configuration:
    clat = configuration.clat
    return replace(
        configuration,
        source_rules=tuple(rule for rule in configuration.source_rules if rule.engine is Engine.TAYGA or rule.mode is not Mode.IPTABLES),
        destination_rules=tuple(rule for rule in configuration.destination_rules if rule.engine is Engine.TAYGA or rule.mode is not Mode.IPTABLES),
        clat=None if clat is not None and clat.engine is Engine.JOOL and clat.mode is Mode.IPTABLES else clat,
        nat64_synchronization=None, nat46_synchronization=None,
    )


def main(count: int) -> None:
    texts: List[str] = []
    seed = 0
    while len(texts) < count:
        configuration = for_a_router(random_configuration(Random(seed)))
        seed += 1
        text = set_text(configuration)
        # What was left out may have been what others leant on.
        if text and check_text(text.encode(), "random").configuration is not None:
            texts.append(text)
    json.dump(texts, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
