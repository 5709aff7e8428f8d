"""Prepare the engine even if ``import theano`` comes before facekp, as isort orders imports.

Without the right settings, Theano 1.0.9 fails with current versions of numpy, or computes in
float64. Lasagne and nolearn need the bridges. In facekp's environments, a .pth file imports this
module when Python starts. Then the first import of one of the three libraries does what
``import facekp.engine.ready`` does.
"""
import importlib
import importlib.machinery
import sys

LIBRARIES = ("theano", "lasagne", "nolearn")


class Finder:
    """An import finder for the three libraries. It prepares the engine first, once."""

    def find_spec(self, name, path=None, target=None):
        """The spec of one of the three libraries; None for other modules."""
        found = importlib.machinery.PathFinder.find_spec(name) if name in LIBRARIES else None
        if found is not None:
            found.loader = self
        return found

    def create_module(self, spec):
        """Prepare the engine, then import the library in the normal way."""
        remove()
        importlib.import_module("facekp.engine.ready")
        module = importlib.import_module(spec.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        """Do nothing: the library is imported already."""
        module.__spec__ = self.spec  # the import system has put the one of find_spec there


def install():
    """Wait for the first import of Theano, Lasagne or nolearn in this process."""
    if not any(name in sys.modules for name in LIBRARIES):
        remove()
        sys.meta_path.insert(0, Finder())


def remove():
    """Remove the finder again."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]


install()
