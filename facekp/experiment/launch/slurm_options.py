"""What a user asks of SLURM: ``cluster.toml``, written once, and what a command gives besides."""
import re
import shlex
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Dict, Tuple

from facekp.errors import ConfigError
from facekp.text import shown

FILE = "cluster.toml"


@dataclass(frozen=True)
class SlurmOptions:
    """Options of the jobs; what is empty or 0 is left to SLURM, or to the estimate.

    Parameters
    ----------
    partition, account, qos : str, as SLURM names them
    time : int, minutes until SLURM cuts a job; it is queued again, and goes on
    memory : str, of a training, like "6GB"
    cores : int, of a training; the same number of threads
    at_a_time : int, how many trainings at a time, 0 for no limit
    array_size : int, jobs of an array at most; a cluster's MaxArraySize is larger by one at least
    signal_seconds : int, how long before its end a job is told to stop
    setup : tuple of str, lines for the shell that come before a training, like "module load gcc"
    sbatch : dict of str -> value, further options of sbatch, like {"constraint": "avx512"}
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    time: int = 0
    memory: str = ""
    cores: int = 4
    at_a_time: int = 0
    array_size: int = 1000
    signal_seconds: int = 120
    setup: Tuple[str, ...] = ()
    sbatch: Dict[str, object] = field(default_factory=dict)


EXPECTED = {
    str: ("a text in one line", lambda value: isinstance(value, str) and "\n" not in value),
    int: ("a whole number", lambda value: re.fullmatch("[0-9]{1,9}", str(value))),
    Tuple[str, ...]: ("a list of lines for the shell", lambda value: isinstance(value, list) and
                      all(isinstance(line, str) for line in value)),
    Dict[str, object]: ("a table of options", lambda value: isinstance(value, dict))}
SPECIAL = {
    "memory": ("a text like \"6GB\"", lambda text: re.fullmatch("[1-9][0-9]*[MG]B", str(text))),
    "array_size": ("a number of jobs",
                   lambda value: re.fullmatch("[1-9][0-9]{0,6}", str(value))),
    "cores": ("a number of cores", lambda value: re.fullmatch("[1-9][0-9]{0,3}", str(value)))}


def read(words="", file=FILE):
    """Read the options.

    Parameters
    ----------
    words : str, like ``partition=short time=90 sbatch.constraint=avx512``; they have priority
    file : path of a TOML file with the parameters of :class:`SlurmOptions`; it may be missing

    Returns
    -------
    SlurmOptions

    Raises
    ------
    ConfigError
        If the file cannot be read, or a value is not as expected.
    """
    values = {name: _checked(file, name, value) for name, value in _table(file).items()}
    try:
        pairs = [word.partition("=") for word in shlex.split(words)]
    except ValueError as error:
        raise ConfigError(f"cluster-args: {error}; correct them") from None
    for name, _, value in pairs:
        if name.startswith("sbatch."):
            values["sbatch"] = {**values.get("sbatch", {}), name[len("sbatch."):]: value}
        else:
            values[name] = _checked("cluster-args", name, [value] if name == "setup" else value)
    made = SlurmOptions(**values)
    if made.time and made.signal_seconds >= 60 * made.time:
        raise ConfigError(f"signal_seconds: found {made.signal_seconds}, expected fewer than the "
                          f"{60 * made.time} seconds of time={made.time}; correct one of them")
    return made


def _table(file):
    try:
        import tomllib
    except ImportError:  # Python 3.8 to 3.10
        import tomli as tomllib
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {error}; correct the file") from None


def _checked(place, name, value):
    kinds = {each.name: each.type for each in fields(SlurmOptions)}
    if name not in kinds:
        raise ConfigError(f"{place}: found {shown(name, 60)!r}, expected some of "
                          f"{', '.join(kinds)}; what only sbatch knows belongs to sbatch")
    expected, fits = SPECIAL.get(name) or EXPECTED[kinds[name]]
    if not fits(value):
        raise ConfigError(f"{place}: {name}: found {shown(repr(value), 60)}, expected {expected}; "
                          "correct it")
    return int(value) if kinds[name] is int else value
