"""The loader on good files: exact values, zips, accepted variations, provenance, the default."""
import csv
import hashlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kaggle_csv import (LOOKUP_LINES, as_bytes, gray, pixels_text, test_lines, training_lines,
                        write_folder, write_zip)

from facekp import data
from facekp.data import folder as data_folder
from facekp.data import pixels
from facekp.data.csvfile import read_rows
from facekp.data.pixels import parse_pixels
from facekp.data.values import parse_coordinates
from facekp.errors import DataError
from facekp.keypoints import COLUMNS


def test_training_is_what_the_csv_module_reads(folder):
    training = data.load_training(folder)
    rows = list(csv.DictReader((folder / "training.csv").open()))
    X = np.array([[int(p) for p in row["Image"].split()] for row in rows]) / 255
    y = [[float(row[column] or "nan") for column in COLUMNS] for row in rows]
    np.testing.assert_array_equal(training.X, X.reshape(3, 1, 96, 96).astype(np.float32))
    np.testing.assert_array_equal(training.y, np.array(y, np.float32))
    assert training.X.dtype == training.y.dtype == np.float32
    assert training.rows.tolist() == [2, 3, 4]
    assert np.isnan(training.y[1, 4:]).all()


def test_complete_only_keeps_row_numbers(folder):
    training = data.load_training(folder, complete_only=True)
    assert training.rows.tolist() == [2, 4]
    np.testing.assert_array_equal(training.X[1], data.load_training(folder).X[2])
    assert not np.isnan(training.y).any()


def test_no_complete_row_is_an_error(folder):
    lines = training_lines()
    (folder / "training.csv").write_bytes(as_bytes([lines[0], lines[2]]))
    assert data.load_training(folder).y.shape == (1, 30)
    with pytest.raises(DataError, match="all 15 keypoints"):
        data.load_training(folder, complete_only=True)


def test_out_of_face_coordinates_are_kept_and_counted(folder):
    lines = training_lines()
    fields = lines[1].split(",")
    fields[:4] = ["-0.5", "96", "96.01", "1.5e2"]
    (folder / "training.csv").write_bytes(as_bytes([lines[0], ",".join(fields), lines[2]]))
    training = data.load_training(folder)
    assert training.out_of_face == 3
    assert training.y[0, 3] == 150


def test_test_set_and_lookup_table(folder):
    test = data.load_test(folder)
    lookup = data.load_lookup(folder, test.image_ids)
    np.testing.assert_array_equal(test.X * 255, gray(3, seed=1).reshape(3, 1, 96, 96))
    assert test.image_ids.tolist() == [1, 2, 3]
    assert lookup.row_ids.tolist() == [1, 2, 3, 4]
    assert lookup.image_ids.tolist() == [1, 1, 3, 3]
    assert [COLUMNS[c] for c in lookup.columns] == [
        "left_eye_center_x", "left_eye_center_y", "nose_tip_x", "mouth_center_bottom_lip_y"]


@pytest.mark.parametrize("lines", [
    [line + "," * (i > 0) for i, line in enumerate(LOOKUP_LINES)],
    [line.replace(",Location", "") for line in LOOKUP_LINES],
    [LOOKUP_LINES[0]] + [line + ",12.5" for line in LOOKUP_LINES[1:]],
], ids=["empty location", "no location", "location"])
def test_lookup_table_with_or_without_location(folder, lines):
    (folder / "IdLookupTable.csv").write_bytes(as_bytes(lines))
    assert data.load_lookup(folder).row_ids.tolist() == [1, 2, 3, 4]


def reordered(lines):
    return [",".join(reversed(line.split(","))) for line in lines]


