"""Money as text."""


def show(cents):
    """``cents`` as euros: ``12.30``."""
    return f"{cents // 100}.{cents % 100}"
