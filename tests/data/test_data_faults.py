"""Bad input: each fault is a DataError of one line that names file, row, column and remedy."""
import io
import os
import struct
import zipfile

import pytest
from kaggle_csv import (LOOKUP_LINES, as_bytes, pixels_text, gray, test_lines, training_lines,
                        write_folder, write_zip)

from facekp import data
from facekp.data import sources
from facekp.errors import DataError

LOAD = {"training.csv": data.load_training, "test.csv": data.load_test,
        "IdLookupTable.csv": data.load_lookup}
LINES = {"training.csv": training_lines, "test.csv": test_lines,
         "IdLookupTable.csv": lambda: list(LOOKUP_LINES)}


def refused(load, folder, *words):
    """`load(folder)` raises a DataError of one line with these words, and leaves no new file.

    Returns
    -------
    tuple of str, the error's remedies
    """
    before = sorted(folder.rglob("*"))
    with pytest.raises(DataError) as caught:
        load(folder)
    message = str(caught.value)
    assert message.isprintable(), "one line, nothing a terminal would obey"
    assert len(message) < 800
    for word in words:
        assert word in message, message
    left = set(folder.rglob("*")).difference(before)
    assert all(path.name == ".facekp-cache" or path.name.startswith("stamp-") for path in left)
    return caught.value.remedies


def field(row, column, value):
    """Put `value` into one field of a row (header = 1)."""
    def change(lines):
        fields = lines[row - 1].split(",")
        fields[column] = value
        lines[row - 1] = ",".join(fields)
        return as_bytes(lines)
    return change


def pixel(row, value):
    def change(lines):
        lines[row - 1] = lines[row - 1].replace(" 7 ", f" {value} ", 1)
        return as_bytes(lines)
    return change


def header(old, new):
    return lambda lines: as_bytes([lines[0].replace(old, new)] + lines[1:])


def line(row, text):
    return lambda lines: as_bytes(lines[:row - 1] + [text] + lines[row:])


def without_column(column):
    def change(lines):
        rows = [s.split(",") for s in lines]
        return as_bytes([",".join(r[:column] + r[column + 1:]) for r in rows])
    return change


LONG = pixels_text(gray(1)[0])
Y = ",".join(["1.5"] * 30)

