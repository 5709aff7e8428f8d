"""What must hold for any input: scaling, mirror images, splits, submissions, stored arrays."""
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kaggle_csv import read_submission

from facekp import files, keypoints
from facekp.data import mirror
from facekp.nets import weights
from facekp.runs import submission
from facekp.training import one_run
from facekp.data import Lookup, splits
from facekp.settings import Settings

few = settings(derandomize=True, deadline=None, max_examples=20)
px = st.floats(0, 96, width=32)
faces = st.integers(2, 12).flatmap(lambda n: st.tuples(
    hnp.arrays(np.float32, (n, 1, 96, 96), elements=st.floats(0, 1, width=32), fill=st.just(0.5)),
    hnp.arrays(np.float32, (n, 30), elements=px)))


@few
@given(hnp.arrays(np.float32, (2, 30), elements=st.one_of(px, st.just(float("nan")))))
def test_scaling_is_undone_keeps_order_and_stays_in_range(y_px):
    scaled = keypoints.scale(y_px)
    np.testing.assert_allclose(keypoints.unscale(scaled), y_px, atol=1e-5)
    assert not (np.abs(scaled) > 1).any()
    order = np.argsort(y_px, axis=None, kind="stable")
    assert not (np.diff(scaled.ravel()[order]) < 0).any()


@few
@given(faces)
def test_mirroring_twice_is_nothing_and_once_swaps_left_and_right(case):
    X, y_px = case
    np.testing.assert_array_equal(mirror.flip_images(mirror.flip_images(X)), X)
    np.testing.assert_allclose(mirror.flip_keypoints(mirror.flip_keypoints(y_px)), y_px,
                               atol=1e-5)
    flipped = mirror.flip_keypoints(y_px)
    for i, name in enumerate(keypoints.KEYPOINTS):
        j = keypoints.KEYPOINTS.index(name.replace("left", "~").replace("right", "left")
                                      .replace("~", "right"))
        np.testing.assert_array_equal(flipped[:, 2 * j], np.float32(95) - y_px[:, 2 * i])
        np.testing.assert_array_equal(flipped[:, 2 * j + 1], y_px[:, 2 * i + 1])


@few
@given(faces)
def test_augmentation_appends_mirror_images_and_changes_nothing_else(case):
    X, y_px = case
    X2, y2_px = mirror.with_mirror_images(X, y_px)
    n = len(X)
    np.testing.assert_array_equal(X2[:n], X)
    np.testing.assert_array_equal(y2_px[:n], y_px)
    np.testing.assert_array_equal(X2[n:, ..., ::-1], X)
    np.testing.assert_array_equal(np.sort(y2_px[n:, 1::2]), np.sort(y_px[:, 1::2]))  # renamed


@few
@given(st.integers(2, 300), st.data())
def test_folds_part_the_samples(n, data):
    k = data.draw(st.integers(2, min(n, 10)))
    seed = data.draw(st.integers(0, 2**32 - 1))
    folds = splits.kfold(n, k, seed)
    assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(n))
    sizes = [len(valid) for _, valid in folds]
    assert max(sizes) - min(sizes) <= 1
    for train, valid in folds:
        assert sorted([*train, *valid]) == list(range(n))


@few
@given(st.lists(st.integers(0, 12), min_size=12, max_size=100), st.integers(0, 99))
def test_no_group_is_on_both_sides(groups, seed):
    groups = np.array(groups)
    k = min(3, len(set(groups.tolist())))
    if k >= 2:
        for train, valid in splits.kfold(len(groups), k, seed, groups):
            assert len(train) + len(valid) == len(groups)
            assert not set(groups[train]) & set(groups[valid])


@few
@given(st.integers(5, 40), st.integers(0, 2**32 - 1), st.integers(0, 4),
       st.sampled_from(["none", "split-then-mirror", "mirror-then-split"]))
def test_a_face_is_on_one_side_unless_the_protocol_says_otherwise(n, seed, fold, protocol):
    """A face's mirror image is on its side too, but where images are mirrored before the split."""
    X = np.zeros((n, 1, 96, 96), np.float32)
    X[:, 0, 0, 0] = X[:, 0, 0, 95] = np.arange(n)         # which face, legible in the mirror too
    parts = one_run.split(X, np.zeros((n, 30), np.float32),
                          Settings.from_dict({"model": "lenet5", "mirror": protocol, "seed": seed,
                                              "fold": fold}))
    train, valid = parts.X_train[:, 0, 0, 0].astype(int), parts.X_valid[:, 0, 0, 0].astype(int)
    copies = np.bincount(np.concatenate([train, valid]), minlength=n)
    assert (copies >= 1).all() and set(copies) <= {1, 2}
    assert len(parts.twin_in_train) == len(valid)
    if protocol == "mirror-then-split":
        np.testing.assert_array_equal(parts.twin_in_train, np.isin(valid, train))
    else:
        assert not set(train) & set(valid) and not parts.twin_in_train.any()


@few
@given(hnp.arrays(np.float32, (3, 30), elements=st.floats(-200, 300, width=32)), st.data())
def test_a_submission_reads_back_clipped_and_in_the_tables_order(y_px, data):
    asked = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 29)), min_size=1,
                               max_size=90, unique=True))
    row_ids = data.draw(st.permutations(range(1, len(asked) + 1)))
    ids = np.array([7, 900, 3])
    rows, columns = np.array(asked).T
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "submission.csv")
        submission.write_submission(path, y_px, ids, Lookup(np.array(row_ids), ids[rows], columns,
                                                            {}))
        found_ids, values = read_submission(path)
        assert list(Path(folder).iterdir()) == [path]
    np.testing.assert_array_equal(found_ids, row_ids)
    np.testing.assert_allclose(values, np.clip(y_px[rows, columns].astype(float), 0, 96),
                               atol=5.1e-7)


arrays = st.dictionaries(
    st.text(min_size=1, max_size=8),
    hnp.arrays(st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_]),
               hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)), max_size=4)
meta = st.recursive(
    st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values,
                                                                  max_size=3), max_leaves=8)


@few
@given(arrays, meta)
def test_a_checkpoint_reads_back_bit_for_bit(values, extra):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint")
        files.write_arrays(path, values, {"extra": extra})
        found, found_meta = files.read_arrays(path)
    assert list(found) == list(values)
    for name, value in values.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert found[name].tobytes() == value.tobytes()
    assert repr(found_meta) == repr({"extra": extra})  # NaN equals itself


@few
@given(st.dictionaries(st.from_regex(r"[a-z0-9_.]{1,8}", fullmatch=True),
                       hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0,
                                                               max_side=4)),
                       min_size=1, max_size=4).filter(lambda values: "file" not in values))
def test_weights_read_back_bit_for_bit(values):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.npz")
        weights.save_weights(path, values)
        found = weights.load_weights(path, {name: v.shape for name, v in values.items()})
    assert {name: v.tobytes() for name, v in found.items()} == {
        name: v.tobytes() for name, v in values.items()}
