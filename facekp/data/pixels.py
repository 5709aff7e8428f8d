"""Parse pixels: the text of the column ``Image``, many rows at a time with numpy."""
import numpy as np

from facekp.data.faults import fault
from facekp.text import shown
from facekp.keypoints import SIZE

N_PIXELS = SIZE * SIZE


def parse_pixels(fields, rows, where):
    """Parse the Image fields of some rows.

    Parameters
    ----------
    fields : list of bytes, each 9216 integers in 0..255 separated by spaces
    rows : sequence of int, their row numbers in the file, for messages
    where : str, the file, for messages

    Returns
    -------
    uint8 array (len(fields), 9216)

    Raises
    ------
    DataError : a field with another number of pixels, or a pixel that is no integer in 0..255

    Examples
    --------
    >>> parse_pixels([b" ".join([b"7"] * 9216)], rows=[2], where="training.csv")
    array([[7, 7, 7, ..., 7, 7, 7]], dtype=uint8)
    """
    images = _parse_at_once(fields)
    if images is None:
        images = np.stack([_parse_row(field, row, where) for field, row in zip(fields, rows)])
    return images


def _parse_at_once(fields):
    """Parse all fields in vectorised steps; None if anything is not as Kaggle writes it.

    Each step goes over all bytes of the text. A number ends at a digit that no other digit follows.
    Its value is computed at this last digit, in uint8, from it and the two bytes before it.
    """
    text = np.frombuffer(b" " + b" ".join(fields) + b" ", np.uint8)
    digit = text - np.uint8(ord("0"))  # wraps: every other character becomes 10 or more
    is_digit = digit < 10
    pair = is_digit[1:] & is_digit[:-1]
    longer_than_3 = pair[2:] & pair[:-2]
    if not (is_digit | (text == ord(" "))).all() or longer_than_3.any():
        return None
    digit *= is_digit
    hundreds = digit[:-2] * pair[1:]  # a digit three from the end counts only if the next is one
    if hundreds.max(initial=0) > 2:
        return None
    hundreds *= np.uint8(100)
    value = digit
    value[1:] += digit[:-1] * np.uint8(10)
    value[2:] += hundreds
    if (value[2:] < hundreds).any():  # 256 to 299 wrapped
        return None
    last_digits = np.flatnonzero(is_digit[:-1] > is_digit[1:])
    return value[last_digits].reshape(-1, N_PIXELS) if _whole_rows(fields, last_digits) else None


def _whole_rows(fields, last_digits):
    """Whether each field holds exactly 9216 of the numbers that end at `last_digits`."""
    if len(last_digits) != len(fields) * N_PIXELS:
        return False
    ends = np.cumsum([len(field) + 1 for field in fields])
    starts = np.concatenate([[0], ends[:-1]])
    by_row = last_digits.reshape(-1, N_PIXELS)
    return bool((by_row[:, 0] > starts).all() and (by_row[:, -1] <= ends).all())


def _parse_row(field, row, where):
    """Parse one field, number by number: slower, but it finds the fault and names it."""
    numbers = [number for number in field.split(b" ") if number]
    for i, number in enumerate(numbers):
        if not (number.isdigit() and len(number) < 20 and int(number) <= 255):
            raise fault(where, f"'{shown(number)}' as pixel {i + 1}", "an integer from 0 to 255",
                        row=row, column="Image")
    if len(numbers) != N_PIXELS:
        raise fault(where, f"{len(numbers)} pixels", f"{N_PIXELS} ({SIZE} x {SIZE})",
                    row=row, column="Image")
    return np.array([int(number) for number in numbers], np.uint8)
