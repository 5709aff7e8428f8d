"""The error for a fault in a data file: place, what was found and expected, and the remedy."""
from facekp.errors import DataError

DOWNLOAD_AGAIN = "delete it and download it again"


def fault(where, found, expected, remedy=DOWNLOAD_AGAIN, row=None, column=None,
          remedies=("download",)):
    """The error for a fault in a data file.

    Parameters
    ----------
    where : str, the file, as a message shows it
    found, expected, remedy : str
    row : int or None, line of the file, the header being 1
    column : str or None
    remedies : iterable of str, as :class:`facekp.errors.FacekpError` takes them

    Returns
    -------
    DataError, to be raised by the caller
    """
    place = where
    if row is not None:
        place += f", row {row}"
    if column is not None:
        place += f", column {column}"
    return DataError(f"{place}: found {found}; expected {expected}; {remedy}", remedies=remedies)
