"""Splits: the paper's sizes, reproducible, disjoint, groups whole; and near-duplicates."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp.data import holdout, kfold, near_duplicate_groups, splits
from facekp.data.splits import split_images
from facekp.errors import ConfigError
from facekp.settings import Settings


def test_holdout_has_the_papers_sizes():
    train, valid = holdout(2140)
    assert (len(train), len(valid)) == (1712, 428)
    assert sorted(np.concatenate([train, valid])) == list(range(2140))


def test_splits_are_frozen():
    """RandomState(0).permutation(10) is 2 8 4 9 1 6 7 3 0 5, on every machine."""
    assert holdout(10)[1].tolist() == [2, 8]
    assert [valid.tolist() for _, valid in kfold(10)] == [[2, 8], [4, 9], [1, 6], [3, 7], [0, 5]]
    assert holdout(10, seed=1)[1].tolist() == [2, 9]


def test_first_fold_of_five_is_the_holdout():
    np.testing.assert_array_equal(kfold(2140, 5, seed=3)[0][1], holdout(2140, 0.2, seed=3)[1])


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 60), st.integers(2, 6), st.integers(0, 99))
def test_folds_partition_the_samples(n, k, seed):
    if k > n:
        return
    folds = kfold(n, k, seed)
    assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(n))
    sizes = [len(valid) for _, valid in folds]
    assert max(sizes) - min(sizes) <= 1
    for train, valid in folds:
        assert sorted(np.concatenate([train, valid])) == list(range(n))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=12, max_size=60), st.integers(2, 5), st.integers(0, 99))
def test_groups_stay_on_one_side(groups, k, seed):
    groups = np.array(groups)
    sizes = np.bincount(groups)
    if (sizes > 0).sum() < k:
        return
    folds = kfold(len(groups), k, seed, groups)
    assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(len(groups)))
    for train, valid in folds + [holdout(len(groups), 0.3, seed, groups)]:
        assert len(train) and len(valid)
        assert not set(groups[train]) & set(groups[valid])
    lengths = [len(valid) for _, valid in folds]
    assert max(lengths) - min(lengths) <= sizes.max()


def test_groups_among_many_singles_keep_the_sizes():
    groups = np.arange(200)
    groups[:24] = 0
    groups[30:49] = 1
    train, valid = holdout(200, groups=groups)
    assert (len(train), len(valid)) == (160, 40)
    assert [len(valid) for _, valid in kfold(200, groups=groups)] == [40] * 5


def test_group_larger_than_the_validation_set():
    train, valid = holdout(10, 0.1, groups=np.repeat([0, 1], [6, 4]))
    assert valid.tolist() == [6, 7, 8, 9]


@pytest.mark.parametrize("split, named", [
    (lambda: holdout(10, 0), "fraction: found 0"), (lambda: holdout(10, 1.0), "fraction: found 1"),
    (lambda: holdout(10, float("nan")), "fraction: found nan"),
    (lambda: holdout(1), "holdout: found 1 samples"),
    (lambda: holdout(10, 0.01), "holdout: found 10 samples"),
    (lambda: holdout(10, groups=np.zeros(10)), "holdout: found 10 samples in 1 groups"),
    (lambda: holdout(10, groups=np.zeros(9)), r"groups: found shape \(9,\)"),
    (lambda: kfold(10, 1), "folds: found 1;"), (lambda: kfold(10, 11), "folds: found 11;"),
    (lambda: kfold(10, 3, groups=np.repeat([0, 1], 5)), "folds: found 3;"),
    (lambda: kfold(0, 2), "folds: found 2;")])
def test_impossible_splits_are_refused(split, named):
    with pytest.raises(ConfigError, match=named):
        split()


def faces(n, seed):
    """n unlike smooth pictures (n, 1, 96, 96) with gray levels k / 255."""
    coarse = np.random.RandomState(seed).randint(40, 200, (n, 1, 12, 12))
    return coarse.repeat(8, axis=2).repeat(8, axis=3).astype(np.float32) / 255


def test_near_duplicates_are_found():
    X = faces(6, 0)
    noisy = X + np.random.RandomState(1).randint(-5, 6, X.shape) / 255
    darker = np.rint(X * 255 * 0.5) / 255
    groups = near_duplicate_groups(np.concatenate([X, noisy[[4, 0]], darker[[2]]]))
    assert groups.tolist() == [0, 1, 2, 3, 4, 5, 4, 0, 2]


def test_chain_of_near_duplicates_is_one_group():
    """Neighbours correlate by more than 0.95, the ends of the chain by less."""
    a, b = faces(2, 0)
    X = np.stack([np.rint((a * (1 - t) + b * t) * 255) / 255 for t in (0, 0.19, 0.34)])
    correlation = np.corrcoef(X.reshape(3, -1))
    assert correlation[0, 2] < 0.95 < min(correlation[0, 1], correlation[1, 2])
    assert near_duplicate_groups(X).tolist() == [0, 0, 0]
    assert near_duplicate_groups(X[[0, 2]]).tolist() == [0, 1]


def test_thumbnails_compare_exactly_in_float32():
    """Products of any two stay below 2**24, where float32 counts in ones."""
    from facekp.data.splits import UNIT, _thumbnails

    X = np.concatenate([faces(20, 0), np.eye(96, dtype=np.float32)[None, None]])
    thumbnails = _thumbnails(X)
    np.testing.assert_array_equal(thumbnails, np.rint(thumbnails))
    exact = thumbnails.astype(np.int64) @ thumbnails.astype(np.int64).T
    assert exact.max() < 2**24
    np.testing.assert_array_equal(thumbnails @ thumbnails.T, exact)
    np.testing.assert_allclose(np.diag(exact), UNIT**2, rtol=0.01)


def test_even_images_are_like_nothing():
    X = np.concatenate([np.zeros((2, 1, 96, 96), np.float32), faces(1, 0)])
    assert near_duplicate_groups(X).tolist() == [0, 1, 2]
    assert near_duplicate_groups(X[:0]).tolist() == []


def test_groups_across_blocks():
    """More images than one block of the comparison holds."""
    X = faces(1100, 0)
    X[1090] = X[5]
    X[1030] = X[1025]
    X[800] = X[700]
    groups = near_duplicate_groups(X)
    assert groups[1090] == groups[5] == 5
    assert groups[1030] == groups[1025]
    assert groups[800] == groups[700] == 700
    assert len(set(groups)) == 1097


# ---- as the settings say -----------------------------------------------------------------------


def before_there_were_indices(n, settings):
    """What a run's split was made of: all images, or all images and mirror images, in k folds."""
    mirrored_first = settings.split == "after-mirroring"
    train, valid = kfold(2 * n if mirrored_first else n, 5, settings.seed)[settings.fold]
    marks = np.arange(n)
    marks = np.concatenate([marks, n + marks]) if mirrored_first else marks
    train, valid = marks[train], marks[valid]
    if settings.augment and not mirrored_first:
        train = np.concatenate([train, n + train])
    return train, valid