HARMLESS = {
    "crlf": lambda lines: "\r\n".join(lines + [""]).encode(),
    "no newline at the end": lambda lines: "\n".join(lines).encode(),
    "byte-order mark": lambda lines: b"\xef\xbb\xbf" + as_bytes(lines),
    "blank lines at the end": lambda lines: as_bytes(lines + ["", ""]),
    "columns in another order": lambda lines: as_bytes(reordered(lines)),
    "spaces around the names": lambda lines: as_bytes([lines[0].replace(",", " , ")] + lines[1:]),
    "leading zeros": lambda lines: as_bytes(lines).replace(b" 7 ", b" 0007 "),
    "several spaces": lambda lines: as_bytes(lines).replace(b" 7 ", b"  7   "),
    "space at the end": lambda lines: as_bytes([lines[0]] + [s + " " for s in lines[1:]]),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_variations_give_the_same_arrays(folder, name):
    expected = data.load_training(folder), data.load_test(folder)
    (folder / "training.csv").write_bytes(HARMLESS[name](training_lines()))
    (folder / "test.csv").write_bytes(HARMLESS[name](test_lines()))
    found = data.load_training(folder), data.load_test(folder)
    for one, other in zip(expected, found):
        np.testing.assert_array_equal(one.X, other.X)
        np.testing.assert_array_equal(one[1], other[1])
        assert one.provenance["files"] != other.provenance["files"]


def in_own_zips(folder):
    for name in ("training", "test"):
        write_zip(folder / f"{name}.zip", [(f"{name}.csv", (folder / f"{name}.csv").read_bytes())])
        (folder / f"{name}.csv").unlink()


def in_competition_zip(folder):
    members = [(name, (folder / name).read_bytes())
               for name in ("training.csv", "test.csv", "IdLookupTable.csv")]
    for name, _ in members:
        (folder / name).unlink()
    write_zip(folder / "facial-keypoints-detection.zip", members)


def in_zips_in_the_competition_zip(folder):
    in_own_zips(folder)
    members = [(name, (folder / name).read_bytes())
               for name in ("training.zip", "test.zip", "IdLookupTable.csv")]
    for name, _ in members:
        (folder / name).unlink()
    write_zip(folder / "facial-keypoints-detection.zip", members, zipfile.ZIP_STORED)


@pytest.mark.parametrize("pack", [in_own_zips, in_competition_zip, in_zips_in_the_competition_zip])
def test_zips_give_the_same_as_plain_files(folder, pack):
    def load():
        return data.load_training(folder), data.load_test(folder), data.load_lookup(folder)

    plain = load()
    pack(folder)
    before = set(folder.rglob("*.csv"))
    for loaded in (load(), load()):  # parsed, then cached
        for one, other in zip(plain, loaded):
            assert one.provenance == other.provenance
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
    assert set(folder.rglob("*.csv")) == before, "nothing is extracted"


def test_provenance_names_whose_files_these_are(folder):
    sha256 = hashlib.sha256((folder / "training.csv").read_bytes()).hexdigest()
    assert data.load_training(folder).provenance == {
        "kind": "kaggle", "label": "data without a name", "files": {"training.csv": sha256}}
    for name, rows, label in (("training.csv", 7049, "Kaggle's files"),
                              ("test.csv", 1784, "data without a name")):
        assert data_folder.provenance(folder, name, sha256, rows)["label"] == label
    (folder / "label.txt").write_bytes(b" recovered \x1b[31mcopy\r\nsecond line")
    provenance = data.load_test(folder).provenance
    assert provenance["label"] == "recovered \\x1b[31mcopy"
    assert provenance["kind"] == "kaggle"
    (folder / "label.txt").write_text("synthetic faces (seed 0)\n")
    assert data.load_lookup(folder).provenance["kind"] == "synthetic"


def test_folder_without_kaggle_files_gives_the_synthetic_default(tmp_path, monkeypatch, caplog):
    from facekp.data import synthetic

    def ensure(folder):
        folder.mkdir(exist_ok=True)
        (folder / "label.txt").write_text("synthetic faces\n")
        return write_folder(folder)

    monkeypatch.setattr(synthetic, "ensure", ensure)
    monkeypatch.chdir(tmp_path)
    data_folder._synthetic.cache_clear()
    data_folder._warn.cache_clear()
    (tmp_path / "empty").mkdir()
    (tmp_path / "data").mkdir()
    assert data.resolve("data/synthetic").samefile("data/synthetic")
    assert not caplog.records  # asked for by name: nothing to warn about
    assert data.resolve().samefile("data/synthetic")
    assert data.resolve("empty").samefile("data/synthetic")
    assert data.resolve("empty").samefile("data/synthetic")
    assert data.load_training("empty").provenance["kind"] == "synthetic"
    said = [record.getMessage() for record in caplog.records]
    assert len([s for s in said if s.startswith("empty ") and "synthetic faces" in s]) == 1
    data_folder._synthetic.cache_clear()
    data_folder._warn.cache_clear()


def test_folder_with_some_files_is_not_replaced_by_the_default(folder):
    (folder / "training.csv").unlink()
    assert data.resolve(folder) == folder
    with pytest.raises(DataError, match="training.csv is missing"):
        data.load_training(folder)


coordinate = st.one_of(st.just(""), st.floats(-96, 192, width=32).map(repr),
                       st.floats(0, 96).map("{:.10f}".format))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1),
                          st.lists(coordinate, min_size=30, max_size=30)), min_size=1, max_size=4),
       st.permutations(range(31)), st.sampled_from(["\n", "\r\n"]))
