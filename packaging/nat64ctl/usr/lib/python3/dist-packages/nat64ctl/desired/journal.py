"""What brings Jool's lines about bindings and sessions from the kernel's log to the journal."""

from __future__ import annotations

from ..log_settings import JOURNAL_SETTINGS, settings_text
from ..services import LOG_INSTANCE, LOG_UNIT
from .building import Building


def add_logging(building: Building) -> None:
    """One for the router, where an instance writes any such line."""
    if any("TRUE" in (each.globals.get("logging-bib"), each.globals.get("logging-session")) for each in building.instances.values()):
        building.daemons[LOG_UNIT, LOG_INSTANCE] = settings_text(JOURNAL_SETTINGS)
