"""Stand-ins for the modules of VyOS that its scripts here import, for tests. None of VyOS's code: only what those modules promise."""
from .base import ConfigError

__all__ = ["ConfigError"]