@pytest.mark.parametrize("options", [
    {}, {"augment": ("mirror",)}, {"split": "after-mirroring", "augment": ("mirror",)}])
def test_images_and_their_order_are_those_of_runs_made_before(options):
    for seed in (0, 1, 2**32 - 1):
        for fold in range(5):
            settings = Settings("lenet5", seed=seed, fold=fold, **options)
            for found, expected in zip(split_images(143, settings),
                                       before_there_were_indices(143, settings)):
                np.testing.assert_array_equal(found, expected)


def test_all_images_are_trained_on_and_said_to_be_validation_images():
    train, valid = splits.split_images(7, Settings("lenet5", split="all-images",
                                                   augment=("mirror",)))
    np.testing.assert_array_equal(train, np.arange(14))
    np.testing.assert_array_equal(valid, np.arange(7))
    with pytest.raises(ConfigError, match="fold: found 1"):
        Settings("lenet5", split="all-images", fold=1)


def test_grouped_split_keeps_groups_on_a_side_and_mirrors_the_training_images():
    groups = np.arange(60) // 3
    for fold in range(5):
        settings = Settings("lenet5", split="grouped", augment=("mirror",), fold=fold)
        train, valid = split_images(60, settings, groups)
        assert not set(groups[train % 60]) & set(groups[valid]) and valid.max() < 60
        np.testing.assert_array_equal(train[len(train) // 2:], train[:len(train) // 2] + 60)
        assert len(train) // 2 + len(valid) == 60


@pytest.mark.parametrize("n, options, groups, words", [
    (4, {}, None, "folds: found 5 for 4 images"),
    (20, {"split": "grouped"}, None, "groups: found none"),
    (20, {"split": "grouped"}, np.zeros(20, int), "folds: found 5; expected 2 to 1"),
    (20, {"split": "grouped"}, np.arange(19), "groups: found shape")])
def test_a_split_that_cannot_be(n, options, groups, words):
    with pytest.raises(ConfigError, match=words):
        split_images(n, Settings("lenet5", **options), groups)


def test_groups_are_computed_once_for_the_same_images(monkeypatch):
    calls = []
    monkeypatch.setattr(splits, "near_duplicate_groups", lambda X: calls.append(X) or len(calls))
    X, other = np.zeros((2, 1, 96, 96)), np.zeros((3, 1, 96, 96))
    assert [splits.groups_of(each) for each in (X, X, other, X)] == [1, 1, 2, 3]
