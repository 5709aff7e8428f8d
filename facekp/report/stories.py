"""What the runs say about each section of the paper, as Markdown with the runs' own numbers.

Each function takes :class:`facekp.report.sources.Sources` and returns text; where a run is missing
or unfinished, the text says so.
"""
from facekp.analysis.aggregate import group_runs
from facekp.analysis.claims import across_nets, findings
from facekp.report import summary, tables
from facekp.report.paper_table import CAVEAT
from facekp.report.wording import sentences
from facekp.runs.read import labels


def experiment(sources, name):
    """An experiment's table, the answers to its claims, and the paper's numbers."""
    runs, about = sources.of(name), sources.about(name)
    if not runs:
        return f"There is no run yet: `{sources.command(name)}`."
    paper = "; ".join(row["statement"] for row in about.paper)
    scores = any(net.get("score") for net in about.nets)
    return "\n\n".join(filter(None, [
        tables.groups_table(group_runs(runs)).markdown(),
        summary.bullets(sentences(findings(sources, name))),
        f"Trained on: {tables.one_line(labels(runs))}." + f" The paper: {paper}." * bool(paper)
        + f" {CAVEAT}" * scores]))


def ranking(sources):
    """Are the nets ordered as the paper's scores order them, and what do near-duplicates hide?"""
    lines = sentences(across_nets(sources))
    return f"{summary.bullets(lines)}\n\n{CAVEAT}" if lines else "Fewer than two nets so far."
