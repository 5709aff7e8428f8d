"""The pixels of transformed images: they go where the keypoints go, once interpolated."""
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from facekp.augmentation import Augmentation
from facekp.data import mirror as mirror_images
from facekp.data.transforms import draw, kernel_input, move_keypoints, resample, transform
from facekp.data.transforms import geometry
from facekp.data.transforms.draw import Changes
from facekp.data.transforms.kernel_input import MIDDLE, UNIT, blur_weights
from facekp.data.transforms.resample import noise_bytes


ROWS = np.arange(3)


def changes(maps, gain=1.0, offset=0.0, noise=0.0, key=1, blur=0.0, radius=0):
    n = len(maps)
    return Changes(maps, np.full(n, gain), np.full(n, offset), np.full(n, noise),
                   np.arange(key, key + n), np.full(n, blur), radius)


def still(n=1):
    return np.tile(np.eye(2, 3), (n, 1, 1))


@pytest.fixture
def X(random):
    return random.rand(3, 1, 96, 96).astype(np.float32)


def dot(x, y, sigma=2.5):
    """A bright dot on black, its centroid at (x, y) px."""
    grid = np.arange(96)
    image = np.exp(-(grid - x)**2 / (2 * sigma**2)) * np.exp(
        -(grid[:, np.newaxis] - y)**2 / (2 * sigma**2))
    return image[np.newaxis, np.newaxis].astype(np.float32)


def centroid(image):
    grid = np.arange(96)
    return (image.sum(axis=0) @ grid / image.sum(), image.sum(axis=1) @ grid / image.sum())


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 2**32 - 1), st.floats(25, 70), st.floats(25, 70))
def test_a_drawn_dot_lands_where_its_keypoint_says(seed, x, y):
    """Where the whole dot is seen: of one at the edge, the repeated edge pixels are seen, too."""
    every = Augmentation.parse("mirror=0.5,rotate=180,scale=0.5,shift=15,crop=0.3,contrast=0.3,"
                               "brightness=0.1")
    y_px = np.full((1, 30), np.nan)
    y_px[0, 20:22] = x, y                                    # the tip of the nose: no other side
    done = draw(every, seed, 1, np.arange(1))
    image, found = transform(dot(x, y), y_px, done)
    reach = 3.5 * 2.5 * np.sqrt(abs(np.linalg.det(done.maps[0, :, :2])))
    expected = done.maps[0] @ (x, y, 1)
    assume((expected > reach).all() and (expected < 95 - reach).all())
    np.testing.assert_allclose(found[0, 20:22], expected)
    bright = np.where(image[0, 0] > image[0, 0].min() + 0.05, image[0, 0] - image[0, 0].min(), 0)
    np.testing.assert_allclose(centroid(bright.astype(float)), expected, atol=0.05)
    assert np.isnan(found).sum() == 28


def test_no_change_is_exact(X):
    y_px = np.full((3, 30), 95.9, np.float32)
    found, y_found = transform(X, y_px, changes(still(3)))
    np.testing.assert_array_equal(found, X)
    np.testing.assert_array_equal(y_found, y_px)
    assert not np.shares_memory(found, X) and found.dtype == np.float32


def test_a_mirror_is_exact_and_twice_it_is_nothing(X):
    y_px = np.full((3, 30), 40, np.float32)
    mirrored = changes(geometry.mirror(np.ones(3, bool)))
    once, y_once = transform(X, y_px, mirrored)
    np.testing.assert_array_equal(once, mirror_images.flip_images(X))
    np.testing.assert_array_equal(y_once, mirror_images.flip_keypoints(y_px))
    twice, y_twice = transform(once, y_once, mirrored)
    np.testing.assert_array_equal(twice, X)
    np.testing.assert_array_equal(y_twice, y_px)


def test_whole_pixels_of_shift_are_exact_and_edges_are_repeated(X):
    found = resample(X, ROWS, kernel_input(changes(geometry.shift(np.full(3, 3), np.full(3, -2)))))
    np.testing.assert_array_equal(found[:, :, :-2, 3:], X[:, :, 2:, :-3])
    np.testing.assert_array_equal(found[:, :, :-2, :3], np.repeat(X[:, :, 2:, :1], 3, axis=3))
    np.testing.assert_array_equal(found[:, :, -1], found[:, :, -3])


def test_interpolation_is_scipy_s_linear_one(X):
    maps = draw(Augmentation.parse("mirror=0.5,rotate=40,scale=0.5,shift=20,crop=0.3"), 3, 1,
                np.arange(3)).maps
    found = resample(X, ROWS, kernel_input(changes(maps)))
    for image, map_, one in zip(X[:, 0], geometry.inverse(maps), found[:, 0]):
        (a, b, c), (d, e, f) = map_
        expected = ndimage.affine_transform(image.astype(float), [[e, d], [b, a]], (f, c), order=1,
                                            mode="nearest")
        np.testing.assert_allclose(one, expected, atol=1e-4)  # 3e-5 px, and twice that in slope


