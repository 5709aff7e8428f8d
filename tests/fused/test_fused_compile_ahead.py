"""Modules compiled side by side: all of a graph's, found by the linker, faults left to it."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from theano.gof.cmodule import ModuleCache

from facekp.engine import outside_lock
from facekp.fused import compile_ahead
from facekp.fused.compile_ahead import CompileAhead
from facekp.fused.conv_algorithms import DIRECT
from facekp.fused.conv_ops import NO_STATE, ConvReluPool


def using(patch, cache):
    patch.setattr(compile_ahead, "get_module_cache", lambda: cache)
    patch.setattr(compile_ahead, "usable_cores", lambda: 2)
    patch.setattr(theano.config.gcc, "cxxflags", "-O0")  # quick to compile


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache that is used."""
    cache = ModuleCache(str(tmp_path))
    using(monkeypatch, cache)
    return cache


@pytest.fixture(scope="module")
def _compiled(tmp_path_factory, function):
    cache = ModuleCache(str(tmp_path_factory.mktemp("compiled")))
    with pytest.MonkeyPatch.context() as patch:
        using(patch, cache)
        missing = len(compile_ahead._missing(links_of(function), cache))
        CompileAhead().apply(function.maker.fgraph)
    return cache, missing


@pytest.fixture
def compiled(_compiled, monkeypatch):
    """A cache that is used and has the function's modules, and how many it lacked before."""
    using(monkeypatch, _compiled[0])
    return _compiled


@pytest.fixture(scope="module")
def function():
    x = T.fmatrix("x")
    return theano.function([x], [T.exp(x).sum(axis=0), T.exp(x)])


def modules(cache):
    return set(cache.entry_from_key.values())


def links_of(function):
    return [compile_ahead.CLinker().accept(
        compile_ahead.FunctionGraph(node.inputs, node.outputs))
        for node in function.maker.fgraph.apply_nodes]


def test_all_modules_of_a_graph_are_compiled_once(function, compiled):
    cache, missing = compiled
    n = len(function.maker.fgraph.apply_nodes)
    assert n == 2 == missing == len(modules(cache))
    CompileAhead().apply(function.maker.fgraph)
    assert n == len(modules(cache)) == cache.stats[2]  # compiled
    assert function(np.zeros((2, 3), "float32"))[0].tolist() == [2, 2, 2]


def test_what_another_function_compiled_is_not_compiled_again(function, compiled, monkeypatch):
    """Another key with the same C++: Theano's cache finds such a module by the text's hash."""
    cache, _ = compiled
    monkeypatch.setattr(compile_ahead.compile_index, "has", lambda cache, key: False)
    assert compile_ahead._missing(links_of(function), cache) == {}


def test_training_and_evaluation_share_the_convolutions_code():
    arguments = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b"), NO_STATE
    keys, texts = zip(*(
        (node.op.c_code_cache_version_apply(node), node.op.body(node, "xWbs", "ym"))
        for node in (ConvReluPool(0, True, DIRECT, 0.0, train).make_node(*arguments)
                     for train in (True, False))))
    assert keys[0] == keys[1] and texts[0] == texts[1]


def test_evaluation_keeps_no_mask():
    x, W, b = T.ftensor4("x"), T.ftensor4("W"), T.fvector("b")
    mask = ConvReluPool(0, True, DIRECT, 0.0, False)(x, W, b, NO_STATE, return_list=True)[1]
    f = theano.function([x, W, b], [mask, mask.shape])
    found, shape = f(*(np.zeros(size, "float32") for size in ((2, 1, 6, 8), (3, 1, 3, 3), 3)))
    assert found.shape == tuple(shape) == (2, 3, 0, 3)


def test_the_linker_finds_them(function, compiled):
    cache, _ = compiled
    for link in links_of(function):
        assert hasattr(cache.module_from_key(link.cmodule_key(), lnk=link), "instantiate")
    assert cache.stats[2] == 2


@pytest.mark.parametrize("cores, missing", [(1, 2), (2, 1)])
def test_nothing_to_gain_nothing_done(function, cache, monkeypatch, cores, missing):
    monkeypatch.setattr(compile_ahead, "usable_cores", lambda: cores)
    found = dict.fromkeys(range(missing))
    monkeypatch.setattr(compile_ahead, "_missing", lambda links, cache: found)
    CompileAhead().apply(function.maker.fgraph)
    assert modules(cache) == set()


def test_a_module_that_does_not_compile_is_left_to_the_linker(function, cache, monkeypatch):
    def failing(link, folder):
        raise Exception("Compilation failed (return status=1)")
    monkeypatch.setattr(outside_lock, "Compiled", failing)
    CompileAhead().apply(function.maker.fgraph)
    assert modules(cache) == set()
