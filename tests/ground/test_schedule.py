import math

import pytest

from facekp.errors import ConfigError
from facekp.schedule import Schedule
from facekp.settings import Settings


@pytest.mark.parametrize("words, expected", [
    ((), [1, 1, 1, 1, 1, 1]),
    (("cosine",), [(1 + math.cos(math.pi * k / 6)) / 2 for k in range(6)]),
    (("step=2",), [1, 1, 0.1, 0.1, 0.01, 0.01]),
    (("warm-up=2",), [1 / 3, 2 / 3, 1, 1, 1, 1]),
    (("warm-up=2", "cosine"), [1 / 3, 2 / 3] + [(1 + math.cos(math.pi * k / 4)) / 2
                                                for k in range(4)]),
    (("warm-up=1", "step=2"), [1 / 2, 1, 1, 0.1, 0.1, 0.01]),
])
def test_rates_of_six_epochs(words, expected):
    schedule = Schedule.parse(words)
    assert [schedule.rate(0.5, k, 6) for k in range(1, 7)] == pytest.approx(
        [0.5 * value for value in expected])


def test_words_have_one_order_and_form():
    assert Schedule.parse(["cosine", "warm-up=5"]).words == ("warm-up=5", "cosine")
    assert Settings("lenet5", schedule=["cosine", "warm-up=5"]).as_dict()["schedule"] == [
        "warm-up=5", "cosine"]


@pytest.mark.parametrize("words, named", [
    (["cosin"], "'cosin'"), (["step"], "'step'"), (["step=0"], "'step=0'"), (["cosine=3"], "'cosi"),
    (["step=1.5"], "step=1.5"), (["warm-up=-1"], "warm-up=-1"), (["cosine", "cosine"], "'cosine'"),
    (["cosine", "step=3"], "cosine and step"), ([5], "5"), (["warm-up=100"], "warm-up=100"),
    ("cosine", "'cosine'"), (None, "None")])
def test_a_schedule_that_cannot_be(words, named):
    with pytest.raises(ConfigError, match="^schedule: found .*" + named):
        Settings("lenet5", epochs=100, schedule=words)
