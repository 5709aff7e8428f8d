"""Text for people: names and bytes in one-line messages, durations, lines on the screen."""
import os
import sys


def shown(value, limit=40):
    """`value` (bytes, str or path) in a form that fits into a one-line message.

    Characters that cannot be printed are escaped, and long text is cut. So a malicious file name
    or field can neither break the line nor flood the terminal.

    >>> shown("two\\nlines")
    'two\\\\nlines'
    """
    if isinstance(value, os.PathLike):
        value = os.fsencode(value)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    text = value[: 4 * limit + 4].decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def shown_path(path):
    """A path for a message: complete, and on one line."""
    return shown(path, limit=1000)


def clock(seconds):
    """Seconds as h:mm:ss.

    >>> clock(3725.2)
    '1:02:05'
    """
    seconds = int(round(seconds))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def say(text):
    """Print a line at once, unless standard output is closed: that must not end a training."""
    if not getattr(sys.stdout, "closed", False):  # print() itself does nothing where it is None
        print(text, flush=True)


def is_terminal(stream):
    """Whether a text stream is a terminal; one that is None, closed, or no file is not."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False
