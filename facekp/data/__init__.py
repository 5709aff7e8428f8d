"""Data: Kaggle's files as arrays, synthetic faces in their place, and splits.

A small set of synthetic faces has the same files as Kaggle's:

>>> import tempfile
>>> from pathlib import Path
>>> from facekp.data import load_lookup, load_test, load_training, synthetic
>>> with tempfile.TemporaryDirectory() as place:
...     folder = synthetic.write(Path(place, "faces"), n_train=8, n_test=4)
...     training, test, lookup = load_training(folder), load_test(folder), load_lookup(folder)
>>> training.X.shape, training.y.shape, test.X.shape
((8, 1, 96, 96), (8, 30), (4, 1, 96, 96))
>>> training.provenance["label"], lookup.row_ids[:3]
('synthetic faces', array([1, 2, 3]))
"""
from facekp.data.folder import DEFAULT_FOLDER, SYNTHETIC_FOLDER, resolve
from facekp.data.kaggle import (Lookup, Test, Training, load_lookup, load_test, load_training,
                                load_unlabelled, only_complete)
from facekp.data.splits import holdout, kfold, near_duplicate_groups

__all__ = ["DEFAULT_FOLDER", "SYNTHETIC_FOLDER", "Lookup", "Test", "Training", "holdout", "kfold",
           "load_lookup", "load_test", "load_training", "load_unlabelled", "near_duplicate_groups",
           "only_complete", "resolve"]
