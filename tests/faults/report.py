"""The tables of docs/reliability.md, from docs/reliability.json.

    PYTHONPATH=.:tests python -m faults.report
"""
from collections import Counter

from facekp import files
from faults import figures, load

PAGE = figures.PATH.with_suffix(".md")
BEGIN, END = "<!-- figures: written by faults.report -->", "<!-- end of figures -->"


def markdown(columns, rows):
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |"
                     for row in [columns, ["---"] * len(columns)] + rows)


def source(section):
    """Where the figures of a section come from, in a sentence."""
    versions, host = section["versions"], section["host"]
    code = (section["code"] or "without git")[:12]
    return (f"{host['cpu']}, {host['cores']} cores, {host['system']}; Python {versions['python']}, "
            f"theano-pymc {versions['theano-pymc']}, numpy {versions['numpy']}, facekp "
            f"{versions['facekp']}, revision {code}; 1 thread.")


def kills(result):
    """A line a configuration, and a line a moment."""
    rows = [[name, sum(found["kills"].values()), found["runs"], len(found["differing"]),
             found["epochs_lost"], found["damaged"], len(found["failures"])]
            for name, found in result.items()]
    rows.append(["**all**"] + [f"**{sum(row[i] for row in rows)}**" for i in range(1, 7)])
    moments = Counter()
    for found in result.values():
        moments.update(found["kills"])
    return [markdown(["trained", "kills", "runs ended and compared", "files that differ",
                      "epochs lost", "damaged checkpoints", "other failures"], rows),
            markdown(["killed", "about to", "times"], [
                at.split("/") + [n] if "/" in at else ["from outside, by the clock", at, n]
                for at, n in sorted(moments.items())])]


def flat(result):
    """A line a net: first and last sample."""
    rows = []
    for name, samples in result.items():
        by_epoch = {sample["epoch"]: sample for sample in samples}
        rows.append([name] + [f"{by_epoch[epoch]['rss_mib']:.0f}" for epoch in load.SAMPLED] + [
            f"{by_epoch[load.SAMPLED[1]][key]} / {by_epoch[load.SAMPLED[-1]][key]}"
            for key in ("descriptors", "threads")])
    columns = [f"RSS after epoch {load.SAMPLED[0]}, MiB"] + [f"{n}" for n in load.SAMPLED[1:]]
    return [markdown(["net"] + columns + ["file descriptors, epoch 2 / 200",
                                          "threads, epoch 2 / 200"], rows)]


def loading(result):
    """A line a way of loading."""
    return [markdown(["training.csv", "images", "data", "their float32 arrays, MiB", "peak, MiB"], [
        [way, found["images"], found["label"], f"{found['image_mib']:.0f}",
         f"{found['peak_mib']:.0f}"] for way, [found] in result.items()])]


def stopping(result):
    """A line a net, a column a moment."""
    moments = list(dict.fromkeys(words for found in result.values() for words in found))
    cell = "{seconds:.1f} / {code} / {saved}".format
    return [markdown(["SIGTERM while"] + moments, [
        [name] + [cell(**found[words]) if words in found else "" for words in moments]
        for name, found in result.items()]),
        "Seconds until the end / exit code / epochs on disk."]


def fuzz(result):
    """A line a reader of files."""
    rows = [[target, found["inputs"], sum(found["refused"].values()), found["accepted"],
             f"{found['slowest_ms']:.0f}"] for target, found in result.items()]
    rows.append(["**all**"] + [f"**{sum(row[i] for row in rows)}**" for i in range(1, 4)] + [""])
    return [markdown(["damaged", "inputs", "refused with one line", "read, as the reference reads",
                      "slowest, ms"], rows)]


SECTIONS = {"kills": ("Kills", kills), "load": ("Memory over 200 epochs", flat),
            "loading": ("Memory of loading", loading),
            "stopping": ("SIGTERM", stopping),
            "fuzz": ("Damaged files", fuzz)}


def text(content):
    """What stands between the markers.

    Parameters
    ----------
    content : dict, from :func:`faults.figures.read`

    Returns
    -------
    str
    """
    sources = {name: source(content[name]) for name in SECTIONS if name in content}
    alike = len(set(sources.values())) == 1
    parts = list(sources.values())[:1] if alike else []
    for name, found in sources.items():
        title, tables = SECTIONS[name]
        parts += [f"### {title}", *tables(content[name]["result"])] + [found] * (not alike)
    return "\n\n".join(parts)


if __name__ == "__main__":
    files.put_between(PAGE, BEGIN, END, text(figures.read()))
