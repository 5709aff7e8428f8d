"""Readies the engine whoever comes first: ``import theano`` before facekp, as isort orders imports.

Without settings Theano 1.0.9 fails on today's numpy, or computes in float64; Lasagne and nolearn
need the bridges. In facekp's environments a .pth file imports this module when Python starts; the
first import of one of the three then does what ``import facekp.engine.ready`` does.
"""
import importlib
import importlib.machinery
import sys

LIBRARIES = ("theano", "lasagne", "nolearn")


class Finder:
    """Finds the three libraries with the engine made ready before; once."""

    def find_spec(self, name, path=None, target=None):
        """The spec of one of the libraries, None for all else."""
        found = importlib.machinery.PathFinder.find_spec(name) if name in LIBRARIES else None
        if found is not None:
            found.loader = self
        return found

    def create_module(self, spec):
        """Ready the engine and import the library as if nobody had asked before."""
        remove()
        importlib.import_module("facekp.engine.ready")
        module = importlib.import_module(spec.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        """Nothing: the library has been imported."""
        module.__spec__ = self.spec  # the import system has put the one of find_spec there


def install():
    """Look out for the first import of Theano, Lasagne or nolearn in this process."""
    if not any(name in sys.modules for name in LIBRARIES):
        remove()
        sys.meta_path.insert(0, Finder())


def remove():
    """Look out no more."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]


install()
