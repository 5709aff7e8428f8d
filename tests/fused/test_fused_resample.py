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

ROWS = np.arange(7)


@pytest.fixture(scope="module")
def compiled():
    inputs = T.ftensor4(), T.lvector(), T.lmatrix(), T.fmatrix(), T.fmatrix()
    return theano.function(inputs, Resample()(*inputs), mode=status.mode())


@pytest.fixture
def X(random):
    return random.rand(7, 1, 96, 96).astype(np.float32)


@pytest.mark.parametrize("words", [
    "", "mirror=1", "rotate=180", "scale=1", "shift=48", "crop=0.75", "brightness=1", "contrast=1",
    "noise=1", "blur=0.3", "blur=5", ",".join(ALL.words)])
def test_its_pixels_are_numpy_s(compiled, X, words):
    given = kernel_input(draw(Augmentation.parse(words), 3, 2, ROWS))
    expected = transforms.resample(X, ROWS, given)
    found = compiled(X, ROWS, *given)
    assert found.shape == X.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=5e-6)


def test_no_change_is_exact(compiled, X):
    for augmentation in (Augmentation(), Augmentation(blur=5, noise=1)):
        done = draw(augmentation, 0, 1, ROWS)
        done = done._replace(blur=np.zeros(7), noise=np.zeros(7))
        np.testing.assert_array_equal(compiled(X, ROWS, *kernel_input(done)), X)
    mirrored = kernel_input(draw(Augmentation(mirror=1.0), 0, 1, ROWS))
    np.testing.assert_array_equal(compiled(X, ROWS, *mirrored), X[:, :, :, ::-1])


@pytest.mark.parametrize("height, width", [(2, 2), (5, 17), (33, 40)])
def test_images_of_any_size(compiled, random, height, width):
    X = random.rand(7, 1, height, width).astype(np.float32)
    given = kernel_input(draw(ALL, 0, 1, ROWS))
    np.testing.assert_allclose(compiled(X, ROWS, *given), transforms.resample(X, ROWS, given),
                               atol=5e-6)


def test_threads_and_batches_change_no_bit(compiled, X):
    given = kernel_input(draw(ALL, 0, 1, ROWS))
    expected = compiled(X, ROWS, *given)
    for threads in (1, 2, 5):
        with omp_threads(threads):
            found = [compiled(X, rows, *given.of(rows))
                     for rows in (np.array([6, 2, 0]), ROWS[3:4], np.array([5, 1]))]
        np.testing.assert_array_equal(np.concatenate(found), expected[[6, 2, 0, 3, 5, 1]])


def test_no_image(compiled):
    nothing = np.arange(0)
    given = kernel_input(draw(ALL, 0, 1, nothing))
    assert compiled(np.zeros((0, 1, 96, 96), np.float32), nothing, *given).shape == (0, 1, 96, 96)


def test_an_image_that_is_not_there_is_refused(compiled, X):
    given = kernel_input(draw(ALL, 0, 1, ROWS))
    for number in (-1, 7):
        with pytest.raises(ValueError, match=f"rows: found {number}; expected 0 to 6"):
            compiled(X, np.where(ROWS == 3, number, ROWS), *given)


def test_arrays_that_do_not_belong_together_are_refused(compiled, X):
    whole, tone, weights = kernel_input(draw(ALL, 0, 1, ROWS))
    for wrong in ((whole[:6], tone, weights), (whole, tone[:, :2], weights),
                  (whole, tone, weights[:, :0])):
        with pytest.raises(ValueError, match="expected \\(images, 1, height, width\\)"):
            compiled(X, ROWS, *wrong)
    with pytest.raises(ValueError, match="expected \\(images, 1, height, width\\)"):
        compiled(X[:, :, :1], ROWS, whole, tone, weights)


def test_a_map_that_leads_far_away_is_refused(compiled, X):
    whole, tone, weights = kernel_input(draw(ALL, 0, 1, ROWS))
    whole[4, 2] = 2**31
    with pytest.raises(ValueError, match="the map of image 4 of the batch"):
        compiled(X, ROWS, whole, tone, weights)


def test_numpy_takes_its_place_where_the_fused_path_is_off(X, monkeypatch):
    given = kernel_input(draw(ALL, 0, 1, ROWS))
    monkeypatch.setenv("FACEKP_FUSED", "0")
    np.testing.assert_array_equal(resample_ops.resample(X, ROWS, given),
                                  transforms.resample(X, ROWS, given))
