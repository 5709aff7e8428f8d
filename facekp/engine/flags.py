"""Read the user's settings for Theano: THEANO_FLAGS and the theanorc files."""

import configparser
import functools
import os
import shlex

from facekp.errors import EngineError


def parse_flags(text):
    """Parse THEANO_FLAGS in the same way as Theano: the last value of a key is used.

    Raises
    ------
    EngineError
        If a quotation mark is not closed.
    """
    try:
        pairs = [pair.strip().split("=", 1) for pair in _words(text)]
    except ValueError as error:
        raise EngineError("THEANO_FLAGS=%s: %s; correct or unset it" % (text, error))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


@functools.lru_cache(maxsize=100)  # shlex is slow, and many runs have the same settings
def _words(text):
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace, splitter.whitespace_split = ",", True
    return tuple(splitter)


def format_flags(flags):
    """The inverse of parse_flags. Values are quoted, as they may contain commas and spaces."""
    quoted = (v.replace("\\", "\\\\").replace('"', '\\"') for v in flags.values())
    return ",".join('%s="%s"' % pair for pair in zip(flags, quoted))


def read_theanorc(env, keys):
    """Read some settings from the theanorc files.

    Parameters
    ----------
    env : dict
        The environment; its THEANORC can name the files.
    keys : sequence of str
        As in THEANO_FLAGS: ``option`` or ``section.option``.

    Returns
    -------
    dict of str -> str
        The keys that the files set, with their values.
    """
    # Theano's own, for values like /tmp/%(user)s
    words = {name: env.get(name, "") for name in ("LSCRATCH", "TMPDIR", "TEMP", "TMP")}
    parser = configparser.ConfigParser({
        **words, "USER": env.get("USER", os.path.basename(os.path.expanduser("~"))),
        "PID": str(os.getpid())})
    paths = env.get("THEANORC", os.path.join("~", ".theanorc")).split(os.pathsep)
    try:
        parser.read([os.path.expanduser(path) for path in paths])
    except (configparser.Error, UnicodeDecodeError) as error:
        raise EngineError("theanorc cannot be read: %s" % " ".join(str(error).split()))
    places = {key: key.split(".", 1) if "." in key else ("global", key) for key in keys}
    return {key: _value(parser, *place) for key, place in places.items()
            if parser.has_option(*place)}


def _value(parser, section, option):
    try:
        return parser.get(section, option)
    except configparser.InterpolationError:  # Theano takes it as it is, too
        return parser.get(section, option, raw=True)
