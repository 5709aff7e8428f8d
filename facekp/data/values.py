"""Parse the coordinates and ids in the fields of CSV rows."""
import re

import numpy as np

from facekp.data.faults import DOWNLOAD_AGAIN, fault
from facekp.text import shown
from facekp.keypoints import COLUMNS, SIZE

NUMBER = re.compile(rb" *[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)? *")
MAX_ID = 2**31 - 1


def parse_coordinates(fields, rows, where):
    """Parse the 30 coordinates of some rows.

    Parameters
    ----------
    fields : list of lists of 30 bytes objects; an empty one is a coordinate without a label
    rows : sequence of int, their row numbers in the file, for messages
    where : str, the file, for messages

    Returns
    -------
    float32 array (len(fields), 30), px, NaN where empty

    Raises
    ------
    DataError : a field is not a finite number (the words ``nan`` and ``inf`` are not accepted), or
        it lies more than 96 px outside the image, as after a lost decimal point

    Examples
    --------
    >>> parse_coordinates([[b"66.5", b""] + [b"1"] * 28], rows=[2], where="training.csv")[0, :3]
    array([66.5,  nan,  1. ], dtype=float32)
    """
    try:
        values = np.array([[float(f) if f else np.nan for f in row] for row in fields])
    except ValueError:
        values = np.full((len(fields), len(COLUMNS)), np.inf)
    empty = np.array([[not f for f in row] for row in fields])
    # float() reads 1_0 as ten, and ignores tabs and carriage returns.
    strange = b"".join(f for row in fields for f in row).translate(None, b"0123456789+-.eE ")
    if strange or not (_near(values) | empty).all():
        raise _coordinate_fault(fields, rows, where)
    return values.astype(np.float32)


def _near(values):
    """Whether coordinates (px) are in the image or at most 96 px outside of it; NaN is not."""
    return (values >= -SIZE) & (values <= 2 * SIZE)


def _coordinate_fault(fields, rows, where):
    row, column, field = next((row, column, field) for row, row_fields in zip(rows, fields)
                              for column, field in zip(COLUMNS, row_fields)
                              if field and not _is_coordinate(field))
    return fault(where, f"'{shown(field)}'", f"a number of pixels from {-SIZE} to {2 * SIZE}, or "
                 "nothing where there is no label", row=row, column=column)


def _is_coordinate(field):
    return bool(NUMBER.fullmatch(field)) and bool(_near(float(field)))


def parse_id(field, row, column, where):
    """Parse one id (bytes); DataError unless it is a whole number from 1 to 2**31 - 1.

    Examples
    --------
    >>> parse_id(b"17", row=2, column="ImageId", where="test.csv")
    17
    """
    text = field.strip(b" ")
    if not (text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MAX_ID):
        found = f"'{shown(field)}'" if text else "nothing"
        raise fault(where, found, "a whole number from 1", row=row, column=column)
    return int(text)


def refuse_repeats(values, rows, column, where):
    """Raise DataError if a value occurs in two rows.

    Examples
    --------
    >>> refuse_repeats([1, 2, 3], rows=[2, 3, 4], column="RowId", where="IdLookupTable.csv")
    """
    first = {}
    for value, row in zip(values, rows):
        if value in first:
            raise fault(where, f"{shown(str(value), 80)} again (first in row {first[value]})",
                        "each once", f"delete one of the two rows, or {DOWNLOAD_AGAIN}", row=row,
                        column=column)
        first[value] = row
