"""What runs say of a claim."""
from dataclasses import dataclass, field

from facekp.analysis.pairs import Basis

HOLDS, IN_PART, NOT, OPEN = "holds", "in part", "not", "open"


@dataclass(frozen=True)
class Finding:
    """What runs say of a claim."""

    kind: str            # what `numbers` holds, and how it is worded
    statement: str = ""  # the paper's words, or what is compared
    verdict: str = ""    # one of the four, open: runs are lacking, or do not agree; "": no claim
    numbers: dict = field(default_factory=dict)  # empty where nothing can be said yet
    basis: Basis = Basis()


def sides_of(collection, experiment, *variants):
    """Runs of variants by their labels: dict of str -> list of facekp.runs.result.RunResult.

    Each of `variants` is one of this experiment, or [experiment, variant]; without any, all.
    """
    if not variants:
        variants = dict.fromkeys(run.variant for run in collection.of(experiment)
                                 if run.base == run.variant)  # split as the experiment does
    places = [place if isinstance(place, (list, tuple)) else (experiment, place)
              for place in variants]
    return {collection.about(name).label(variant): collection.of(name, variant)
            for name, variant in places}
