"""config.json: what a run was begun with, and whether it may go on with what there is now."""
import contextlib
import json

from facekp.errors import ConfigError
from facekp.runs.version import version_of
from facekp.settings import Settings

MUST_AGREE = ("settings", "data", "test_data", "versions", "training_version", "engine")
"""Parts of config.json that must be the same when a run goes on."""

READABLE = ("settings", "data")
"""Those that must be the same where a run is complete: nothing is computed any more, and the code
may have moved on."""


def modernized(config):
    """A copy of a config.json as today's facekp would have written it: with ``training_version``
    and today's names of the settings."""
    config = {**config, "training_version": version_of(config)}
    with contextlib.suppress(KeyError, TypeError, ConfigError):  # whoever reads them says so
        config["settings"] = Settings.from_dict(config["settings"]).as_dict()
    return config


def as_stored(config):
    """What reading a written config.json gives: tuples become lists."""
    return json.loads(json.dumps(config))


def disagreements(begun, now, parts=MUST_AGREE):
    """Why a run may not go on: lines of :func:`differing`, none if it may."""
    begun, now = modernized(begun), modernized(as_stored(now))
    return [line for part in parts for line in differing(begun.get(part), now.get(part), part)]


def differing(begun, now, name=""):
    """Where two JSON values differ: a list of lines ``name: was ..., now is ...``."""
    if isinstance(begun, dict) and isinstance(now, dict):
        return [line for key in sorted({**begun, **now})
                for line in differing(begun.get(key), now.get(key), f"{name}.{key}")]
    return [] if begun == now else [f"{name.lstrip('.')} was {begun!r}, now is {now!r}"]
