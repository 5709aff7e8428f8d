"""Schedules of the learning rate: how it changes from epoch to epoch."""
import math
import re
from typing import NamedTuple, Tuple

from facekp.errors import ConfigError

EXPECTED = "warm-up=EPOCHS, and one of cosine, step=EPOCHS"

DECAY = 0.1
"""What a step multiplies the rate by."""


class Schedule(NamedTuple):
    """A schedule, as :meth:`parse` reads it from words.

    Attributes
    ----------
    warm_up : int
        In so many epochs the rate rises linearly to the full rate: epoch k trains at
        k / (warm_up + 1) of it (Goyal et al. 2017).
    cosine : bool
        Afterwards the rate falls along half a cosine, from the full rate in the first epoch to
        almost 0 in the last one (Loshchilov & Hutter 2017, without restarts).
    step : int
        Afterwards the rate is multiplied by 0.1 after every so many epochs; 0 for never.
    """

    warm_up: int = 0
    cosine: bool = False
    step: int = 0

    @classmethod
    def parse(cls, words):
        """Read a schedule.

        Parameters
        ----------
        words : sequence of str, like ``("warm-up=5", "cosine")``; none for a constant rate

        Returns
        -------
        Schedule

        Raises
        ------
        ConfigError
            If a word is unknown, there twice, or does not go with another one.

        Examples
        --------
        >>> Schedule.parse(["cosine", "warm-up=5"])
        Schedule(warm_up=5, cosine=True, step=0)
        """
        found = {}
        for word in words:
            match = re.fullmatch("(cosine)|(warm-up|step)=([1-9][0-9]{0,5})", str(word))
            name = match and (match[1] or match[2]).replace("-", "_")
            if not match or name in found:
                raise ConfigError(f"schedule: found {word!r}, expected {EXPECTED}, each once")
            found[name] = True if match[1] else int(match[3])
        if "cosine" in found and "step" in found:
            raise ConfigError(f"schedule: found cosine and step, expected {EXPECTED}")
        return cls(**found)

    @property
    def words(self) -> Tuple[str, ...]:
        """tuple of str: what :meth:`parse` reads, in one order"""
        return (("warm-up=%d" % self.warm_up,) * bool(self.warm_up) + ("cosine",) * self.cosine
                + ("step=%d" % self.step,) * bool(self.step))

    def rate(self, full, epoch, epochs):
        """The learning rate of an epoch.

        Parameters
        ----------
        full : float, the rate that the schedule starts from
        epoch : int, 1 for the first
        epochs : int, how many there will be at the most

        Returns
        -------
        float

        Examples
        --------
        >>> [round(Schedule(warm_up=1, cosine=True).rate(1.0, k, 5), 3) for k in range(1, 6)]
        [0.5, 1.0, 0.854, 0.5, 0.146]
        """
        if epoch <= self.warm_up:
            return full * epoch / (self.warm_up + 1)
        done = epoch - 1 - self.warm_up
        if self.cosine:
            return full * (1 + math.cos(math.pi * done / (epochs - self.warm_up))) / 2
        return full * DECAY ** (done // self.step) if self.step else full
