"""Read the rows of a Kaggle CSV file; the fields are still bytes.

The header is checked, and the fields are put into the requested order. Harmless differences are
accepted: columns in any order, CRLF line ends, a UTF-8 byte-order mark, blank lines at the end.
Kaggle's files have no quotes, so a quote is a fault.
"""
import difflib

from facekp.data.faults import DOWNLOAD_AGAIN, fault
from facekp.text import shown

MAX_LINE = 2**20
"""A row of Kaggle's files has at most 38 kB. A much longer line belongs to another kind of file."""

MEND_HEADER = f"compare the first line with Kaggle's, or {DOWNLOAD_AGAIN}"


def read_rows(stream, where, columns, optional_last=None):
    """Iterate over the rows of a CSV file.

    Parameters
    ----------
    stream : buffered binary stream
    where : str, the file, for messages
    columns : tuple of str, the columns that must be there, in the order of the result
    optional_last : str or None
        A column that may be there and is dropped. If it is the last one, rows may lack its field:
        the header of Kaggle's IdLookupTable.csv has a column Location, its rows do not.

    Yields
    ------
    (row, fields) : the line's number (header = 1) and a list of bytes in the order of `columns`

    Raises
    ------
    DataError : empty file, wrong header, wrong number of fields, blank or overlong line

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO(b"ImageId,Image\\n1,238 236\\n")
    >>> list(read_rows(stream, "test.csv", ("Image", "ImageId")))
    [(2, [b'238 236', b'1'])]
    """
    lines = _lines(stream, where)
    header = _header(next(lines, (1, b""))[1], where, columns, optional_last)
    order = [header.index(column) for column in columns]
    in_order = header == list(columns)
    widths = {len(header), len(header) - (header[-1] == optional_last)}
    row, blank = 1, None
    for row, line in lines:
        if not line:
            blank = blank or row
            continue
        if blank:
            raise fault(where, "a blank line", "a row of data", row=blank)
        fields = line.split(b",")
        if len(fields) not in widths:
            raise _wrong_width(where, row, fields, header)
        yield row, fields if in_order else [fields[i] for i in order]
    if row == 1 or blank == 2:
        raise fault(where, "a header and no rows", "rows of data", row=2)


def _lines(stream, where):
    for row, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
        if len(line) > MAX_LINE:
            raise fault(where, f"a line of more than {MAX_LINE} bytes",
                        "one row of a CSV file", row=row)
        yield row, line.rstrip(b"\r\n")


def _header(line, where, columns, optional):
    if line.startswith(b"\xef\xbb\xbf"):
        line = line[3:]
    if not line.strip():
        raise fault(where, "nothing" if not line else "a blank line",
                    f"the header ({columns[0]},...)", row=1)
    _refuse_other_formats(line, where)
    header = [field.strip().decode("utf-8", "backslashreplace") for field in line.split(b",")]
    for name in header:
        if header.count(name) > 1:
            raise fault(where, "this column twice", "each column once", MEND_HEADER,
                        row=1, column=shown(name))
        if name not in columns and name != optional:
            near = difflib.get_close_matches(name[:80], columns, 1)
            hint = f"rename it to '{near[0]}', or " if near and near[0] not in header else ""
            raise fault(where, f"the unknown column '{shown(name)}'", f"{len(columns)} columns as "
                        "Kaggle names them", hint + MEND_HEADER, row=1)
    missing = [column for column in columns if column not in header]
    if missing:
        raise fault(where, f"no such column ({len(missing)} of {len(columns)} missing)",
                    "all columns", MEND_HEADER, row=1, column=missing[0])
    return header


def _refuse_other_formats(line, where):
    """Raise a clear error if this is a well-known other kind of file."""
    for start, kind in ((b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "a gzip file"),
                        (b"\xff\xfe", "UTF-16 text"), (b"\xfe\xff", "UTF-16 text"),
                        (b"<", "a web page (is the login missing?)")):
        if line.startswith(start):
            raise fault(where, kind, "a CSV file in UTF-8", row=1)
    for mark, kind in ((b'"', "quoted fields"), (b"\t", "tabs"), (b";", "semicolons"),
                       (b"\r", "line ends that are carriage returns alone")):
        if mark in line:
            raise fault(where, kind, "fields separated by commas, without quotes",
                        f"save it in that form, or {DOWNLOAD_AGAIN}", row=1)


def _wrong_width(where, row, fields, header):
    if any(b'"' in field for field in fields):
        return fault(where, "a quote", "fields separated by commas, without quotes",
                     f"save it in that form, or {DOWNLOAD_AGAIN}", row=row)
    return fault(where, f"{len(fields)} fields", f"{len(header)}, as in the header", row=row)
