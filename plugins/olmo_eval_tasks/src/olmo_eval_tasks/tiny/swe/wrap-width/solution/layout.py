"""Text in lines of a width."""


def wrap(text, width):
    """``text`` in lines of at most ``width`` characters, broken at blanks."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines
