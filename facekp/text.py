"""Short texts: values and paths in one-line messages, durations."""
import os

from facekp.errors import DataError

DOWNLOAD_AGAIN = "delete it and download it again (make data)"


def shown(value, limit=40):
    """`value` (bytes, str or path) as it may stand in a one-line message.

    What cannot be printed is escaped and what is long is cut, so that a hostile file name or field
    can neither break the line nor flood the terminal.
    """
    if isinstance(value, os.PathLike):
        value = os.fsencode(value)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    text = value[: 4 * limit + 4].decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def shown_path(path):
    """A path for a message: whole, on one line."""
    return shown(path, limit=1000)


def fault(where, found, expected, remedy=DOWNLOAD_AGAIN, row=None, column=None):
    """The error for a fault in a data file.

    Parameters
    ----------
    where : str, the file (already fit for a message)
    found, expected, remedy : str
    row : int or None, line of the file, the header being 1
    column : str or None

    Returns
    -------
    DataError, to be raised by the caller
    """
    place = where
    if row is not None:
        place += f", row {row}"
    if column is not None:
        place += f", column {column}"
    return DataError(f"{place}: found {found}; expected {expected}; {remedy}")


def clock(seconds):
    """Seconds as h:mm:ss."""
    seconds = int(round(seconds))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