def test_round_trip_of_random_files(faces, order, newline):
    images = np.stack([gray(1, seed)[0] for seed, _ in faces])
    rows = [COLUMNS + ("Image",)] + [tuple(y) + (pixels_text(image),)
                                     for image, (_, y) in zip(images, faces)]
    text = newline.join(",".join(row[i] for i in order) for row in rows)
    rows, fields = zip(*read_rows(io.BufferedReader(io.BytesIO(text.encode())), "f", rows[0]))
    assert rows == tuple(range(2, len(faces) + 2))
    np.testing.assert_array_equal(parse_pixels([f[-1] for f in fields], rows, "f"), images)
    y = np.array([[float(c or "nan") for c in y] for _, y in faces]).astype(np.float32)
    np.testing.assert_array_equal(parse_coordinates([f[:-1] for f in fields], rows, "f"), y)


def test_pixels_of_every_width_pattern_are_exact():
    """By the vectorised pass itself, which hands any doubt to the slow one."""
    widths = np.array([7, 42, 255, 0, 10, 99, 100, 199, 200, 249, 250])
    images = np.stack([np.resize(np.roll(widths, i), 9216) for i in range(70)]).astype(np.uint8)
    fields = [pixels_text(image).encode() for image in images]
    np.testing.assert_array_equal(pixels._parse_at_once(fields), images)


# ---- labels of the test images -------------------------------------------------------------------


def truth_lines(ids=(3, 1, 2)):
    return [",".join(("ImageId",) + COLUMNS)] + [
        f"{i},," + ",".join(f"{10 * i + k / 100}" for k in range(1, 30)) for i in ids]


def test_labels_of_test_images_are_there_where_the_folder_has_them(folder):
    assert data.load_test(folder).y is None
    (folder / "TestTruth.csv").write_bytes(as_bytes(truth_lines()))
    y = data.load_test(folder).y
    assert y.dtype == np.float32 and y.shape == (3, 30) and np.isnan(y[:, 0]).all()
    np.testing.assert_allclose(y[:, 1:], 10 * np.arange(1, 4)[:, None] + np.arange(1, 30) / 100)


@pytest.mark.parametrize("lines, words", [
    (truth_lines((1, 3)), "column ImageId: found no row for image 2"),
    (truth_lines((1, 2, 3, 2)), "row 5, column ImageId: found 2 again"),
    (truth_lines()[:2] + ["1,x" + ",1" * 29], "row 3, column left_eye_center_x: found 'x'"),
    (truth_lines()[1:], "row 1")])
def test_labels_of_test_images_with_a_fault(lines, words, folder):
    (folder / "TestTruth.csv").write_bytes(as_bytes(lines))
    with pytest.raises(DataError) as caught:
        data.load_test(folder)
    message = str(caught.value)
    assert "TestTruth.csv" in message and words in message and "\n" not in message


def test_those_of_synthetic_faces(tmp_path):
    place = data.synthetic.write(tmp_path / "faces", n_train=2, n_test=4)
    y = data.load_test(place, cache_dir=tmp_path).y
    truth = np.genfromtxt(str(place / "TestTruth.csv"), delimiter=",", skip_header=1)
    np.testing.assert_allclose(y, truth[:, 1:], rtol=1e-6)


def test_complete_images_of_loaded_ones(folder):
    everything, alone = data.load_training(folder), data.load_training(folder, complete_only=True)
    found = data.only_complete(everything)
    np.testing.assert_array_equal(found.X, alone.X)
    np.testing.assert_array_equal(found.y, alone.y)
    assert (found.rows.tolist(), found.out_of_face, found.provenance) == (
        alone.rows.tolist(), alone.out_of_face, alone.provenance)
    assert data.only_complete(alone) is alone
    everything.y[:, 3] = np.nan
    with pytest.raises(DataError, match="no row with all 15 keypoints"):
        data.only_complete(everything)


def test_a_folder_with_training_csv_alone_has_nothing_unlabelled(folder):
    (folder / "IdLookupTable.csv").unlink()
    test, lookup = data.load_unlabelled(folder)
    assert len(test.X) and lookup is None
    (folder / "test.csv").write_text("no table")
    with pytest.raises(DataError):  # what is there is not overlooked
        data.load_unlabelled(folder)
    (folder / "test.csv").unlink()
    assert data.load_unlabelled(folder) == (None, None)


def test_test_csv_alone_serves_a_submission(folder):
    (folder / "training.csv").unlink()
    test, lookup = data.load_unlabelled(folder)
    assert set(lookup.image_ids) <= set(test.image_ids)
