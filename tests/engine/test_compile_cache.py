import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from facekp.engine import compile_cache

FUNCTION = """
import facekp.engine.ready, theano, theano.tensor as T
x = T.fvector()
assert (theano.function([x], T.exp(x) * 2 + x ** 3)([0, 0]) == 2).all()
print(theano.config.compiledir)
"""


def compute(env, cache):
    """A process that compiles the function in a cache of its own; what it said on both streams."""
    done = subprocess.run([sys.executable, "-c", FUNCTION], universal_newlines=True,
                          env=dict(env, XDG_CACHE_HOME=str(cache),
                                   THEANO_FLAGS="gcc.cxxflags=-O0"),  # quick to compile
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, engine):
    """A cache in which the function is compiled by the first test that uses it; Theano's own
    modules are this process's."""
    folder = tmp_path_factory.mktemp("compiled")
    ours = Path(engine.theano.config.compiledir)
    for own in ours.glob("*_ext"):
        shutil.copytree(own, folder / "facekp/theano" / ours.name / own.name)
    return folder


@pytest.fixture
def cache(clean_env, tmp_path, compiled):
    """A copy of it, and the folder in it that has the modules."""
    if not any(compiled.glob("facekp/theano/*/tmp*")):
        compute(clean_env, compiled)
    shutil.copytree(compiled, tmp_path / "cache")
    [folder] = (tmp_path / "cache").glob("facekp/theano/compiledir_*")
    return tmp_path / "cache", str(folder)


def libraries(folder):
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names
            if name.endswith(".so")]


@pytest.mark.slow
def test_damaged_modules_are_compiled_anew(clean_env, cache):
    cache, folder = cache
    damages = (lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 500),
               lambda path: (os.truncate(path, 0), os.truncate(path, 4000)),
               lambda path: os.truncate(path, os.path.getsize(path) - 100))
    paths = sorted(libraries(folder))
    for number, path in enumerate(paths):
        content = open(path, "rb").read()
        for damage in damages:
            with open(path, "wb") as file:
                file.write(content)
            damage(path)
            assert compile_cache.is_cut(path)
        with open(path, "wb") as file:
            file.write(content)
        damages[number % len(damages)](path)
    _, said = compute(clean_env, cache)
    assert "is damaged" in said
    assert not any(map(compile_cache.is_cut, libraries(folder)))
    _, said = compute(clean_env, cache)
    assert "damaged" not in said


def test_whole_files_are_left_alone(clean_env, cache):
    cache, folder = cache
    paths = libraries(folder)
    assert len(paths) >= 3 and not any(map(compile_cache.is_cut, paths))
    before = {path: os.stat(path).st_mtime for path in paths}
    assert compute(clean_env, cache)[0] == folder
    assert {path: os.stat(path).st_mtime for path in paths} == before


def leave_lock(folder, owner, keeper=""):
    os.mkdir(os.path.join(folder, "lock_dir"))
    with open(os.path.join(folder, "lock_dir", "lock"), "w") as file:
        file.write(owner + "\n")
    with open(os.path.join(folder, "lock_dir.owner"), "w") as file:
        file.write(keeper)


def test_the_lock_of_a_dead_container_is_taken_over_at_once(clean_env, cache):
    cache, folder = cache
    for path in libraries(folder):
        if "_ext" not in path:
            shutil.rmtree(os.path.dirname(path))
    leave_lock(folder, "7_123_elsewhere", "process 7 of host elsewhere")
    _, said = compute(clean_env, cache)
    assert "process 7 of host elsewhere" in said and "taken over" in said
    assert not os.path.exists(os.path.join(folder, "lock_dir"))


