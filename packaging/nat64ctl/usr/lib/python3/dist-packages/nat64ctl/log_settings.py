"""How much of what Jool logs comes into the journal: what nat64-log@.service is started with."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    #: Entries that may come at once, and entries a second in the long run.
    burst: int
    rate: int


#: The journal's bound on disk is in /usr/lib/systemd/journald@nat64.conf.d; this bounds what a flood costs the processor, and how
#: soon it pushes older entries out.
JOURNAL_SETTINGS = Settings(burst=20000, rate=1000)


def settings_text(settings: Settings) -> str:
    return json.dumps({"burst": settings.burst, "rate": settings.rate}, sort_keys=True) + "\n"


def read_settings(text: str) -> Settings:
    """@raises ValueError, KeyError"""
    content = json.loads(text)
    return Settings(int(content["burst"]), int(content["rate"]))
