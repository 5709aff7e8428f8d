"""The paper's claims, and what our runs say of them, as data.

An experiment declares its claims (:class:`facekp.runs.about.About`); each is a dict with its
``kind``, one of :data:`KINDS`, the paper's words (``statement``), and what that kind needs. Every
comparison of variants is made on the (seed, fold) pairs that all of them have, trained on the same
faces. :mod:`facekp.report.wording` puts findings in words.
"""
from facekp.analysis.claims import changes, fastest, gap, nets
from facekp.analysis.claims.finding import Finding

KINDS = {"fastest": fastest.fastest, "gap": gap.gap, "change": changes.change,
         "helpful": changes.helpful, "twin leak": changes.twin_leak}
"""Kinds of claims by name: functions of (Collection, name of the experiment, claim) that return a
list of :class:`Finding`, empty where there is nothing to say yet."""

__all__ = ["Finding", "KINDS", "across_nets", "findings"]


def findings(collection, experiment):
    """What the runs of a collection (facekp.runs.read.Collection) say of an experiment's claims: a
    list of :class:`Finding`. Of a claim that is none, the collection's `warn` is told."""
    found = []
    for claim in collection.about(experiment).claims:
        try:
            found += KINDS[claim["kind"]](collection, experiment, claim)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            collection.warn(
                f"{collection.root / experiment}/experiment.json: claim {claim.get('kind')!r} is "
                f"left out ({error!r}): expected one of {', '.join(KINDS)}, with all that it needs")
    return found


def across_nets(collection):
    """What all experiments together say: the order of the nets, and near-duplicates."""
    return nets.ranking(collection) + nets.near_duplicates(collection)
