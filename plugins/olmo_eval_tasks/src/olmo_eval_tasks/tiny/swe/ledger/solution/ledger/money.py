"""Money as text."""


def show(cents):
    """``cents`` as euros: ``12.30``."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"
