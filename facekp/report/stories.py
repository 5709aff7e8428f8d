"""What the runs say of an experiment, and of the nets, as Markdown.

summary.md, results/README.md, the HTML report and the notebooks are made of these pieces.
"""
from facekp.analysis.aggregate import group_runs
from facekp.analysis.claims import across_nets, findings
from facekp.analysis.claims.nets import near_duplicates
from facekp.report.paper_table import CAVEAT
from facekp.report.tables import groups_table, one_line
from facekp.report.wording import sentences
from facekp.runs.read import labels


def experiment(sources, name):
    """An experiment's table, the answers to its claims, and the paper's numbers."""
    runs, about = sources.of(name), sources.about(name)
    if not runs:
        return f"There is no run yet: `make {name}`."
    trained = f"Trained on: {one_line(labels(runs))}."
    paper = "; ".join(row["statement"] for row in about.paper)
    scores = any(net.get("score") for net in about.nets)
    return "\n\n".join(filter(None, [
        groups_table(group_runs(runs)).markdown(), bullets(answers(sources, name)),
        trained + f" The paper: {paper}." * bool(paper) + f" {CAVEAT}" * scores]))


def ranking(sources):
    """Are the nets ordered as the paper's scores order them, and what do near-duplicates hide?"""
    found = across_nets(sources)
    return f"{bullets(found)}\n\n{CAVEAT}" if found else "Fewer than two nets so far."


def answers(collection, name):
    """list of Finding, what the runs of an experiment say."""
    return findings(collection, name) + near_duplicates(collection, name)


def bullets(found):
    """Findings as a Markdown list."""
    return "\n".join(f"* {line}" for line in sentences(found))
