"""What the benchmarks share: benchmarks/results/<machine>.json, a section a script; tables."""
import json
import platform
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "results"


def path(folder):
    """The file of this machine."""
    from facekp import machine
    words = re.findall(r"\w+", machine.host()["cpu"])
    return Path(folder, "-".join([platform.machine()] + words) + ".json")


def read(folder):
    """The contents of this machine's file, {} if there is none."""
    file = path(folder)
    return json.loads(file.read_text()) if file.exists() else {}


def update(folder, **sections):
    """Put sections into this machine's file, beside those of the other scripts."""
    from facekp import machine
    from facekp.runs import provenance
    file = path(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = read(folder)
    host = machine.host()
    del host["name"]
    content.update(sections, host=host, versions=provenance.versions())
    file.write_text(json.dumps(content, indent=1) + "\n")
    return file


def merge(folder, section, rows, keys):
    """Put rows into a section in the place of older ones that agree with them in `keys`.

    Parameters
    ----------
    folder : path
    section : str
    rows : list of dict
    keys : sequence of str
    """
    def what(row):
        return [row[key] for key in keys]

    fresh = [what(row) for row in rows]
    older = [row for row in read(folder).get(section, []) if what(row) not in fresh]
    update(folder, **{section: older + rows})


def last_json(text):
    """The last line of a process's output, as JSON."""
    return json.loads(text.strip().splitlines()[-1])


def markdown(columns, rows):
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |"
                     for row in [columns, ["---"] * len(columns)] + rows)
