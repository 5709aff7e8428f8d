"""The errors that facekp raises for faults a user can mend.

Each message is one line that names the file, row, column or parameter, what was found, what was
expected and what to do. The command line prints it after ``facekp: error:`` and exits with 2.
"""


class FacekpError(Exception):
    """Base class of every error that facekp raises on purpose.

    Parameters
    ----------
    message : str
        Cause and remedy in the library's terms.
    remedies : iterable of str
        Which choices of the user's mend it. A program that has names of its own for them adds
        these: the command line says with which option (:mod:`facekp.experiment.guard`).

        ``"runs"``
            another folder for the runs
        ``"new"``
            a new run beside the one that is there
        ``"data"``
            another folder of data
        ``"download"``
            Kaggle's files, downloaded anew
        ``"import"``
            a file of the user's that registers a net
    """

    def __init__(self, message="", *, remedies=()):
        super().__init__(message)
        self.remedies = tuple(remedies)


class DataError(FacekpError):
    """A file of Kaggle's is missing or does not hold what it should."""


class ConfigError(FacekpError):
    """A parameter has a value that it cannot have."""


class RunError(FacekpError):
    """A run folder cannot be used: locked, damaged, or made with other settings."""


class FolderError(RunError):
    """A run folder cannot be used for a training; another folder can."""

    def __init__(self, message="", *, remedies=("runs", "new")):
        super().__init__(message, remedies=remedies)


class EngineError(FacekpError, ImportError):
    """Theano, a library, the compiler or the device that was asked for is missing or unfit."""
