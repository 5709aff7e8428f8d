"""Training on transformed images: the same whatever the batches, threads and interruptions."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from dataclasses import replace

import numpy as np
import pytest
from core_tools import CLASSIC, faces
from fused_tools import omp_threads
from lasagne.objectives import squared_error

from facekp import keypoints
from facekp.augmentation import Augmentation
from facekp.data.transforms import draw, transform
from facekp.nets.losses import masked_squared_error
from facekp.nets.models import build
from facekp.nets.net import GivenSplit, ShuffledBatches
from facekp.training import augmented_batches
from facekp.training.augmented_batches import AugmentedBatches

WORDS = ("mirror=0.5", "rotate=30", "scale=0.2", "shift=20", "crop=0.2", "brightness=0.1",
         "contrast=0.3", "noise=0.02", "blur=0.7")
ALL = Augmentation.parse(WORDS)


@pytest.fixture(scope="module")
def data():
    X, y_px = faces(21)
    y_px[3, 4:6] = np.nan
    return X, keypoints.scale(y_px)


def epoch_of(iterator, X, y, epoch=1):
    """The images of an epoch by their place in X, and the order in which they came."""
    iterator.epoch = epoch - 1
    batches = list(iterator(X, y))
    found = [np.empty((len(X),) + array.shape[1:], array.dtype) for array in batches[0]]
    for k in (0, 1):
        found[k][iterator.order] = np.concatenate([batch[k] for batch in batches])
    return found


@pytest.mark.parametrize("fused", [True, False])
def test_batches_are_what_transforms_make_of_an_epoch(data, fused):
    X, y = data
    X_new, y_new = epoch_of(AugmentedBatches(8, 5, ALL, fused), X, y, epoch=3)
    expected, y_px = transform(X, keypoints.unscale(y.astype(float)),
                               draw(ALL, 5, 3, np.arange(len(X))))
    np.testing.assert_allclose(X_new, expected, atol=5e-6)
    np.testing.assert_array_equal(y_new, keypoints.scale(y_px).astype(np.float32))
    assert X_new.dtype == y_new.dtype == np.float32
    assert 2 < np.isnan(y_new).sum() < y_new.size / 2  # some keypoints left, most did not


def test_the_size_of_batches_and_the_threads_change_no_bit(data):
    expected = epoch_of(AugmentedBatches(8, 0, ALL), *data)
    for batch_size, threads in ((1, 1), (5, 2), (21, 3), (128, 1)):
        with omp_threads(threads):
            found = epoch_of(AugmentedBatches(batch_size, 0, ALL), *data)
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one, other)


def test_other_epochs_and_seeds_are_other_images(data):
    first = epoch_of(AugmentedBatches(8, 0, ALL), *data)[0]
    for seed, epoch in ((0, 2), (1, 1)):
        other = epoch_of(AugmentedBatches(8, seed, ALL), *data, epoch=epoch)[0]
        assert (abs(other - first).max(axis=(1, 2, 3)) > 0.05).all()


def test_the_order_is_that_of_plain_batches_and_the_arrays_stay(data):
    X, y = data
    before = X.copy(), y.copy()
    plain, augmented = ShuffledBatches(8, 3), AugmentedBatches(8, 3, ALL)
    for iterator in (plain, augmented):
        for Xb, yb in iterator(X, y):
            Xb[:], yb[:] = -1, -1
    np.testing.assert_array_equal(plain.order, augmented.order)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("words, batches, loss", [
    ((), ShuffledBatches, squared_error), (("mirror",), ShuffledBatches, squared_error),
    (("mirror", "noise=0.1"), AugmentedBatches, squared_error),
    (("rotate=5",), AugmentedBatches, masked_squared_error)])
def test_a_net_gets_what_its_settings_need_and_no_more(words, batches, loss):
    settings = replace(CLASSIC, augment=words)
    net = build(settings)
    augmented_batches.use(net, settings)
    assert type(net.batch_iterator_train) is batches
    assert net.objective_loss_function is loss
    assert net.batch_iterator_train.batch_size == settings.batch_size


def test_a_run_that_goes_on_is_an_undisturbed_one(data):
    """The state of augmentation is the number of the epoch."""
    X, y = data
    settings = replace(CLASSIC, augment=WORDS, batch_size=8)
    net = build(settings)
    augmented_batches.use(net, settings)
    net.train_split = GivenSplit(X[:4], y[:4])
    net.on_epoch_finished = []
    net.verbose = 0
    net.initialize()
    first = {name: variable.get_value() for name, variable in net.state().items()}

    def trained(*epochs):
        for name, variable in net.state().items():
            variable.set_value(first[name])
        net.train_history_, done = [], 0
        for n in epochs:
            net.batch_iterator_train = AugmentedBatches(8, 0, ALL)  # as in another process
            net.batch_iterator_train.epoch = done
            net.train_loop(X, y, epochs=n)
            done += n
        return [variable.get_value() for variable in net.state().values()]

    undisturbed = trained(3)
    for one, other in zip(undisturbed, trained(1, 2)):
        np.testing.assert_array_equal(one, other)
    losses = [row["train_loss"] for row in net.train_history_]
    assert np.isfinite(losses).all() and len(set(losses)) == 3
    assert any((one != other).any() for one, other in zip(undisturbed, first.values()))
