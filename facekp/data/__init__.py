"""Data: Kaggle's files to arrays, the synthetic default, and splits."""
from facekp.data.folder import DEFAULT_FOLDER, SYNTHETIC_FOLDER, resolve
from facekp.data.kaggle import Lookup, Test, Training, load_lookup, load_test, load_training
from facekp.data.splits import holdout, kfold, near_duplicate_groups

__all__ = ["DEFAULT_FOLDER", "SYNTHETIC_FOLDER", "Lookup", "Test", "Training", "holdout", "kfold",
           "load_lookup", "load_test", "load_training", "near_duplicate_groups", "resolve"]
