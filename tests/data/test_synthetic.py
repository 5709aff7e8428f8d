"""The synthetic faces: reproducible, in Kaggle's format, labelled where the picture shows it."""
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from facekp import data
from facekp.data import synthetic
from facekp.data.synthetic import camera, dataset, face, generator, head, labels, people, scene
from facekp.errors import DataError
from facekp.keypoints import COLUMNS, FLIP, KEYPOINTS

FILES = {"training.csv", "test.csv", "IdLookupTable.csv", "SampleSubmission.csv",
         "TestTruth.csv", "label.txt"}


@pytest.fixture(scope="module")
def drawn():
    return synthetic.generate(96, seed=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return synthetic.write(tmp_path_factory.mktemp("set") / "faces", seed=2, n_train=40, n_test=30)


def some_people(n=12, seed=0):
    return people.draw_people(np.random.default_rng(seed), n)


# --- drawing -------------------------------------------------------------------------------------

def test_a_seed_gives_the_same_faces_whatever_their_number():
    images, y = synthetic.generate(10, seed=3)
    again, y_again = synthetic.generate(7, seed=3)
    np.testing.assert_array_equal(images[:7], again)
    np.testing.assert_array_equal(y[:7], y_again)
    assert images.dtype == np.uint8 and images.shape == (10, 96, 96)
    assert y.dtype == np.float32 and y.shape == (10, 30)


def test_these_are_the_faces_of_version_1():
    images, y = synthetic.generate(16, seed=0)
    found = hashlib.sha256(images.tobytes() + y.tobytes()).hexdigest()
    expected = 1, "a492a552af9d59ac"
    assert (dataset.VERSION, found[:16]) == expected, "other faces need another VERSION"


def test_seed_and_stream_and_scheme_give_other_people():
    first = synthetic.generate(4, seed=3)[0]
    for other in (dict(seed=4), dict(seed=3, stream=1), dict(seed=3, scheme=2)):
        assert (synthetic.generate(4, **other)[0] != first).mean() > 0.5


def test_several_processes_draw_the_same_faces(monkeypatch):
    images, y = synthetic.generate(13, seed=5)
    monkeypatch.setattr(generator, "_FEW", 0)
    by_processes, y_by_processes = synthetic.generate(13, seed=5)
    np.testing.assert_array_equal(images, by_processes)
    np.testing.assert_array_equal(y, y_by_processes)


def test_a_drawing_process_that_fails_is_reported(monkeypatch):
    monkeypatch.setattr(generator, "_FEW", 0)
    monkeypatch.setattr(generator, "_CHILD", "import sys; sys.exit(1)")
    with pytest.raises(DataError, match="drawing process"):
        synthetic.generate(5, seed=5)


def test_faces_are_placed_and_spread_like_tight_frontal_crops(drawn):
    images, y = drawn
    mean = y.mean(0)
    middle = {name: mean[2 * i:2 * i + 2] for i, name in enumerate(KEYPOINTS)}
    for name, place in dict(
            left_eye_center=(66, 37), right_eye_center=(30, 37), left_eye_inner_corner=(59, 38),
            left_eye_outer_corner=(73, 38), right_eyebrow_inner_end=(39, 29), nose_tip=(48, 57),
            left_eyebrow_outer_end=(80, 30), mouth_right_corner=(33, 76),
            mouth_center_top_lip=(48, 73), mouth_center_bottom_lip=(48, 83)).items():
        np.testing.assert_allclose(middle[name], place, atol=2, err_msg=name)
    rmse_of_mean_face = np.sqrt(((y - mean) ** 2).mean())
    assert 2.7 < rmse_of_mean_face < 3.7
    assert 0.8 < (y.std(0) / 3.2).mean() < 1.2


def test_images_use_the_range_of_grays(drawn):
    images, _ = drawn
    assert 95 < images.mean() < 145
    assert 35 < images.reshape(len(images), -1).std(1).mean() < 60
    assert images.min() < 10 and images.max() == 255


def test_eyes_are_dark_where_the_labels_say(drawn):
    images, y = drawn
    for eye in ("left_eye_center", "right_eye_center"):
        i = 2 * KEYPOINTS.index(eye)
        x0, y0 = np.rint(y[:, i]).astype(int), np.rint(y[:, i + 1]).astype(int)
        centre = [im[b - 1:b + 2, a - 1:a + 2].mean() for im, a, b in zip(images, x0, y0)]
        cheek = [im[b + 10:b + 13, a - 1:a + 2].mean() for im, a, b in zip(images, x0, y0)]
        assert (np.array(centre) < 0.8 * np.array(cheek)).mean() > 0.85


def test_pixels_show_the_part_of_the_head_that_the_labels_name():
    t = some_people(24)
    x, y = scene._axes(t)
    surface = head.Surface(t, x, y, head.face_relief)
    u, v = face.keypoints_on_head(t)
    nearest = np.rint(face.labels(t)).astype(int).clip(0, 95)
    pick = np.arange(len(u))[:, None], nearest[..., 1], nearest[..., 0]
    miss = np.hypot(surface.u[pick] - u, surface.v[pick] - v)
    assert np.median(miss) < 0.7  # within the pixel
    assert (miss < 2.5).mean() > 0.95  # near the edge of the head a pixel spans more


def test_a_point_of_the_head_by_hand():
    t = some_people(1)
    t.width[:], t.height[:], t.depth[:] = 36, 50, 42
    t.rotation = head.rotation(np.array([0.3]), np.array([0.0]), np.array([0.0]))
    t.scale[:], t.shift[:] = 1.1, (48, 40)
    u, v = np.array([[18.0]]), np.array([[-40.0]])  # a bare place of the forehead
    z = 42 * np.sqrt(1 - 0.25 - 0.64)
    np.testing.assert_allclose(head.points(t, u, v)[0, 0], (18, -40, z), rtol=1e-6)
    place = (48 + 1.1 * (18 * np.cos(0.3) + z * np.sin(0.3)), 40 - 1.1 * 40)
    np.testing.assert_allclose(head.project(t, head.points(t, u, v))[0, 0], place, rtol=1e-6)


def test_a_mirrored_person_has_mirrored_labels_and_picture():
    t = some_people(8)
    seen, y = scene.draw(t), face.labels(t).reshape(8, 30)
    mirror = np.diag([-1.0, 1.0, 1.0])
    t.rotation = mirror @ t.rotation @ mirror
    t.shift = np.stack([95 - t.shift[:, 0], t.shift[:, 1]], 1)
    for name in ("light_x", "gaze_u", "part_u", "back_tilt"):
        setattr(t, name, -getattr(t, name))
    y[:, 0::2] = 95 - y[:, 0::2]
    np.testing.assert_allclose(face.labels(t).reshape(8, 30), y[:, FLIP], atol=1e-3)
    difference = np.abs(scene.draw(t)[:, :, ::-1] - seen)  # strands and mottles are not mirrored
    assert np.median(difference) < 0.02 and difference.mean() < 0.06


def test_coding_keeps_a_flat_image_and_coarsens_detail():
    flat = np.full((1, 96, 96), 130.0)
    assert np.abs(camera._jpeg(flat, np.full((1, 1, 1), 1.0)) - flat).max() < 1
    grain = flat + np.random.default_rng(0).integers(-20, 20, flat.shape)
    fine, coarse = (camera._jpeg(grain, np.full((1, 1, 1), q)) for q in (0.5, 5.0))
    assert np.abs(fine - grain).mean() < np.abs(coarse - grain).mean() < 15


# --- labels --------------------------------------------------------------------------------------

def test_second_scheme_marks_four_points_elsewhere_with_a_less_steady_hand():
    points = np.full((4000, 15, 2), 50.0)
    first, second = (labels.annotate(np.random.default_rng(k), points, k).reshape(-1, 15, 2) - 50
                     for k in (1, 2))
    np.testing.assert_allclose(first.std((0, 1)), 0.4, rtol=0.05)
    np.testing.assert_allclose(second.std(0), 0.9, rtol=0.1)
    np.testing.assert_allclose(first.mean((0, 1)), 0, atol=0.02)
    shift = second.mean(0)[[KEYPOINTS.index(name) for name in labels.FOUR]]
    np.testing.assert_allclose(shift, [(0, 1), (0, 1), (0, 6), (0, -4)], atol=0.1)


def test_missing_values_follow_kaggles_counts():
    n_first, labelled = labels.missing_pattern(
        np.random.default_rng(0), labels.TRAINING_ROWS, 7049)
    assert labelled.all(1).sum() == 2140
    assert n_first == 2284 and not labelled[n_first:].all(1).any()
    per_column = dict(zip(COLUMNS, labelled.sum(0)))
    assert per_column["nose_tip_x"] == per_column["nose_tip_y"] == 7049
    assert 7020 < per_column["left_eye_center_x"] < 7049
    assert 2240 < per_column["mouth_left_corner_y"] < 2284
    assert 2190 < per_column["left_eyebrow_outer_end_x"] < 2260


def test_lookup_asks_for_as_many_values_as_kaggles():
    _, asked = labels.missing_pattern(np.random.default_rng(0), labels.TEST_ROWS, 1783)
    assert asked.sum() == 27124
    assert (asked.sum(1) == 8).sum() == 1190 and asked.all(1).sum() == 556


def test_small_sets_keep_the_proportions():
    _, labelled = labels.missing_pattern(np.random.default_rng(0), labels.TRAINING_ROWS, 70)
    assert 18 <= labelled.all(1).sum() <= 23
    assert 44 <= (labelled.sum(1) == 8).sum() <= 48


# --- files ---------------------------------------------------------------------------------------

def test_a_complete_set_has_every_label_and_the_same_faces(tmp_path):
    folder = synthetic.ensure(tmp_path / "faces", seed=2, n_train=8, n_test=10, complete=True)
    training, (_, y) = data.load_training(folder), synthetic.generate(8, seed=2)
    np.testing.assert_array_equal(training.y, y)
    lookup = data.load_lookup(folder)  # the test images are as Kaggle's
    assert len(lookup.row_ids) < 10 * len(COLUMNS)
    with pytest.raises(DataError, match="already holds something"):
        synthetic.ensure(folder, seed=2, n_train=8, n_test=10)


def test_folder_loads_as_kaggles_does(folder, tmp_path):
    assert {p.name for p in folder.iterdir()} == FILES
    training = data.load_training(folder, cache_dir=tmp_path)
    n_first, labelled = labels.missing_pattern(
        np.random.default_rng((2, 0)), labels.TRAINING_ROWS, 40)
    images, y = synthetic.generate(n_first, seed=2)
    np.testing.assert_array_equal(np.rint(training.X[:n_first, 0] * 255), images)
    np.testing.assert_array_equal(training.y[:n_first], np.where(labelled[:n_first], y, np.nan))
    np.testing.assert_array_equal(np.isfinite(training.y), labelled)
    assert training.provenance["kind"] == "synthetic"
    assert training.provenance["label"] == "synthetic faces"
    assert data.load_test(folder, cache_dir=tmp_path).image_ids.tolist() == list(range(1, 31))


def test_lookup_sample_and_truth_agree(folder):
    lookup = data.load_lookup(folder)
    truth = np.genfromtxt(str(folder / "TestTruth.csv"), delimiter=",", names=True)
    assert truth.dtype.names == ("ImageId",) + COLUMNS
    values = np.array(truth.tolist())
    assert values.shape == (30, 31) and np.isfinite(values).all()
    assert lookup.row_ids.tolist() == list(range(1, len(lookup.row_ids) + 1))
    assert (folder / "IdLookupTable.csv").read_bytes().startswith(
        b"RowId,ImageId,FeatureName,Location\r\n1,1,left_eye_center_x\r\n")
    sample = (folder / "SampleSubmission.csv").read_text().splitlines()
    assert sample[0] == "RowId,Location" and sample[-1] == "{},0".format(lookup.row_ids[-1])
    n_first, asked = labels.missing_pattern(np.random.default_rng((2, 1)), labels.TEST_ROWS, 30)
    np.testing.assert_array_equal(lookup.image_ids, np.nonzero(asked)[0] + 1)
    np.testing.assert_array_equal(lookup.columns, np.nonzero(asked)[1])
    _, y = synthetic.generate(30 - n_first, seed=2, scheme=2, stream=1)
    np.testing.assert_allclose(values[n_first:, 1:], y, atol=1e-4)


def test_training_csv_reads_as_plain_text(folder):
    header, first, *_ = (folder / "training.csv").read_text().splitlines()
    assert header == ",".join(COLUMNS) + ",Image"
    pixels = first.split(",")[-1].split(" ")
    assert len(pixels) == 96 * 96 and all(0 <= int(p) <= 255 for p in pixels)


def test_ensure_writes_once(tmp_path, monkeypatch):
    folder = synthetic.ensure(tmp_path / "a" / "faces", n_train=3, n_test=2)
    before = (folder / "training.csv").stat().st_mtime_ns
    monkeypatch.setattr(dataset, "write", None)
    assert synthetic.ensure(folder, n_train=3, n_test=2) == folder
    assert (folder / "training.csv").stat().st_mtime_ns == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="already holds something"):
        synthetic.ensure(tmp_path, n_train=3, n_test=2)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt
    monkeypatch.setattr(dataset, "_write_test", fail)
    with pytest.raises(KeyboardInterrupt):
        synthetic.write(tmp_path / "faces", n_train=3, n_test=2)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    names = {name: tmp_path / f".faces-{name * 12}" for name in "abc"}
    for stale in names.values():
        stale.mkdir()
        (stale / "training.csv").write_text("half")
    for name in "ab":
        os.utime(names[name], (1, 1))  # long ago
    lock = dataset._locked(names["b"])  # its process lives; "c" was made just now
    synthetic.write(tmp_path / "faces", n_train=3, n_test=2)
    os.close(lock)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".faces-" + "b" * 12, ".faces-" + "c" * 12, "faces"]


def test_two_processes_at_once_leave_one_whole_set(tmp_path):
    code = ("import sys; from facekp.data import synthetic; "
            "synthetic.ensure(sys.argv[1], n_train=12, n_test=4)")
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "faces")])
            for _ in range(2)]
    assert [p.wait() for p in both] == [0, 0]
    assert [p.name for p in tmp_path.iterdir()] == ["faces"]
    assert {p.name for p in (tmp_path / "faces").iterdir()} == FILES
    again = synthetic.write(tmp_path / "again", n_train=12, n_test=4)
    for name in FILES:
        assert (again / name).read_bytes() == (tmp_path / "faces" / name).read_bytes()
