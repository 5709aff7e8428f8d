"""Pause Python's garbage collector while very many objects are made that all stay."""
import contextlib
import gc


@contextlib.contextmanager
def paused():
    """While it is open, no cycles of objects are searched for.

    Importing the libraries and compiling a net's functions make a million objects. The collector
    would go through all of them again and again, a tenth of the time, and free nearly nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
