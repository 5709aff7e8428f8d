"""The errors that facekp raises for problems that a user can solve.

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
        What the user can choose to solve the problem, as some of the words below. A program
        tells how it is chosen there: the command line adds the names of its options
        (:mod:`facekp.experiment.guard`).

        ``"runs"``
            another folder for the runs
        ``"new"``
            a new run beside the one that is there
        ``"name"``
            another name for an ensemble
        ``"data"``
            another folder of data
        ``"download"``
            download Kaggle's files again
        ``"import"``
            import a Python file that registers the user's net
        ``"net"``
            another exported net
    """

    def __init__(self, message="", *, remedies=()):
        super().__init__(message)
        self.remedies = tuple(remedies)


class DataError(FacekpError):
    """One of Kaggle's files is missing, or its content is wrong."""


class ConfigError(FacekpError):
    """A parameter has an invalid value."""


class RunError(FacekpError):
    """A run folder cannot be used: locked, damaged, or made with other settings."""


class FolderError(RunError):
    """A run folder cannot be used for a training; another folder can."""

    def __init__(self, message="", *, remedies=("runs", "new")):
        super().__init__(message, remedies=remedies)


class EngineError(FacekpError, ImportError):
    """Theano, a library, the compiler or the requested device is missing or cannot be used."""
