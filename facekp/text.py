"""Text for people: names and bytes in one-line messages, durations, lines on the screen."""
import os
import shutil
import sys
import time


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


class Progress:
    """How far some work is: one line of the terminal, which goes away when it is done.

    Where standard error is no terminal, nothing is written.

    Parameters
    ----------
    words : str
        What is counted, like "photos".
    total : int
    """

    SECONDS = 0.1  # from one line to the next

    def __init__(self, words, total):
        self.words, self.total, self.done = words, total, 0
        self._on, self._begun, self._last = is_terminal(sys.stderr), time.monotonic(), 0.0

    def step(self):
        """Count one more."""
        self.done += 1
        self.show()

    def show(self, note=""):
        """Show the count, and a note behind it, unless it was shown a moment ago."""
        now = time.monotonic()
        if not self._on or now < self._last + self.SECONDS:
            return
        self._last = now
        left = (now - self._begun) / max(self.done, 1) * (self.total - self.done)
        text = (f"{self.words}: {self.done} of {self.total}"
                + f", {clock(left)} left" * (self.done > 0) + f", {note}" * bool(note))
        self._write(text[:shutil.get_terminal_size().columns - 1])

    def clear(self):
        """Take the line away, before other text and at the end."""
        if self._on:
            self._write("")

    def _write(self, text):
        try:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # closed, or the terminal is gone: work on without a line
            self._on = False
