"""docs/reliability.json: what the long tests have found, and where."""
from pathlib import Path

from facekp import files
from facekp import machine
from facekp.runs import provenance

PATH = Path(__file__).resolve().parents[2] / "docs" / "reliability.json"


def read():
    """All sections.

    Returns
    -------
    dict
    """
    return files.read_json(PATH) if PATH.exists() else {}


def known(section):
    """What a section has of the code as it is now: it need not be measured again.

    Returns
    -------
    dict
    """
    found = read().get(section, {})
    return found["result"] if found.get("code") == provenance.git_state()["revision"] else {}


def write(section, content):
    """Write one section with the versions, the code and the machine that it comes from."""
    host = machine.host()
    files.write_json(PATH, {**read(), section: {
        "result": content, "versions": provenance.versions(),
        "code": provenance.git_state()["revision"],
        "host": {name: host[name] for name in ("cpu", "cores", "system")}}})
