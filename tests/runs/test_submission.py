"""Kaggle's submission: which numbers, in which order, and what is refused."""
import numpy as np
import pytest

from facekp import data, files
from facekp.runs import submission
from facekp.data import Lookup
from facekp.errors import DataError, RunError
from facekp.runs.folder import Run

IDS = np.array([7, 3])                       # test.csv's order
Y = np.arange(60, dtype=np.float32).reshape(2, 30)


def lookup(row_ids, image_ids, columns):
    return Lookup(np.array(row_ids), np.array(image_ids), np.array(columns), {})


def test_each_row_gets_its_images_and_columns_value():
    table = lookup([1, 2, 3, 4], [3, 7, 7, 3], [0, 29, 1, 1])
    np.testing.assert_array_equal(submission.locations(Y, IDS, table), [30, 29, 1, 31])


def test_values_are_clipped_to_the_image():
    y_pred = np.full((1, 30), 50.0)
    y_pred[0, :2] = -3, 200
    table = lookup([1, 2, 3], [5, 5, 5], [0, 1, 2])
    np.testing.assert_array_equal(submission.locations(y_pred, [5], table), [0, 96, 50])


def test_an_image_that_was_not_predicted():
    with pytest.raises(DataError, match=r"ImageId 8 \(and 1 more\) that test.csv does not have"):
        submission.locations(Y, IDS, lookup([1, 2, 3], [7, 9, 8], [0, 0, 0]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_no_number(value):
    y_pred = Y.copy()
    y_pred[1, 4] = value
    with pytest.raises(DataError, match=f"prediction for RowId 22 is {value}"):
        submission.locations(y_pred, IDS, lookup([21, 22], [7, 3], [4, 4]))
    submission.locations(y_pred, IDS, lookup([21], [7], [4]))  # nobody asks for the bad one


def test_the_file_is_kaggles_format(tmp_path):
    path = tmp_path / "submission.csv"
    table = lookup([5, 2], [7, 3], [1, 0])
    y_pred = Y + np.float32(0.125)
    assert submission.write_submission(path, y_pred, IDS, table) == 2
    assert path.read_bytes() == b"RowId,Location\n5,1.125000\n2,30.125000\n"


def test_no_file_when_a_prediction_is_bad(tmp_path):
    with pytest.raises(DataError):
        submission.write_submission(tmp_path / "s.csv", Y * np.nan, IDS, lookup([1], [7], [0]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff"])
def test_a_damaged_sha256_is_a_fault_of_its_run(content, tmp_path):
    submission.keep(tmp_path, Y, "12ab")
    np.testing.assert_array_equal(submission.kept(Run(tmp_path))[0], Y)
    (tmp_path / submission.SHA256).write_bytes(content)
    with pytest.raises(RunError, match=f"{submission.SHA256}: cannot be read"):
        submission.kept(Run(tmp_path))


def test_predictions_of_images_in_another_order_are_not_kept(tmp_path):
    """Who reads them takes row k for image k + 1."""
    run = Run(tmp_path)
    run.submission.write_text("RowId,Location\n1,40\n")
    files.write_npz(run.predictions, {"y_pred_test": Y, "image_ids": np.array([1, 2])})
    np.testing.assert_array_equal(submission.kept(run)[0], Y)
    for ids in ([2, 1], IDS):
        files.write_npz(run.predictions, {"y_pred_test": Y, "image_ids": np.array(ids)})
        with pytest.raises(RunError, match="predictions.npz: "):
            submission.kept(run)


def test_predictions_of_fewer_images_than_there_are(tmp_path):
    run = Run(tmp_path)
    files.write_json(run.config, {"test_data": {"test.csv": "12ab"}})
    files.write_npz(run.predictions, {"y_pred_test": Y})
    test = data.Test(np.zeros((2, 1, 96, 96), np.float32), IDS, {"files": {"test.csv": "12ab"}})
    np.testing.assert_array_equal(submission.predictions_of(run, test), Y)
    files.write_npz(run.predictions, {"y_pred_test": Y[:1]})
    with pytest.raises(RunError, match="holds no predictions of these test images"):
        submission.predictions_of(run, test)
