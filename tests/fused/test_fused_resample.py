"""The compiled kernel for transformed images: numpy's pixels, whatever the threads and batches."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads

from facekp.augmentation import Augmentation
from facekp.data import transforms
from facekp.data.transforms import draw, kernel_input
from facekp.fused import resample_ops, status
from facekp.fused.resample_ops import Resample

ALL = Augmentation.parse("mirror=0.5,rotate=12,scale=0.12,shift=5,crop=0.1,brightness=0.15,"
                         "contrast=0.3,noise=0.02,blur=0.7")


@pytest.fixture(scope="module")
def compiled():
    inputs = T.ftensor4("X"), T.lmatrix("whole"), T.fmatrix("tone"), T.fmatrix("weights")
    return theano.function(inputs, Resample()(*inputs), mode=status.mode())


@pytest.fixture
def X(random):
    return random.rand(7, 1, 96, 96).astype(np.float32)


@pytest.mark.parametrize("words", [
    "", "mirror=1", "rotate=180", "scale=1", "shift=48", "crop=0.75", "brightness=1", "contrast=1",
    "noise=1", "blur=0.3", "blur=5", ",".join(ALL.words)])
def test_its_pixels_are_numpy_s(compiled, X, words):
    given = kernel_input(draw(Augmentation.parse(words), 3, 2, np.arange(7)))
    expected = transforms.resample(X, given)
    found = compiled(X, *given)
    assert found.shape == X.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=5e-6)


def test_no_change_is_exact(compiled, X):
    for augmentation in (Augmentation(), Augmentation(blur=5, noise=1)):
        done = draw(augmentation, 0, 1, np.arange(7))
        done = done._replace(blur=np.zeros(7), noise=np.zeros(7))
        np.testing.assert_array_equal(compiled(X, *kernel_input(done)), X)
    mirrored = kernel_input(draw(Augmentation(mirror=1.0), 0, 1, np.arange(7)))
    np.testing.assert_array_equal(compiled(X, *mirrored), X[:, :, :, ::-1])


@pytest.mark.parametrize("height, width", [(2, 2), (5, 17), (33, 40)])
def test_images_of_any_size(compiled, random, height, width):
    X = random.rand(3, 1, height, width).astype(np.float32)
    given = kernel_input(draw(ALL, 0, 1, np.arange(3)))
    np.testing.assert_allclose(compiled(X, *given), transforms.resample(X, given), atol=5e-6)


def test_threads_and_batches_change_no_bit(compiled, X):
    done = draw(ALL, 0, 1, np.arange(7))
    expected = compiled(X, *kernel_input(done))
    for threads in (1, 2, 5):
        with omp_threads(threads):
            found = [compiled(X[rows], *kernel_input(done.of(rows)))
                     for rows in (slice(0, 3), slice(3, 4), slice(4, 7))]
        np.testing.assert_array_equal(np.concatenate(found), expected)


def test_no_image(compiled):
    given = kernel_input(draw(ALL, 0, 1, np.arange(0)))
    assert compiled(np.zeros((0, 1, 96, 96), np.float32), *given).shape == (0, 1, 96, 96)


def test_arrays_that_do_not_belong_together_are_refused(compiled, X):
    whole, tone, weights = kernel_input(draw(ALL, 0, 1, np.arange(7)))
    for wrong in ((whole[:6], tone, weights), (whole, tone[:, :2], weights),
                  (whole, tone, weights[:, :0])):
        with pytest.raises(ValueError, match="expected \\(n, 1, height, width\\)"):
            compiled(X, *wrong)
    with pytest.raises(ValueError, match="expected \\(n, 1, height, width\\)"):
        compiled(X[:, :, :1], whole, tone, weights)


def test_a_map_that_leads_far_away_is_refused(compiled, X):
    whole, tone, weights = kernel_input(draw(ALL, 0, 1, np.arange(7)))
    whole[4, 2] = 2**31
    with pytest.raises(ValueError, match="the map of image 4 of the batch"):
        compiled(X, whole, tone, weights)


def test_numpy_takes_its_place_where_the_fused_path_is_off(X, monkeypatch):
    given = kernel_input(draw(ALL, 0, 1, np.arange(7)))
    monkeypatch.setenv("FACEKP_FUSED", "0")
    np.testing.assert_array_equal(resample_ops.resample(X, given), transforms.resample(X, given))
