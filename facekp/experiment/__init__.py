"""Experiments: each is one file with what is trained, and what readers of its runs need.

>>> from facekp.experiment import Experiment, Variant, change
>>> from facekp.settings import Settings
>>> experiment = Experiment("rates", title="Two learning rates", variants={
...     "slow": Variant(Settings("lenet5", learning_rate=0.0001), label="0.0001"),
...     "fast": Variant(Settings("lenet5", learning_rate=0.001), label="0.001")})
>>> experiment.about().label("slow")
'0.0001'
"""
from facekp.experiment.averages import Ensemble
from facekp.experiment.experiment import Experiment, Variant, change
from facekp.experiment.series import Series

__all__ = ["Ensemble", "Experiment", "Series", "Variant", "change"]