@pytest.mark.parametrize("owner, keeper, age, left", [
    ("7_123_elsewhere", "", 0, False),  # of another host, and nobody can say whether it lives
    ("7_123_elsewhere", "", 601, True),
    ("7_123_elsewhere", "process 7 of host elsewhere", 0, True),  # it keeps no lock any more
    ("7_123_elsewhere", "process 8 of host elsewhere", 0, False),
    ("{me}_123_{host}", "", 0, False),
    ("{dead}_123_{host}", "", 0, True),
    ("no owner", "", 0, False),
    ("no owner", "", 601, True),
])
def test_when_a_lock_counts_as_left(tmp_path, owner, keeper, age, left):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    leave_lock(str(tmp_path), owner.format(me=os.getpid(), dead=process.pid,
                                           host=compile_cache.socket.gethostname()))
    folder = tmp_path / "lock_dir"
    then = os.stat(str(folder)).st_mtime - age
    for path in (folder / "lock", folder):
        os.utime(str(path), (then, then))
    assert compile_cache.is_left(str(folder), keeper, 600) is left


def test_a_living_process_is_waited_for_and_named(tmp_path, monkeypatch, caplog, engine):
    monkeypatch.setattr(compile_cache, "SAID_AFTER_SECONDS", 0)
    leave_lock(str(tmp_path), "7_123_elsewhere")
    folder = str(tmp_path / "lock_dir")
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            shutil.rmtree(folder)  # the other process has done

    monkeypatch.setattr(compile_cache, "time", SimpleNamespace(
        sleep=sleep, monotonic=compile_cache.time.monotonic, time=compile_cache.time.time))
    compile_cache.lock(folder)
    assert len(waited) == 3
    assert [record.args[1] for record in caplog.records] == [
        "process 7 of host elsewhere, 0 s old"]
    assert compile_cache.owner_of(folder)[0] == compile_cache.identity(
        os.getpid(), compile_cache.socket.gethostname())
    compile_cache._held.pop(folder).close()


@pytest.fixture
def compilelock(engine):
    from theano.gof import compilelock
    return compilelock


def test_who_does_not_have_the_lock_does_not_remove_it(tmp_path, compilelock):
    folder = tmp_path / "lock_dir"
    folder.mkdir()  # another process has just made it, and not yet written its name
    compilelock.Unlocker(str(folder)).unlock()
    assert folder.is_dir()


def test_a_lock_that_cannot_be_taken_is_given_back(tmp_path, monkeypatch, compilelock):
    folder = str(tmp_path / "lock_dir")

    def full(_):
        raise OSError("the disk is full")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="the disk is full"):
        patch.setattr(compilelock, "refresh_lock", full)
        compile_cache.lock(folder)
    monkeypatch.setattr(compile_cache, "time", SimpleNamespace(
        sleep=lambda _: pytest.fail("it waits for itself"), monotonic=time.monotonic,
        time=time.time))
    compile_cache.lock(folder)
    compilelock.Unlocker(folder).unlock()
    assert not os.path.exists(folder)


def test_a_folder_that_another_one_removes_is_made_again(tmp_path, monkeypatch, compilelock):
    folder, refresh, calls = str(tmp_path / "lock_dir"), compilelock.refresh_lock, []

    def first_removed(path):
        calls.append(path)
        if len(calls) == 1:
            os.rmdir(folder)  # as Theano does when a process ends
        return refresh(path)
    monkeypatch.setattr(compilelock, "refresh_lock", first_removed)
    monkeypatch.setattr(compilelock.get_lock, "n_lock", 0, raising=False)  # as get_lock has it
    compile_cache.lock(folder)
    assert len(calls) == 2 and os.path.exists(os.path.join(folder, "lock"))
    compilelock.Unlocker(folder).unlock()


def test_a_module_that_another_one_removes_meanwhile_is_no_error(tmp_path, engine):
    from theano.gof import cmodule
    module = tmp_path / "tmp1" / "m1.so"
    module.parent.mkdir()
    module.touch()
    cache = SimpleNamespace(dirname=str(tmp_path), module_hash_to_key_data={}, entry_from_key={})
    listed = cmodule.module_name_from_dir

    def and_removed(*args, **more):
        found = listed(*args, **more)
        shutil.rmtree(module.parent)
        return found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cmodule, "module_name_from_dir", and_removed)
        cmodule.ModuleCache.clear_unversioned(cache, min_age=10)
    assert not module.exists()