FAULTS = [
    # header
    ("training.csv", "empty file", lambda lines: b"", ["row 1", "found nothing"]),
    ("training.csv", "blank header", lambda lines: b"\n1\n", ["row 1", "found nothing"]),
    ("training.csv", "header alone", lambda lines: as_bytes(lines[:1]), ["row 2", "no rows"]),
    ("training.csv", "header and blank lines", lambda lines: as_bytes([lines[0], "", ""]),
     ["row 2", "no rows"]),
    ("training.csv", "missing column", without_column(3),
     ["row 1, column right_eye_center_y", "1 of 31 missing"]),
    ("training.csv", "missing Image", without_column(30), ["row 1, column Image"]),
    ("training.csv", "renamed column", header("nose_tip_x", "nose_tipp_x"),
     ["row 1", "'nose_tipp_x'", "rename it to 'nose_tip_x'"]),
    ("training.csv", "extra column", header(",Image", ",age,Image"), ["row 1", "'age'"]),
    ("training.csv", "column twice", header("nose_tip_x", "nose_tip_y"),
     ["row 1, column nose_tip_y", "twice"]),
    ("training.csv", "no header", lambda lines: as_bytes(lines[1:]), ["row 1", "'0.25'"]),
    ("training.csv", "tabs", lambda lines: as_bytes(lines).replace(b",", b"\t"), ["row 1", "tabs"]),
    ("training.csv", "semicolons", lambda lines: as_bytes(lines).replace(b",", b";"),
     ["row 1", "semicolons"]),
    ("training.csv", "quoted header", header("Image", '"Image"'), ["row 1", "quoted"]),
    ("training.csv", "old Mac line ends", lambda lines: "\r".join(lines[:1] * 3).encode(),
     ["row 1", "carriage returns"]),
    ("training.csv", "UTF-16", lambda lines: "\n".join(lines).encode("utf-16"),
     ["row 1", "UTF-16"]),
    ("training.csv", "not UTF-8", lambda lines: b"\xff\xe9" + as_bytes(lines)[2:],
     ["row 1", "\\xff\\xe9ft_eye"]),
    ("training.csv", "zip under a CSV's name", lambda lines: b"PK\x03\x04rest", ["a zip archive"]),
    ("training.csv", "gzip under a CSV's name", lambda lines: b"\x1f\x8b\x08rest", ["a gzip file"]),
    ("training.csv", "web page", lambda lines: b"<!DOCTYPE html>\n<p>", ["a web page"]),
    ("training.csv", "terminal codes", header("Image", "\x1b[31mImage"),
     ["row 1", "\\x1b[31mImage"]),
    # rows
    ("training.csv", "blank row", lambda lines: as_bytes(lines[:2] + [""] + lines[2:]),
     ["row 3", "blank line"]),
    ("training.csv", "too few fields", line(3, "1,2,3"), ["row 3", "3 fields", "31"]),
    ("training.csv", "too many fields", line(3, Y + ",5," + LONG), ["row 3", "32 fields", "31"]),
    ("training.csv", "quoted field", line(3, Y + ',"' + LONG + '"'), ["row 3", '"0']),
    ("training.csv", "quoted commas", line(3, '"1,5",' + Y[4:] + "," + LONG), ["row 3", "a quote"]),
    ("training.csv", "endless line", line(3, "9" * (2**20 + 1)),
     ["row 3", "more than 1048576 bytes"]),
    # coordinates
    ("training.csv", "nan", field(3, 2, "nan"), ["row 3, column right_eye_center_x", "'nan'"]),
    ("training.csv", "inf", field(2, 0, "-inf"), ["row 2, column left_eye_center_x", "'-inf'"]),
    ("training.csv", "beyond float32", field(2, 0, "1e39"),
     ["row 2, column left_eye_center_x", "'1e39'"]),
    ("training.csv", "beyond float64", field(2, 0, "1e999"), ["row 2, column left_eye_center_x"]),
    ("training.csv", "a lost decimal point", field(3, 1, "66033.5639"),
     ["row 3, column left_eye_center_y", "'66033.5639'", "from -96 to 192"]),
    ("training.csv", "two images away", field(3, 1, "-96.001"),
     ["row 3, column left_eye_center_y", "'-96.001'"]),
    ("training.csv", "a word", field(4, 29, "left"),
     ["row 4, column mouth_center_bottom_lip_y", "'left'"]),
    ("training.csv", "Python's underscore", field(4, 1, "1_0"),
     ["row 4, column left_eye_center_y", "'1_0'"]),
    ("training.csv", "hexadecimal", field(4, 1, "0x10"),
     ["row 4, column left_eye_center_y", "'0x10'"]),
    ("training.csv", "a blank", field(4, 1, " "), ["row 4, column left_eye_center_y"]),
    ("training.csv", "a carriage return", field(4, 1, "1\r"),
     ["row 4, column left_eye_center_y", "'1\\r'"]),
    ("training.csv", "NUL", field(4, 1, "1\0"), ["row 4, column left_eye_center_y", "\\x00"]),
    # pixels
    ("training.csv", "pixel too few", field(3, 30, LONG[:LONG.rindex(" ")]),
     ["row 3, column Image", "9215 pixels", "9216"]),
    ("training.csv", "pixel too many", field(3, 30, LONG + " 0"),
     ["row 3, column Image", "9217 pixels"]),
    ("training.csv", "no pixels", field(3, 30, ""), ["row 3, column Image", "0 pixels"]),
    ("training.csv", "256", pixel(3, "256"),
     ["row 3, column Image", "'256' as pixel 8", "0 to 255"]),
    ("training.csv", "299", pixel(3, "299"), ["row 3, column Image", "'299' as pixel 8"]),
    ("training.csv", "300", pixel(3, "300"), ["row 3, column Image", "'300' as pixel 8"]),
    ("training.csv", "999", pixel(3, "999"), ["row 3, column Image", "'999' as pixel 8"]),
    ("training.csv", "1000", pixel(3, "1000"), ["row 3, column Image", "'1000' as pixel 8"]),
    ("training.csv", "a very long number", pixel(3, "9" * 5000),
     ["row 3, column Image", "as pixel 8"]),
    ("training.csv", "negative", pixel(2, "-7"), ["row 2, column Image", "'-7' as pixel 8"]),
    ("training.csv", "fraction", pixel(2, "7.0"), ["row 2, column Image", "'7.0' as pixel 8"]),
    ("training.csv", "pixel tab", pixel(2, "7\t7"), ["row 2, column Image", "as pixel 8"]),
    ("training.csv", "other digits", pixel(2, "\u0667"), ["row 2, column Image", "as pixel 8"]),
    ("training.csv", "cut off", lambda lines: as_bytes(lines)[:-20],
     ["row 4, column Image", "pixels"]),
    # test.csv
    ("test.csv", "pixels swapped between rows", lambda lines: as_bytes(
        lines[:1] + [lines[1][:-lines[1][::-1].index(" ") - 1], lines[2] + " 1", lines[3]]),
     ["row 2, column Image", "9215 pixels"]),
    ("test.csv", "pixels swapped the other way", lambda lines: as_bytes(
        lines[:1] + [lines[1] + " 1", lines[2][:-lines[2][::-1].index(" ") - 1], lines[3]]),
     ["row 2, column Image", "9217 pixels"]),
    ("test.csv", "no ImageId", field(3, 0, ""), ["row 3, column ImageId", "found nothing"]),
    ("test.csv", "ImageId 0", field(3, 0, "0"), ["row 3, column ImageId", "'0'"]),
    ("test.csv", "ImageId negative", field(3, 0, "-1"), ["row 3, column ImageId", "'-1'"]),
    ("test.csv", "ImageId fraction", field(3, 0, "1.0"), ["row 3, column ImageId", "'1.0'"]),
    ("test.csv", "ImageId beyond int32", field(3, 0, "9" * 5000), ["row 3, column ImageId"]),
    ("test.csv", "ImageId twice", field(4, 0, "1"),
     ["row 4, column ImageId", "1 again (first in row 2)"]),
    ("test.csv", "a training file", lambda lines: as_bytes(training_lines()), ["row 1"]),
    # IdLookupTable.csv
    ("IdLookupTable.csv", "RowId twice", field(4, 0, "2"),
     ["row 4, column RowId", "2 again (first in row 3)"]),
    ("IdLookupTable.csv", "RowId missing", line(4, "9,3,nose_tip_x"),
     ["column RowId", "no RowId 3"]),
    ("IdLookupTable.csv", "no RowId", field(4, 0, ""), ["row 4, column RowId", "found nothing"]),
    ("IdLookupTable.csv", "no ImageId", field(4, 1, ""),
     ["row 4, column ImageId", "found nothing"]),
    ("IdLookupTable.csv", "unknown feature", field(4, 2, "nose_tip_z"),
     ["row 4, column FeatureName", "'nose_tip_z'"]),
    ("IdLookupTable.csv", "asked twice", field(3, 2, "left_eye_center_x"),
     ["row 3, column FeatureName", "left_eye_center_x of image 1 again"]),
    ("IdLookupTable.csv", "a field too many", line(3, "2,1,left_eye_center_y,,"),
     ["row 3", "5 fields"]),
    ("IdLookupTable.csv", "a field too few", line(3, "2,1"), ["row 3", "2 fields"]),
]


