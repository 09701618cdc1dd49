"""Stand-in for vyos.configsession."""
from __future__ import annotations


class ConfigSessionError(Exception):
    pass
