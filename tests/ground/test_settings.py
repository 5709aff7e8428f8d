"""Values that a setting cannot have are refused with the name, the value and the remedy."""
import json

import pytest

from facekp.errors import ConfigError
from facekp.settings import Settings


@pytest.mark.parametrize("name, value", [
    ("epochs", 0), ("epochs", 1.5), ("epochs", True), ("batch_size", 0), ("folds", 1),
    ("folds", 101), ("folds", "5"), ("fold", 5), ("fold", -1), ("seed", -1), ("seed", 2**32),
    ("patience", 0), ("patience", 1.5), ("patience", True),
    ("learning_rate", 0), ("learning_rate", -1.0), ("learning_rate", float("nan")),
    ("learning_rate", float("inf")), ("learning_rate", "0.1"), ("learning_rate", None),
    ("average", "0.5"), ("average", 1), ("average", True),
    ("split", "both"), ("augment", "mirror"), ("labels", "some"), ("heads", "two"),
    ("points", "nose_tip"), ("start", "../lenet"), ("start", "lenet/"), ("start", 3),
])
def test_bad_value(name, value):
    with pytest.raises(ConfigError) as caught:
        Settings("lenet5", **{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: found {value!r}, expected") and "\n" not in message


@pytest.mark.parametrize("name, value", [
    ("epochs", 1), ("batch_size", 1), ("patience", None), ("patience", 1), ("seed", 2**32 - 1),
    ("learning_rate", 1e-9), ("fold", 4)])
def test_good_value(name, value):
    assert getattr(Settings("lenet5", **{name: value}), name) == value


@pytest.mark.parametrize("values, words", [
    ({"heads": "each"}, "heads: found 'each' for complete images"),
    ({"points": ("nose",)}, "points: found 'nose', expected some of left_eye_center, "),
    ({"points": ("nose_tip", "nose_tip")}, "points: found 'nose_tip' twice, expected "),
    *(({"points": ("nose_tip", "left_eye_center"), "augment": (word,)},
       "points: found 'left_eye_center' without 'right_eye_center'")
      for word in ("mirror", "mirror=0.5"))])
def test_values_that_do_not_go_together(values, words):
    with pytest.raises(ConfigError) as caught:
        Settings("lenet5", **values)
    assert str(caught.value).startswith(words)


def test_settings_of_an_older_run():
    settings = Settings.from_dict({"model": "lenet5", "augment": ["mirror"]})
    assert (settings.labels, settings.heads, settings.points, settings.start) == (
        "complete", "one", (), "")


def test_as_dict_survives_json():
    settings = Settings("lenet5", {"batch_norm": True}, augment=("mirror",), patience=6,
                        labels="all", heads="each", points=("nose_tip",), start="lenet/a b")
    assert Settings(**json.loads(json.dumps(settings.as_dict()))) == settings
