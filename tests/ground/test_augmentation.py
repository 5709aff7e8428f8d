"""The words that say what is done with training images: one form, and one line for a fault."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp.augmentation import LIMITS, Augmentation
from facekp.errors import ConfigError
from facekp.settings import Settings

ALL = "mirror=0.5,rotate=12,scale=0.12,shift=5,crop=0.1,brightness=0.15,contrast=0.3," \
      "noise=0.02,blur=0.7"


def test_words_become_ranges():
    found = Augmentation.parse(ALL)
    assert found == Augmentation(False, 0.5, 12, 0.12, 5, 0.1, 0.15, 0.3, 0.02, 0.7)
    assert found.words == tuple(ALL.split(","))


def test_mirror_alone_is_twice_the_images_and_nothing_random():
    found = Augmentation.parse("mirror")
    assert found.doubled and not found.is_random and not found.moves_points
    assert found.words == ("mirror",)


@pytest.mark.parametrize("nothing", ["", "none", " ", (), []])
def test_none(nothing):
    assert Augmentation.parse(nothing) == Augmentation() and Augmentation().words == ()


@pytest.mark.parametrize("words, random, moves", [
    ("rotate=1", True, True), ("mirror,blur=1", True, False), ("crop=0.1", True, True),
    ("contrast=1,noise=0.1,brightness=1", True, False), ("mirror=1", True, True)])
def test_what_moves_keypoints(words, random, moves):
    found = Augmentation.parse(words)
    assert (found.is_random, found.moves_points) == (random, moves)


@settings(derandomize=True, deadline=None)
@given(st.fixed_dictionaries({}, optional={
    name: st.floats(0, limit, exclude_min=True) for name, limit in LIMITS.items()}))
def test_words_give_back_the_same_ranges(values):
    given_one = Augmentation(**values)
    assert Augmentation.parse(given_one.words) == given_one
    assert Augmentation.parse(",".join(given_one.words)) == given_one
    assert Augmentation.parse(tuple(reversed(given_one.words))).words == given_one.words


@pytest.mark.parametrize("words, part", [
    ("turn=3", "turn=3"), ("rotate", "rotate"), ("rotate=", "rotate="), ("rotate=x", "rotate=x"),
    ("rotate=0", "180"), ("rotate=1_0", "180"), ("rotate=\u0661", "180"), ("rotate=-3", "180"),
    ("rotate=181", "180"), ("rotate=nan", "180"), ("blur=inf", "5"), ("crop=0.8", "0.75"),
    ("mirror=1.5", "1"), ("mirror=", "mirror="), ("rotate=1,rotate=2", "rotate twice"),
    ("mirror,mirror", "twice"), ("mirror,mirror=0.5", "mirror=0.5"), ("rotate=1,,shift=2", "''"),
    ((3,), "3"), (("rotate=1,shift=2",), "rotate=1,shift=2")])
def test_faults_are_one_line(words, part):
    with pytest.raises(ConfigError) as caught:
        Augmentation.parse(words)
    message = str(caught.value)
    assert message.startswith("augment: found ") and "expected" in message
    assert part in message and "\n" not in message


@pytest.mark.parametrize("name, value", [("rotate", -1.0), ("scale", 2), ("blur", "1"),
                                         ("noise", float("nan")), ("shift", True)])
def test_ranges_are_checked_without_words_too(name, value):
    with pytest.raises(ConfigError, match=f"{name}={value!r}"):
        Augmentation(**{name: value})


def test_settings_keep_the_words_in_one_form():
    found = Settings("lenet5", augment=["shift=5.0", " rotate=12 ", "mirror"])
    assert found.augment == ("mirror", "rotate=12", "shift=5")
    assert Settings.from_dict(found.as_dict()) == found


@pytest.mark.parametrize("augment", ["mirror", 3, None, ("flip",), ("mirror", "mirror")])
def test_settings_refuse(augment):
    with pytest.raises(ConfigError, match="^augment: found "):
        Settings("lenet5", augment=augment)


def test_random_mirroring_is_no_mirrored_set():
    with pytest.raises(ConfigError, match="^split: "):
        Settings("lenet5", split="after-mirroring", augment=("mirror=0.5",))
