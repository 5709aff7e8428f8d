"""Random numbers from (seed, epoch, index): those of a generator written down again, one by one."""
import numpy as np
import pytest

from facekp.augmentation import Augmentation
from facekp.data.transforms import draw
from facekp.data.transforms.random import NAMES, random_bits, uniform

WORD = 2**64 - 1
ALL = Augmentation.parse("mirror=0.5,rotate=12,scale=0.12,shift=5,crop=0.1,brightness=0.15,"
                         "contrast=0.3,noise=0.02,blur=0.7")


def next_splitmix64(state):
    """State and output of the published C code, in Python's whole numbers."""
    state = (state + 0x9E3779B97F4A7C15) & WORD
    z = state
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & WORD
    return state, z ^ (z >> 31)


def scalar_bits(seed, epoch, index):
    state = 0
    for number in (seed, epoch, index):
        _, state = next_splitmix64((state + number) & WORD)
    numbers = []
    for _ in NAMES:
        state, output = next_splitmix64(state)
        numbers.append(output)
    return numbers


def test_the_generator_is_splitmix64():
    state, found = 1234567, []
    for _ in range(3):  # the sequence that is published with the code
        state, output = next_splitmix64(state)
        found.append(output)
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("seed, epoch", [(0, 1), (2**32 - 1, 500), (7, 2)])
def test_all_images_at_once_are_the_same_as_one_by_one(seed, epoch):
    index = np.array([0, 1, 5, 1711, 10**6])
    found = random_bits(seed, epoch, index)
    assert list(found) == list(NAMES)
    for row, i in enumerate(index):
        assert [int(found[name][row]) for name in NAMES] == scalar_bits(seed, epoch, int(i))


def test_uniform_is_python_s_own_way_to_53_bits():
    bits = random_bits(3, 4, np.arange(9))["rotate"]
    assert uniform(bits).tolist() == [(int(b) >> 11) / 2**53 for b in bits]
    assert uniform(np.array([0, WORD], np.uint64)).tolist() == [0, 1 - 2.0**-53]


def test_numbers_are_uniform_and_independent():
    numbers = np.concatenate([np.stack([uniform(bits) for bits in
                                        random_bits(seed, epoch, np.arange(500)).values()])
                              for seed in (0, 1) for epoch in (1, 2, 3, 4)], axis=1)
    n = numbers.shape[1]
    assert abs(numbers.mean(axis=1) - 0.5).max() < 5 / np.sqrt(12 * n)
    off_diagonal = np.corrcoef(numbers) - np.eye(len(NAMES))
    assert abs(off_diagonal).max() < 5 / np.sqrt(n)
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.02


def test_changes_depend_on_seed_epoch_and_index_alone():
    whole = draw(ALL, 3, 5, np.arange(40))
    rows = np.array([17, 3, 39])
    part = draw(ALL, 3, 5, rows)
    assert whole.blur_radius == part.blur_radius
    for one, other in zip(whole[:-1], part[:-1]):
        np.testing.assert_array_equal(one[rows], other)
    for seed, epoch in ((3, 6), (4, 5), (5, 3)):
        assert not (draw(ALL, seed, epoch, rows).maps == part.maps).all(axis=(1, 2)).any()


def test_another_transform_leaves_the_numbers_of_the_others():
    one = draw(Augmentation(rotate=12), 0, 1, np.arange(20))
    two = draw(Augmentation(rotate=12, noise=0.1, blur=1, contrast=1), 0, 1, np.arange(20))
    np.testing.assert_array_equal(one.maps, two.maps)


def test_ranges():
    n = 4000
    changes = draw(ALL, 0, 1, np.arange(n))
    (a, b), (d, e) = np.moveaxis(changes.maps[:, :, :2], 0, -1)
    mirrored = a * e - b * d < 0
    assert abs(mirrored.mean() - 0.5) < 0.04
    degrees = np.rad2deg(np.arctan2(-b, e))
    assert 11.9 < degrees.max() <= 12 and -12 <= degrees.min() < -11.9
    size = np.sqrt(abs(a * e - b * d))
    assert np.exp(-0.12) <= size.min() < 0.9 and 1.2 < size.max() <= np.exp(0.12) / 0.9
    for found, low, high in ((np.log(changes.gain), -0.3, 0.3), (changes.offset, -0.15, 0.15),
                             (changes.noise, 0, 0.02), (changes.blur, 0, 0.7)):
        assert low <= found.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < found.max() <= high
    assert changes.blur_radius == 3


def test_shift_moves_by_so_many_px():
    moved = draw(Augmentation(shift=5), 0, 1, np.arange(2000)).maps[:, :, 2]
    assert (abs(moved) <= 5).all() and (moved.max(axis=0) > 4.9).all()
    assert (moved.min(axis=0) < -4.9).all()


def test_no_transform_is_the_identity():
    changes = draw(Augmentation(), 0, 1, np.arange(5))
    np.testing.assert_array_equal(changes.maps, np.tile(np.eye(2, 3), (5, 1, 1)))
    assert (changes.gain == 1).all() and not (changes.offset.any() or changes.noise.any())