def test_the_kernels_positions_are_those_of_the_map():
    maps = draw(Augmentation.parse("rotate=180,scale=1,shift=48,crop=0.75"), 0, 1,
                np.arange(200)).maps
    whole = kernel_input(changes(maps)).whole
    back = geometry.inverse(maps)
    for x, y in ((0, 0), (95, 0), (0, 95), (95, 95), (40, 60)):
        expected = back @ (x, y, 1)
        for axis in (0, 1):
            w = whole[:, 3 * axis:3 * axis + 3]
            position = w @ (x - MIDDLE, y - MIDDLE, 1)
            np.testing.assert_allclose(position / UNIT, expected[:, axis], rtol=0, atol=3e-5)
            assert abs(position).max() < 2**31


def test_contrast_is_about_the_mean_and_gray_levels_stay_in_range(X):
    X = (0.3 + 0.2 * X)
    mean = X.mean(axis=(1, 2, 3), keepdims=True)
    found = resample(X, ROWS, kernel_input(changes(still(3), gain=1.5, offset=0.1)))
    np.testing.assert_allclose(found, mean + 1.5 * (X - mean) + 0.1, atol=1e-6)
    strong = resample(X, ROWS, kernel_input(changes(still(3), gain=9.0)))
    np.testing.assert_allclose(strong, np.clip(mean + 9 * (X - mean), 0, 1), atol=1e-5)
    assert strong.min() == 0 and strong.max() == 1


def test_blur_is_scipy_s(X):
    found = resample(X, ROWS, kernel_input(changes(still(3), blur=0.8, radius=3)))
    expected = ndimage.gaussian_filter(X.astype(float), (0, 0, 0.8, 0.8), mode="nearest",
                                       truncate=3 / 0.8)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_blur_by_nothing_is_exact(X):
    found = resample(X, ROWS, kernel_input(changes(still(3), blur=0.0, radius=6)))
    np.testing.assert_array_equal(found, X)
    weights = blur_weights(np.array([0.0, 1.0, 2.0]), 6)
    np.testing.assert_allclose(weights[:, 0] + 2 * weights[:, 1:].sum(axis=1), 1, atol=1e-6)
    assert weights[0].tolist() == [1] + [0] * 6


def test_noise_has_its_standard_deviation_and_no_pattern():
    gray = np.full((200, 1, 96, 96), 0.5, np.float32)
    noise = resample(gray, np.arange(200), kernel_input(changes(still(200), noise=0.04))) - 0.5
    n = noise.size
    assert abs(noise.mean()) < 5 * 0.04 / np.sqrt(n)
    assert abs(noise.std() / 0.04 - 1) < 5 / np.sqrt(n)
    pixels = noise.reshape(200, -1)
    for one, other in ((pixels[:, 1:], pixels[:, :-1]), (pixels[:, 96:], pixels[:, :-96]),
                       (pixels[1:], pixels[:-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(n)


def test_noise_is_the_hash_written_down_again():
    def scalar(key, pixel):
        h = (pixel * 0x9E3779B9 + key) % 2**32
        h = (h ^ h >> 16) * 0x7FEB352D % 2**32
        h = (h ^ h >> 15) * 0x846CA68B % 2**32
        h ^= h >> 16
        return sum(h.to_bytes(4, "little")) - 510
    for key in (0, 1, 2**32 - 1):
        assert noise_bytes(key, 50).tolist() == [scalar(key, pixel) for pixel in range(50)]


def test_the_callers_arrays_stay(X):
    y_px = np.full((3, 30), 40, np.float32)
    before = X.copy(), y_px.copy()
    every = Augmentation.parse("mirror=0.5,rotate=12,noise=0.1,blur=1,contrast=0.5")
    transform(X, y_px, draw(every, 0, 1, np.arange(3)))
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y_px, before[1])


def test_nothing_of_an_image_depends_on_its_neighbours(X):
    every = Augmentation.parse("mirror=0.5,rotate=12,crop=0.2,noise=0.1,blur=1,contrast=0.5")
    given_all = kernel_input(draw(every, 0, 1, ROWS))
    together = resample(X, ROWS, given_all)
    for i in range(3):
        rows = np.array([i])
        np.testing.assert_array_equal(resample(X, rows, given_all.of(rows))[0], together[i])


def test_no_image():
    done = draw(Augmentation(rotate=3), 0, 1, np.arange(0))
    X, y_px = transform(np.zeros((0, 1, 96, 96), np.float32), np.zeros((0, 30)), done)
    assert X.shape == (0, 1, 96, 96) and y_px.shape == (0, 30)
    assert move_keypoints(y_px, done.maps).shape == (0, 30)