@pytest.mark.parametrize("name, change, words", [(f[0], f[2], f[3]) for f in FAULTS],
                         ids=[f"{f[0]}: {f[1]}" for f in FAULTS])
def test_fault_in_a_file(folder, name, change, words):
    (folder / name).write_bytes(change(LINES[name]()))
    refused(LOAD[name], folder, name, *words)


def test_lookup_row_for_an_image_that_test_csv_lacks(folder):
    refused(lambda f: data.load_lookup(f, [1, 2], f.parent / "cache"), folder,
            "IdLookupTable.csv, row 4, column ImageId", "image 3, which test.csv lacks")


@pytest.mark.parametrize("name", LOAD)
def test_missing_file(folder, name):
    (folder / name).unlink()
    assert "download" in refused(LOAD[name], folder, f"{name} is missing")


@pytest.mark.parametrize("name", LOAD)
def test_a_gzip_is_no_reason_for_synthetic_faces(folder, name):
    for other in LOAD:
        (folder / other).unlink()
    (folder / f"{name}.gz").write_bytes(b"\x1f\x8b\x08")
    refused(LOAD[name], folder, f"{name}.gz", "a gzip file", "gunzip")


@pytest.mark.parametrize("content, words", [
    (b"$\\frac{$", ["row 1", "dollar signs"]), (None, ["cannot be read", "mend or delete it"])])
