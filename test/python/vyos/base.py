"""Stand-in for vyos.base."""
from __future__ import annotations

from textwrap import fill


class ConfigError(Exception):
    """VyOS makes one paragraph of 72 columns of a message."""

    def __init__(self, message: str) -> None:
        super().__init__(fill(message, width=72))
