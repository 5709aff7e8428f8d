"""What runs were made with, and from: tables for whoever gets a report."""
from pandas import DataFrame

from facekp.runs.version import version_of


def provenance_tables(runs):
    """Software and machine, and data, of runs: pandas.DataFrame of str by title; equal rows
    together.

    The host's name and paths of the machine are left out: a report is passed on.
    """
    return {"Software and machine": _distinct((_made_with(run), run) for run in runs),
            "Data": _distinct(
                ({"label": run.label, "file": file, "sha256": sha256}, run) for run in runs
                for file, sha256 in {**run.config["data"].get("files", {}),
                                     **_part(run, "test_data")}.items())}


def _made_with(run):
    git, host = _part(run, "git"), _part(run, "host")
    cores = host.get("cores", "?")
    return {"versions": _pairs(_part(run, "versions")),
            "machine": f"{host.get('cpu', '?')}, {cores} core{'s' * (cores != 1)}; "
                       f"{host.get('system', '?')}",
            "engine": _pairs(_part(run, "engine")),
            "threads": run.config.get("threads", "?"),
            "git revision": f"{git.get('revision') or 'no checkout'}"
                            + ", with uncommitted changes" * (git.get("dirty") is True),
            "training version": version_of(run.config)}


def _part(run, name):
    """A part of config.json; {} where it is no object."""
    found = run.config.get(name)
    return found if isinstance(found, dict) else {}


def _pairs(mapping):
    return ", ".join(f"{key} {value}" for key, value in mapping.items())


def _distinct(rows):
    """One row for those that are equal, with how many runs and which seeds they are of."""
    table = DataFrame([{**row, "seeds": run.seed} for row, run in rows])
    if table.empty:
        return table
    equal = table.astype({name: str for name in table if name != "seeds"}).groupby(
        [name for name in table if name != "seeds"], sort=False)["seeds"]
    return equal.agg(runs="size", seeds=lambda seeds: ", ".join(map(str, sorted(set(seeds))))
                     ).reset_index().astype(str)
