"""Stand-in for vyos.airbag, which reports what nobody catches."""


def enable() -> None:
    """Nothing is reported in tests."""
