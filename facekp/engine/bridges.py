"""Bridges between Lasagne 0.1, nolearn 0.6.1 and the installed versions of their libraries.

The last releases of the two are of 2015 and 2016. They import things that newer libraries have
moved or removed. ``install()`` provides these under their old names; afterwards ``import lasagne``
and ``import nolearn.lasagne`` work anywhere in the process. Each bridge first checks whether the
feature is there, and then does nothing. Each bridge's docstring says when it can be removed.
"""

import collections
import collections.abc
import sys
import types
import warnings
from importlib import metadata

from facekp.engine import (compile_cache, compile_index, compiler_answers, estimator, fork,
                           outside_lock, precompiled)


def install():
    """Prepare Theano and install all bridges; a second call changes nothing.

    Raises
    ------
    EngineError
        As for ``import facekp.engine.ready``, which this function does. Without its settings,
        Theano 1.0.9 cannot be imported: it looks for a BLAS in a way that numpy 1.23 has removed.
    """
    import facekp.engine.ready  # noqa: F401


def bridge():
    """Install all bridges, after Theano's settings are chosen; facekp.engine.ready calls this."""
    bridge_collections()
    bridge_cross_validation()
    bridge_downsample()
    bridge_version()
    bridge_moved_names()
    bridge_scan()
    bridge_module_cache()
    bridge_frames()
    compile_cache.install()
    compile_index.install()
    compiler_answers.install()
    precompiled.install()
    outside_lock.install()
    fork.install()
    silence_known_warnings()
    estimator.bridge()


def bridge_collections():
    """``collections.Iterable``, which nolearn imports; gone from Python 3.10.

    Remove it with Python 3.10 and later, or with a nolearn that imports collections.abc.
    """
    if not hasattr(collections, "Iterable"):
        collections.Iterable = collections.abc.Iterable


def bridge_cross_validation():
    """``sklearn.cross_validation``, which nolearn imports; gone from scikit-learn 0.20.

    Remove it with a nolearn that imports sklearn.model_selection.
    """
    try:
        import sklearn.cross_validation  # noqa: F401
    except ImportError:
        import sklearn

        module = types.ModuleType("sklearn.cross_validation", "The two folds as of 0.17")
        module.KFold = KFold
        module.StratifiedKFold = StratifiedKFold
        sklearn.cross_validation = sys.modules[module.__name__] = module


class KFold:
    """``sklearn.cross_validation.KFold(n, n_folds)``: iterate for (train, test) index arrays."""

    def __init__(self, n, n_folds=3, shuffle=False, random_state=None):
        self.n, self.n_folds = int(n), int(n_folds)  # nolearn gives n_folds as a float
        self.shuffle, self.random_state = shuffle, random_state

    def _splits(self):
        from sklearn.model_selection import KFold as New

        return _make(New, self).split(range(self.n))

    def __iter__(self):
        return iter(self._splits())

    def __len__(self):
        return self.n_folds


class StratifiedKFold(KFold):
    """``sklearn.cross_validation.StratifiedKFold(y, n_folds)``: folds with y's share of classes."""

    def __init__(self, y, n_folds=3, shuffle=False, random_state=None):
        super().__init__(len(y), n_folds, shuffle, random_state)
        self.y = y

    def _splits(self):
        from sklearn.model_selection import StratifiedKFold as New

        return _make(New, self).split(range(self.n), self.y)


def _make(splitter, old):
    # today's classes refuse a seed where nothing is shuffled; the old ones ignored it
    seed = old.random_state if old.shuffle else None
    return splitter(old.n_folds, shuffle=old.shuffle, random_state=seed)


def bridge_downsample():
    """``theano.tensor.signal.downsample.max_pool_2d``, which Lasagne calls; gone from Theano 0.9.

    Remove it with a Lasagne later than 0.1.
    """
    try:
        from theano.tensor.signal.downsample import max_pool_2d  # noqa: F401
    except ImportError:
        import theano.tensor.signal

        module = types.ModuleType("theano.tensor.signal.downsample", "max_pool_2d as of Theano 0.7")
        module.max_pool_2d = max_pool_2d_of_theano_07
        theano.tensor.signal.downsample = sys.modules[module.__name__] = module


