"""The index of compiled modules: what it names is not looked for, what it lacks is found all the
same. Another cache object on the same folder stands for the next process."""
import json
import os
import shutil
import sys
import time

import facekp.engine.ready  # noqa: F401  (readies Theano)

import pytest
import theano
import theano.tensor as T
from theano.gof import FunctionGraph
from theano.gof.cc import CLinker
from theano.gof.cmodule import ModuleCache
from theano.scalar import Composite, float32

from facekp.engine import compile_index


def linker():
    x = T.fvector("x")
    return CLinker().accept(FunctionGraph([x], [T.exp(x)]))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A folder with one module, and the index that its process left."""
    folder = tmp_path_factory.mktemp("compiled")
    link = linker()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theano.config.gcc, "cxxflags", "-O0")  # quick to compile
        cache = ModuleCache(str(folder))
        cache.module_from_key(link.cmodule_key(), lnk=link)
        cache._on_atexit()
        yield folder, link.cmodule_key()


@pytest.fixture
def folder(compiled, tmp_path, monkeypatch):
    shutil.copytree(compiled[0], tmp_path / "cache")
    for path in compiled[0].glob("tmp*"):  # a new process has imported none
        monkeypatch.delitem(sys.modules, path.name, raising=False)
        for module in path.glob("*.so"):
            monkeypatch.delitem(sys.modules, f"{path.name}.{module.stem}", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def key(compiled):
    return compiled[1]


def load(folder, key):
    """A new cache and the module that it finds; it fails where something would be compiled."""
    cache = ModuleCache(str(folder))
    module = cache._get_from_key(key)
    assert hasattr(module, "instantiate")
    return cache, module


def test_what_the_index_names_is_loaded_without_reading_the_cache(folder, key):
    cache, module = load(folder, key)
    assert not cache.facekp_index.whole and cache.entry_from_key == {}
    assert module.__file__.startswith(str(folder))
    before = (folder / compile_index.NAME).stat().st_mtime_ns
    cache._on_atexit()
    assert not cache.facekp_index.whole
    assert (folder / compile_index.NAME).stat().st_mtime_ns == before  # there is nothing new


def test_reading_the_cache_afterwards_is_no_error(folder, key, caplog):
    cache, module = load(folder, key)
    cache.refresh(cleanup=False)
    assert key in cache.entry_from_key and cache._get_from_key(key) is module
    assert caplog.records == []


@pytest.mark.parametrize("damage", [
    lambda path: path.unlink(), lambda path: path.write_text(path.read_text()[:-9]),
    lambda path: path.write_text("[]"), lambda path: path.write_text('{"read_at": 1}'),
    lambda path: path.write_text(json.dumps({"read_at": time.time(), "names": {}})),
    lambda path: path.write_text(json.dumps({"read_at": time.time() + 99, "names": {}}))])
def test_without_it_the_cache_is_read_and_it_is_written_anew(damage, folder, key):
    damage(folder / compile_index.NAME)
    cache, _ = load(folder, key)
    assert cache.facekp_index.whole
    cache._on_atexit()
    assert not load(folder, key)[0].facekp_index.whole


def test_once_a_day_the_cache_is_read(folder, key, monkeypatch):
    later = time.time() + compile_index.READ_EVERY + 1
    monkeypatch.setattr(compile_index.time, "time", lambda: later)
    assert load(folder, key)[0].facekp_index.whole


def test_a_module_that_is_gone_is_not_named(folder, key):
    for path in folder.glob("tmp*"):
        shutil.rmtree(path)
    cache = ModuleCache(str(folder))
    assert not compile_index.has(cache, key) and cache._get_from_key(key) is None
    cache._on_atexit()
    assert json.loads((folder / compile_index.NAME).read_text())["names"] == {}


def test_a_damaged_module_is_removed(folder, key):
    [path] = folder.glob("tmp*/*.so")
    os.truncate(path, 4000)
    assert ModuleCache(str(folder))._get_from_key(key) is None
    assert not path.exists()


def test_what_another_process_has_written_stays(folder, key):
    mine, others = ModuleCache(str(folder)), ModuleCache(str(folder))
    others.facekp_index.add(((1,), "another"), next(map(str, folder.glob("tmp*/*.so"))))
    others.facekp_index.save()
    mine.facekp_index.reading()
    mine.facekp_index.save()
    assert len(json.loads((folder / compile_index.NAME).read_text())["names"]) == 2


def test_an_index_that_cannot_be_written_is_no_error(folder, key):
    cache, _ = load(folder, key)
    shutil.rmtree(folder)
    cache.facekp_index.reading()
    cache.facekp_index.save()
    assert not folder.exists()


def test_keys_without_a_version_are_nobody_elses(folder, key):
    assert compile_index.digest(((), key[1])) is None
    cache = ModuleCache(str(folder))
    assert cache._get_from_key(((), key[1])) is None and not cache.facekp_index.whole


def test_equal_keys_have_one_digest_and_others_another(key):
    copy = (tuple(list(key[0])), tuple(list(key[1])))
    assert compile_index.digest(key) == compile_index.digest(copy)
    assert compile_index.digest((key[0], key[1][:-1])) != compile_index.digest(key)
    assert compile_index.digest(((1, (2, 3)), "a")) != compile_index.digest(((1, 2, (3,)), "a"))


def composite(second):
    x, y = float32("x"), float32("y")
    return Composite([x, y], [second(x, x * y)])


def test_composite_operations_are_what_they_compute():
    add, again, subtract = (((1,), composite(op)) for op in (
        lambda a, b: a + b, lambda a, b: a + b, lambda a, b: a - b))
    assert compile_index.digest(add) == compile_index.digest(again) is not None
    assert compile_index.digest(add) != compile_index.digest(subtract)


def test_what_cannot_be_pickled_has_no_digest():
    assert compile_index.digest(((1,), lambda: None)) is None
