"""Compile Theano's C++ modules outside of its lock, so that processes compile side by side.

Theano has one lock for its whole cache, and runs g++ while it holds it: of several processes that
begin with an empty cache, only one compiles. Here a process locks the one module that it compiles,
and the cache only while the result is put into it. Two processes still do not compile the same
module: the second one waits, and finds it. Remove this module with Theano.
"""
import contextlib
import glob
import os
import shutil
import tempfile
import threading

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from facekp.engine import compile_index

SLOTS = 64
"""Files for the locks; where two modules share one, the second waits without need."""


@contextlib.contextmanager
def module_lock(cache, module_hash):
    """Be the only process, and the only thread, that compiles a module of a cache.

    On a disk without such locks, nobody waits: a module may then be compiled twice.

    Parameters
    ----------
    cache : str, the cache's folder
    module_hash : str, of hexadecimal digits at its end, as Theano names modules

    Yields
    ------
    str : an empty folder, which is removed at the end
    """
    slot = "%02x" % (int(module_hash[-8:], 16) % SLOTS)
    # A folder of its own: Theano removes empty ones from the cache. This one has the locks.
    folder = os.path.join(cache, "compiling")
    with contextlib.ExitStack() as stack:
        while True:
            os.makedirs(folder, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # it has just been removed, still empty
                file = stack.enter_context(open(os.path.join(folder, slot + ".lock"), "a"))
                _wait(file, os.path.join(folder, slot + "-*"))
                empty = tempfile.TemporaryDirectory(prefix=slot + "-", dir=folder)
                break
        yield stack.enter_context(empty)


def _wait(file, pattern):
    """Lock a file, and remove what killed processes have left that had locked it."""
    with contextlib.suppress(OSError):
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
            for left in glob.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)


class Compiled:
    """What the cache asks of a linker, for a module that lies ready in a file.

    Parameters
    ----------
    link : theano.gof.cc.CLinker
    folder : str
        An empty folder for the module. The compiler's faults are raised as by Theano.
    """

    def __init__(self, link, folder):
        module = link.get_dynamic_module()
        link.c_compiler().compile_str(
            module.code_hash, link.get_src_code(), folder, link.header_dirs(), link.lib_dirs(),
            link.libraries(), link.compile_args(), py_module=False)
        self.get_src_code = link.get_src_code
        self.path = next(os.path.join(folder, name) for name in os.listdir(folder)
                         if name.startswith(module.code_hash))

    def compile_cmodule(self, location):
        from theano.gof.cmodule import dlimport

        shutil.copy(os.path.join(os.path.dirname(self.path), "mod.cpp"), location)
        return dlimport(shutil.copy(self.path, location))


def install():
    """Let Theano's cache compile outside of its lock; threads may then use it side by side.

    A second call changes nothing.
    """
    from theano.gof.cc import CLinker
    from theano.gof.cmodule import ModuleCache, get_module_hash

    module_from_key, alone = ModuleCache.module_from_key, threading.RLock()
    if module_from_key.__module__ == __name__:
        return

    def outside_lock(self, key, lnk=None, keep_lock=False):
        with contextlib.ExitStack() as stack:
            # without a version, a module is of use to this process alone
            if key and key[0] and isinstance(lnk, CLinker) and not compile_index.has(self, key):
                module_hash = get_module_hash(lnk.get_src_code(), key)
                folder = stack.enter_context(module_lock(self.dirname, module_hash))
                with alone:
                    self.refresh(cleanup=False)  # another process may have compiled it meanwhile
                if not (compile_index.has(self, key)
                        or module_hash in self.module_hash_to_key_data):
                    lnk = Compiled(lnk, folder)
            with alone:
                return module_from_key(self, key, lnk, keep_lock)

    ModuleCache.module_from_key = outside_lock
