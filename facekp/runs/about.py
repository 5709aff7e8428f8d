"""experiment.json: what an experiment says of itself, for whoever reads its runs later.

It lies in the experiment's folder, ``<runs>/<experiment>/experiment.json``, and is written before
the first of its runs. Tables, figures, claims and pages take titles, labels, the paper's numbers
and the claims from it: no module of facekp knows an experiment by its name.
"""
import contextlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Dict, List

from facekp import files
from facekp.errors import RunError
from facekp.runs.checks import ABOUT, check
from facekp.text import shown

FILE = "experiment.json"
REMEDY = "remove it and give the experiment's command again"


@dataclass(frozen=True)
class About:
    """What an experiment says of itself.

    Parameters
    ----------
    name : str
        Of the experiment and of its folder below the folder of runs.
    title : str
        A few words, like ``Five optimizers``; empty for trials, whose runs are not passed on.
    section : str
        Of the paper, like ``5.3``; empty if the paper does not have the experiment.
    order : int
        Where tables place the experiment: lower numbers first, then by name.
    variants : dict of str -> str
        The label of each variant for readers, by the name of its folder; "" is no folder.
    shares : dict of str -> list of two str
        Variants whose runs are another experiment's: variant -> [experiment, variant].
    nets : list of dict
        The nets that are compared with those of other experiments: ``label`` (str), ``variant``
        (str), ``score`` (float or None), the paper's RMSE on Kaggle's test images in px.
    paper : list of dict
        The paper's numbers, one row of the table "paper | ours" each: ``statement`` (str),
        ``variant`` (str), ``measure`` (str, a name in facekp.report) and ``number`` (float or
        None).
    claims : list of dict
        The paper's claims that these runs answer: ``kind`` (str, a name in facekp.analysis),
        ``statement`` (str, the paper's words), and what that kind of claim needs besides.
    figures : list of dict
        Figures that these runs allow: ``name`` (str, of the files, like ``figure05-optimizers``),
        ``shows`` (str, a few words), ``kind`` (str, a name in facekp.report.drawings), and what
        that kind of figure needs besides.
    """

    name: str
    title: str = ""
    section: str = ""
    order: int = 1000
    variants: Dict[str, str] = field(default_factory=dict)
    shares: Dict[str, List[str]] = field(default_factory=dict)
    nets: List[dict] = field(default_factory=list)
    paper: List[dict] = field(default_factory=list)
    claims: List[dict] = field(default_factory=list)
    figures: List[dict] = field(default_factory=list)

    def label(self, variant):
        """What readers call a variant: its label, else its name, else the experiment's name."""
        return self.variants.get(variant) or variant or self.title or self.name


def write_about(root, about):
    """Write experiment.json below a folder of runs, unless it says the same already."""
    path = Path(root, about.name, FILE)
    content = json.loads(json.dumps(asdict(about)))  # tuples become lists, as in the file
    with contextlib.suppress(RunError):  # damaged, or there is none
        if files.read_json(path) == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, content)


def read_about(root, name):
    """What the experiment of a name says of itself (:class:`About`) below a folder of runs: no more
    than the name where it left no experiment.json.

    Raises
    ------
    RunError
        If the file is damaged, or is no description of an experiment.
    """
    path = Path(root, name, FILE)
    if not path.exists():
        return About(name)
    content = files.read_json(path)
    check(path, content, ABOUT, REMEDY)
    known = [field.name for field in fields(About)]
    for key in content:
        if key not in known:
            raise RunError(f"{path}: found {shown(repr(key), 60)}, expected some of "
                           f"{', '.join(known)}; {REMEDY}")
    said = {key: value for key, value in content.items() if value is not None}
    return About(**{**said, "name": name})