def test_a_label_that_cannot_stand_in_a_figure(folder, content, words):
    if content is None:
        (folder / "label.txt").mkdir()
    else:
        (folder / "label.txt").write_bytes(content)
    refused(data.load_lookup, folder, "label.txt", *words)


def a_directory(path):
    path.mkdir()


def a_symlink_loop(path):
    path.symlink_to(path)


def a_dangling_symlink(path):
    path.symlink_to("nothing")


def a_pipe(path):
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["training.csv", "training.zip", "IdLookupTable.csv",
                                  "facial-keypoints-detection.zip"])
@pytest.mark.parametrize("put, words", [
    (a_directory, "a directory"), (a_symlink_loop, "symbolic links"),
    (a_dangling_symlink, "No such file"), (a_pipe, "a device or pipe")])
def test_no_regular_file_in_a_files_place(folder, name, put, words):
    (folder / "training.csv").unlink()
    (folder / "IdLookupTable.csv").unlink()
    put(folder / name)
    load = data.load_lookup if name.startswith("Id") else data.load_training
    refused(load, folder, name, words)


def test_folder_that_is_none(folder, tmp_path):
    refused(lambda f: data.load_training(f / "training.csv"), folder, "training.csv",
            "Not a directory")
    remedies = refused(lambda f: data.load_training(f / "absent"), folder, "absent", "No such file")
    assert remedies == ("data",)
    refused(lambda f: data.load_training("with\0nul"), folder, "with\\x00nul")
    (tmp_path / "loop").symlink_to("loop")
    refused(lambda f: data.load_training(tmp_path / "loop"), folder, "loop", "symbolic links")