def max_pool_2d_of_theano_07(
    input, ds, ignore_border=None, st=None, padding=(0, 0), mode="max"
):
    """``downsample.max_pool_2d``: ``pool.pool_2d`` under the old argument names."""
    from theano.tensor.signal.pool import pool_2d

    return pool_2d(
        input, ws=ds, ignore_border=bool(ignore_border), stride=st, pad=padding, mode=mode
    )


def bridge_version():
    """``pkg_resources``, of which Lasagne asks nothing but its own version.

    setuptools will drop it, it warns that it is old, and its import takes a tenth of a second.
    Remove it with a Lasagne later than 0.1.
    """
    if "pkg_resources" in sys.modules:
        return
    module = types.ModuleType("pkg_resources", "get_distribution by importlib.metadata")
    module.get_distribution = metadata.distribution
    sys.modules[module.__name__] = module
    try:
        import lasagne  # noqa: F401
    finally:
        del sys.modules[module.__name__]


def bridge_moved_names():
    """Names that Theano has moved to another module, as Lasagne's tests import them.

    Remove it with a Lasagne later than 0.1.
    """
    from theano.gof import graph, toolbox
    from theano.scan_module import scan_utils

    if not hasattr(graph, "is_same_graph"):
        graph.is_same_graph = toolbox.is_same_graph
    if not hasattr(scan_utils, "equal_computations"):
        scan_utils.equal_computations = graph.equal_computations


def bridge_scan():
    """``theano.scan``, on which Lasagne's recurrent layers rest, from Python 3.11 on.

    Its C code uses what Python 3.11 has removed, and Theano takes the fault of the compiler for one
    of the user's. Without that module Theano steps through a loop in Python; the steps themselves
    are compiled as ever. Remove it with Theano.
    """
    if sys.version_info >= (3, 11):
        sys.modules.setdefault("theano.scan_module.scan_perform_ext", None)


def bridge_module_cache():
    """Stable versions of some of Theano's C modules; otherwise each process compiles them again.

    Theano 1.0 has two faults. The version of a COp (DimShuffle) is Python's ``hash`` of its source,
    which differs from process to process. And an Op with empty ``__props__`` is treated as one
    without a version: HostFromGpu, and Ops of ours. Because of each, every start takes seconds more
    and adds a module to the disk. Ops of other programs are left as they are. Remove it with
    Theano.
    """
    import hashlib

    from theano.gof import COp
    from theano.gof.cc import CLinker

    def version(op):
        digest = hashlib.sha256("".join(op.func_codes).encode()).hexdigest()
        params = [op.params_type.c_code_cache_version()] if hasattr(op, "params_type") else []
        return tuple([digest] + params)

    COp.c_code_cache_version = version
    key_of = CLinker.cmodule_key_

    def key_with_versions(self, fgraph, *args, **kwargs):
        for node in fgraph.toposort():
            kind = type(node.op)
            if (getattr(kind, "__props__", None) == ()
                    and kind.__module__.startswith(("theano.", "facekp."))):
                # any attribute does: equality has been defined without it
                kind.__props__ = ("__module__",)
        return key_of(self, fgraph, *args, **kwargs)

    if key_of.__module__ == CLinker.__module__:  # not yet bridged
        CLinker.cmodule_key_ = key_with_versions


def bridge_frames():
    """The name of a calling function without a search of its file through all modules.

    Theano asks for it each time an optimization cannot be applied, and uses nothing but the name: a
    fiftieth of a second a time, ten times in a start of the U-Net. Remove it with Theano.
    """
    from theano.gof import toolbox

    toolbox.inspect = types.SimpleNamespace(
        currentframe=sys._getframe,
        getframeinfo=lambda frame: types.SimpleNamespace(function=frame.f_code.co_name))


def silence_known_warnings():
    """Silence two warnings that every program would show and that no user can act on.

    Theano's ``np.bool`` (removed by NumPy 1.24, which Theano 1.0.9 cannot use anyway) and the name
    ``image_shape`` that Lasagne's convolutions pass. Remove them with Theano or Lasagne.
    """
    for message in (r"In the future `np\.bool` will be", r"`np\.bool` is a deprecated alias"):
        warnings.filterwarnings("ignore", message=message, module=r"theano\.")
    warnings.filterwarnings(
        "ignore", message=r"The `image_shape` keyword argument", module=r"lasagne\.layers\.conv"
    )
