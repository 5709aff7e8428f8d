"""The paper's statements about its experiments, measured on ours and put in words by the numbers.

Every comparison of variants is made on the (seed, fold) pairs that all of them have, trained on the
same faces; the order of the nets is one of means over all their runs.
"""
from facekp.analysis.statements.augmentation import augmentation
from facekp.analysis.statements.dropout import dropout
from facekp.analysis.statements.nets import (SCORES, has_near_duplicates, near_duplicates, ranking,
                                    search)
from facekp.analysis.statements.optimizers import optimizers
from facekp.analysis.statements.pairs import span

__all__ = ["SCORES", "augmentation", "dropout", "has_near_duplicates", "near_duplicates",
           "optimizers", "ranking", "search", "span"]