def test_folder_whose_name_is_not_utf8(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    folder = tmp_path / os.fsdecode(b"caf\xe9\n\x1b[0m")
    folder.mkdir()
    write_folder(folder)
    assert len(data.load_training(folder).X) == 3
    (folder / "test.csv").write_bytes(b"")
    refused(data.load_test, folder, "caf\\xe9\\n\\x1b[0m", "test.csv")


# Zips ------------------------------------------------------------------------------------------

TRAINING = as_bytes(training_lines())


def packed(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    write_zip(buffer, members, compression)
    return bytearray(buffer.getvalue())


def flipped():
    content = packed([("training.csv", TRAINING)])
    content[len(content) // 2] ^= 0xFF
    return content


def wrong_crc():
    content = packed([("training.csv", TRAINING)], zipfile.ZIP_STORED)
    at = content.index(b" 7 ")
    content[at + 1] = ord("8")
    return content


def encrypted():
    content = packed([("training.csv", TRAINING)])
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return content


def declared_size(size):
    content = packed([("training.csv", TRAINING)])
    at = content.rindex(b"PK\x01\x02") + 24
    content[at:at + 4] = struct.pack("<I", size)
    return content


ZIP_FAULTS = {
    "empty": (b"", "damaged or cut-off"),
    "not a zip": (TRAINING, "damaged or cut-off"),
    "cut off": (packed([("training.csv", TRAINING)])[:-100], "damaged or cut-off"),
    "flipped byte": (flipped(), "training.csv"),
    "wrong checksum": (wrong_crc(), "damaged or cut-off zip (Bad CRC-32"),
    "path traversal": (packed([("../../training.csv", TRAINING)]), "'../../training.csv'"),
    "traversal beside": (packed([("training.csv", TRAINING), ("..\\x", b"")]), "points out"),
    "absolute path": (packed([("/training.csv", TRAINING)]), "'/training.csv'"),
    "drive": (packed([("C:/training.csv", TRAINING)]), "'C:/training.csv'"),
    "no such member": (packed([("test.csv", TRAINING)]), "0 members named training.csv"),
    "a folder in the zip": (packed([("training.csv/", b"")]), "0 members named training.csv"),
    "encrypted": (encrypted(), "an encrypted member"),
    "other compression": (packed([("training.csv", TRAINING)], zipfile.ZIP_LZMA), "method 14"),
    "bomb": (packed([("training.csv", b"0" * 2**25)]), "33554432 bytes packed into"),
    "huge declared size": (declared_size(2**32 - 2), "4294967294 bytes packed into"),
    "declared smaller than it is": (declared_size(50000), "training.csv"),
    "a fault inside": (packed([("training.csv", TRAINING.replace(b" 7 ", b" x ", 1))]),
                       "training.zip > training.csv, row 2, column Image"),
}


@pytest.mark.parametrize("name", ZIP_FAULTS)
def test_fault_in_a_zip(folder, name):
    content, words = ZIP_FAULTS[name]
    (folder / "training.csv").unlink()
    (folder / "training.zip").write_bytes(content)
    refused(data.load_training, folder, "training.zip", words)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice(folder):
    (folder / "training.csv").unlink()
    write_zip(folder / "training.zip", [("training.csv", TRAINING), ("training.csv", TRAINING)])
    refused(data.load_training, folder, "training.zip", "2 members named training.csv")


COMPETITION_FAULTS = {
    "not a zip": (b"no zip", "damaged or cut-off"),
    "file missing": (packed([("test.csv", b"")]), "neither training.csv nor training.zip"),
    "broken zip inside": (packed([("training.zip", b"no zip")]), "training.zip: found a damaged"),
    "traversal inside": (packed([("training.zip", packed([("../training.csv", TRAINING)]))]),
                         "training.zip: found a member named '../training.csv'"),
    "bomb inside": (packed([("training.zip", b"0" * 2**25)]), "training.zip: found 33554432 bytes"),
    "cut-off inside": (packed([("training.zip", packed([("training.csv", TRAINING)])[:-30])]),
                       "training.zip: found a damaged"),
}


@pytest.mark.parametrize("name", COMPETITION_FAULTS)
def test_fault_in_the_competition_zip(folder, name):
    content, words = COMPETITION_FAULTS[name]
    (folder / "training.csv").unlink()
    (folder / "facial-keypoints-detection.zip").write_bytes(content)
    refused(data.load_training, folder, "facial-keypoints-detection.zip", words)


def test_more_bytes_than_believable(folder, monkeypatch):
    monkeypatch.setattr(sources, "MAX_CSV_BYTES", 1000)
    refused(data.load_training, folder, "training.csv", "more than 1000 bytes")
    (folder / "training.csv").unlink()
    (folder / "training.zip").write_bytes(packed([("training.csv", TRAINING)]))
    refused(data.load_training, folder, "training.zip", "bytes packed into", "at most 1000 bytes")


def test_same_zip_bytes_cut_anywhere(folder):
    """Whatever is lost at the end of a zip, the error is a DataError."""
    (folder / "training.csv").unlink()
    whole = packed([("training.csv", TRAINING)])
    for keep in range(0, len(whole), 1499):
        (folder / "training.zip").write_bytes(whole[:keep])
        refused(data.load_training, folder, "training.zip")
