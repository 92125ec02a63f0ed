"""Durations as text: ``1h 05m``, ``45s``."""

import re

_UNITS = {"h": 3600, "m": 60, "s": 1}


def parse(text):
    """The seconds that ``text`` means. Raises ValueError."""
    if not re.fullmatch(r"\s*(\d+[hms]\s*)+", text):
        raise ValueError(f"not a duration: {text!r}")
    seconds = 0
    for number, unit in re.findall(r"(\d+)([hms])", text):
        seconds += int(number) * _UNITS[unit]
    return seconds


def show(seconds):
    """``seconds`` as text."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {seconds:02d}s" if minutes else f"{seconds}s"
