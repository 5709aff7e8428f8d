"""The settings that a user has given to Theano: THEANO_FLAGS and the theanorc files."""

import configparser
import os
import shlex

from facekp.errors import EngineError


def parse_flags(text):
    """THEANO_FLAGS as a dict, read as Theano reads it: the last value of a key wins.

    Raises
    ------
    EngineError
        If a quotation mark is not closed.
    """
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace, splitter.whitespace_split = ",", True
    try:
        pairs = [pair.strip().split("=", 1) for pair in splitter]
    except ValueError as error:
        raise EngineError("THEANO_FLAGS=%s: %s; correct or unset it" % (text, error))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def format_flags(flags):
    """The inverse of parse_flags: values quoted so that commas and spaces survive."""
    quoted = (v.replace("\\", "\\\\").replace('"', '\\"') for v in flags.values())
    return ",".join('%s="%s"' % pair for pair in zip(flags, quoted))


def read_theanorc(env, keys):
    """What the theanorc files say about some settings.

    Parameters
    ----------
    env : dict
        The environment, whose THEANORC may name the files.
    keys : sequence of str
        As in THEANO_FLAGS: ``option`` or ``section.option``.

    Returns
    -------
    dict of str -> str
        Those of the keys that the files set.
    """
    parser = configparser.RawConfigParser()
    paths = env.get("THEANORC", os.path.join("~", ".theanorc")).split(os.pathsep)
    try:
        parser.read([os.path.expanduser(path) for path in paths])
    except configparser.Error as error:
        raise EngineError("theanorc cannot be read: %s" % " ".join(str(error).split()))
    places = {key: key.split(".", 1) if "." in key else ("global", key) for key in keys}
    return {key: parser.get(*place) for key, place in places.items() if parser.has_option(*place)}
