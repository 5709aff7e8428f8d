"""What runs say of a claim."""
from dataclasses import dataclass, field

from facekp.analysis.pairs import Basis

HOLDS, IN_PART, NOT, OPEN = "holds", "in part", "not", "open"


@dataclass(frozen=True)
class Finding:
    """What runs say of a claim.

    Parameters
    ----------
    kind : str
        What `numbers` holds, and how it is worded.
    statement : str
        The paper's words, or what is compared.
    verdict : str
        "holds", "in part", "not", "open" (runs are lacking, or do not agree); "" where the paper
        claims nothing.
    numbers : dict
        Of the kind; empty where nothing can be said yet.
    basis : Basis, the runs that it rests on
    """

    kind: str
    statement: str = ""
    verdict: str = ""
    numbers: dict = field(default_factory=dict)
    basis: Basis = Basis()


def sides_of(collection, experiment, *variants):
    """Runs of variants by their labels.

    Parameters
    ----------
    collection : facekp.runs.read.Collection
    experiment : str
    variants : str, a variant of this experiment, or [experiment, variant]; all without any

    Returns
    -------
    dict of str -> list of facekp.runs.result.RunResult
    """
    if not variants:
        variants = dict.fromkeys(run.variant for run in collection.of(experiment)
                                 if run.base == run.variant)  # split as the experiment does
    places = [place if isinstance(place, (list, tuple)) else (experiment, place)
              for place in variants]
    return {collection.about(name).label(variant): collection.of(name, variant)
            for name, variant in places}
