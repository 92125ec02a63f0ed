"""Text in lines of a width."""


def wrap(text, width):
    """``text`` in lines of at most ``width`` characters, broken at blanks."""
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    lines.append(line)
    return lines
