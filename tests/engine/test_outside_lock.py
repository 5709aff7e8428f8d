"""Modules are compiled outside of the cache's lock, each by one process and thread alone."""
import multiprocessing
import os
import threading
import time

import pytest
import theano
import theano.tensor as T
from theano.gof import FunctionGraph, compilelock
from theano.gof.cc import CLinker
from theano.gof.cmodule import ModuleCache

import facekp.engine.ready  # noqa: F401
from facekp.engine import outside_lock

HASH = "m" + 64 * "a"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(theano.config.gcc, "cxxflags", "-O0")


def link_of(expression):
    return CLinker().accept(FunctionGraph(expression.owner.inputs, expression.owner.outputs))


def add(folder, expression=T.exp):
    """Ask a cache for a module; how many it compiled."""
    cache, link = ModuleCache(str(folder)), link_of(expression(T.fvector()))
    assert hasattr(cache.module_from_key(link.cmodule_key(), lnk=link), "instantiate")
    return cache.stats[2]


def test_the_cache_is_free_while_g_plus_plus_runs(tmp_path, monkeypatch):
    compiled, held = outside_lock.Compiled, []

    def watching(link, folder):
        held.append(getattr(compilelock.get_lock, "n_lock", 0))
        return compiled(link, folder)
    monkeypatch.setattr(outside_lock, "Compiled", watching)
    assert add(tmp_path) == 1
    assert held == [0]
    assert add(tmp_path) == 0  # it has been put there
    assert held == [0]


def test_nothing_is_left_in_the_cache_but_modules_and_locks(tmp_path):
    add(tmp_path)
    assert len(list(tmp_path.glob("tmp*"))) == 1
    others = {path.name for path in tmp_path.iterdir() if not path.name.startswith("tmp")}
    assert others <= {"compiling", "facekp_index.json"}
    assert [path.suffix for path in (tmp_path / "compiling").iterdir()] == [".lock"]


def test_who_waited_finds_the_module(tmp_path, monkeypatch):
    """Two threads with a cache each stand for two processes."""
    compiled, times = outside_lock.Compiled, []

    def slow(link, folder):
        times.append(time.monotonic())
        time.sleep(0.5)
        return compiled(link, folder)
    monkeypatch.setattr(outside_lock, "Compiled", slow)
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(add(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 1 and sorted(counts) == [0, 1]


def hold(folder, held, leave):
    with outside_lock.module_lock(folder, HASH):
        held.set()
        leave.wait(30)


def test_a_lock_ends_with_its_process(tmp_path):
    held, leave = multiprocessing.Event(), multiprocessing.Event()
    process = multiprocessing.Process(target=hold, args=(str(tmp_path), held, leave))
    process.start()
    assert held.wait(30)
    got = threading.Event()

    def wait():
        with outside_lock.module_lock(str(tmp_path), HASH):
            got.set()
    waiting = threading.Thread(target=wait)
    waiting.start()
    other = HASH[:-1] + "b"
    with outside_lock.module_lock(str(tmp_path), other):  # another module's is free
        pass
    assert not got.wait(0.3)
    process.kill()
    process.join()
    assert got.wait(30)
    waiting.join()


def test_a_disk_without_locks_is_no_fault(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("No locks available")
    if outside_lock.fcntl:
        monkeypatch.setattr(outside_lock.fcntl, "flock", refuse)
    with outside_lock.module_lock(str(tmp_path), HASH):
        pass


def test_a_folder_that_theano_removes_is_made_again(tmp_path, monkeypatch):
    """It removes what is empty: here between the folder's making and the lock's."""
    makedirs, removed = os.makedirs, []

    def removing(path, *args, **more):
        makedirs(path, *args, **more)
        if not removed:
            removed.append(os.rmdir(path))
    monkeypatch.setattr(os, "makedirs", removing)
    with outside_lock.module_lock(str(tmp_path), HASH) as folder:
        assert removed and os.listdir(folder) == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    with outside_lock.module_lock(str(tmp_path), HASH) as folder:
        assert os.listdir(folder) == []
    os.mkdir(folder)
    with outside_lock.module_lock(str(tmp_path), HASH) as new:
        assert os.path.exists(new) and not os.path.exists(folder)


def test_a_fault_of_the_compiler_is_raised_once_and_nothing_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(theano.config.gcc, "cxxflags", "-O0 -no-such-option")
    with pytest.raises(Exception, match="Compilation failed"):
        add(tmp_path)
    assert not list(tmp_path.glob("tmp*"))
    monkeypatch.setattr(theano.config.gcc, "cxxflags", "-O0")
    assert add(tmp_path) == 1


def test_installing_twice_changes_nothing():
    before = ModuleCache.module_from_key
    outside_lock.install()
    assert ModuleCache.module_from_key is before
