"""Make Theano's cache of compiled modules survive power cuts, full disks and dead processes.

:func:`install` corrects four faults of Theano 1.0. Remove this module with Theano.

1. If a power cut or a full disk has cut off the file of a module, every start fails with an
   ImportError until the cache is deleted. Here the module is removed with a warning, and compiled
   again.
2. If a process on another host, or in a container that is gone, leaves the compile lock behind, all
   others wait up to ten minutes without a message. Here a waiting process says what it waits for.
   And the owner of the lock also has a lock of the operating system on a file beside it, which ends
   with the process. If the owner no longer has that lock, the compile lock is taken over at once.
3. A process that ends removes the lock of another one that has just taken it. With fifty jobs at a
   time, that one then waited for itself, and all others for it. Here only the owner unlocks; a
   folder that is removed all the same, by a process that took the lock before :func:`install`, is
   made again.
4. A process that ends looks at the modules of all; where another one has just removed its own, it
   printed a traceback.
"""
import glob
import logging
import os
import shutil
import socket
import struct
import time

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

POLL_SECONDS = 0.2
SAID_AFTER_SECONDS = 3.0
"""Most locks are held for only a second or two; a message about them would not help."""

log = logging.getLogger("facekp")
_held = {}  # folder of a lock -> the open file with the operating system's lock


def remove_cut_extensions(base_compiledir):
    """Remove the two modules that ``import theano`` itself needs, if their files are cut off.

    Theano would go on without one of them, and fail later.

    Parameters
    ----------
    base_compiledir : str
        The folder of the caches for each system and Python version.
    """
    for name in ("cutils_ext", "lazylinker_ext"):
        for path in glob.glob(os.path.join(base_compiledir, "*", name, name + ".so")):
            if is_cut(path):
                log.warning("%s is damaged: it is removed and compiled anew", path)
                shutil.rmtree(os.path.dirname(path))  # __init__.py says that it is whole


def is_cut(path):
    """Whether a module's file is not a library, or is shorter than its header says.

    For other formats than 64-bit ELF, only the first bytes are checked.
    """
    with open(path, "rb") as file:
        header = file.read(64)
    if header[:5] != b"\x7fELF\x02":
        return not header.startswith((b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ"))
    if len(header) < 64:
        return True
    offset, size, number = struct.unpack_from("<Q10xHH", header, 40)
    return os.path.getsize(path) < offset + size * number


def install():
    """Replace Theano's functions that have the faults."""
    from theano.gof import cmodule, compilelock

    compilelock.lock = lock
    last_access_time = cmodule.last_access_time

    def perhaps_removed(path):
        try:
            return last_access_time(path)
        except FileNotFoundError:  # by another process, so nobody need remove it for its age
            return time.time()

    cmodule.last_access_time = perhaps_removed
    unlock = compilelock.Unlocker.unlock

    def unlock_both(self, force=False):
        # Theano unlocks at each exit, and takes a folder in which the name of its owner is not yet
        # written for its own
        if force or self.tmp_dir in _held:
            try:
                unlock(self, force)
            finally:
                if self.tmp_dir in _held:
                    _held.pop(self.tmp_dir).close()

    compilelock.Unlocker.unlock = unlock_both
    cache = cmodule.ModuleCache
    get_module = cache._get_module
    get_from_key, get_from_hash = cache._get_from_key, cache._get_from_hash

    def checked_module(self, name):
        # a library without its end may load, but crash the process when it is used
        if name not in self.module_from_name and is_cut(name):
            raise ImportError("the file is cut off")
        return get_module(self, name)

    def checked_from_key(self, key, key_data=None):
        try:
            return get_from_key(self, key, key_data)
        except (ImportError, OSError) as error:
            name = self.entry_from_key[key] if key is not None else key_data.get_entry()
            log.warning("%s is damaged (%s): it is removed and compiled anew",
                        os.path.dirname(name), " ".join(str(error).split()))
            forget(self, name)
            return None

    def checked_from_hash(self, module_hash, key, keep_lock=False):
        key_data = self.module_hash_to_key_data.get(module_hash)
        if key_data is not None and checked_from_key(self, None, key_data) is None:
            return None
        return get_from_hash(self, module_hash, key, keep_lock=keep_lock)

    cache._get_module = checked_module
    cache._get_from_key, cache._get_from_hash = checked_from_key, checked_from_hash


def forget(cache, name):
    """Remove a module from Theano's cache, in memory and on disk.

    Parameters
    ----------
    cache : theano.gof.cmodule.ModuleCache
    name : str, the path of the module's file
    """
    for table in (cache.entry_from_key, cache.module_hash_to_key_data):
        for key, value in list(table.items()):
            if name == (value if isinstance(value, str) else value.get_entry()):
                del table[key]
    cache.module_from_name.pop(name, None)
    shutil.rmtree(os.path.dirname(name), ignore_errors=True)


def lock(tmp_dir, timeout=None, min_wait=None, max_wait=None, verbosity=1):
    """Take the compile lock, as ``theano.gof.compilelock.lock`` does; say which process has it.

    Parameters
    ----------
    tmp_dir : str
        The folder whose presence is the lock; the file ``lock`` in it names the owner.
    timeout : float or None
        A lock of another host or another program is taken over if it was not renewed for this many
        seconds. None for Theano's setting.
    min_wait, max_wait, verbosity : not used; Theano's own arguments
    """
    from theano import config

    timeout = config.compile.timeout if timeout is None else timeout
    os.makedirs(os.path.dirname(tmp_dir), exist_ok=True)
    file = open(tmp_dir + ".owner", "a+")  # open as long as the lock is held
    begun, said = time.monotonic(), False
    while True:
        if _alone(file):
            try:
                os.mkdir(tmp_dir)
                _sign(file, tmp_dir)
                break
            except FileNotFoundError:  # a process that ends has removed the folder: see fault 3
                fcntl and fcntl.flock(file, fcntl.LOCK_UN)
                os.makedirs(os.path.dirname(tmp_dir), exist_ok=True)
                continue
            except FileExistsError:
                if is_left(tmp_dir, _read(file), timeout):
                    log.warning("%s was left by a process that is gone (%s): it is taken over",
                                tmp_dir, describe(tmp_dir))
                    shutil.rmtree(tmp_dir, ignore_errors=True)
                    continue
                fcntl and fcntl.flock(file, fcntl.LOCK_UN)
        if not said and time.monotonic() - begun > SAID_AFTER_SECONDS:
            log.warning("waiting for the compiler's lock %s (%s)", tmp_dir, describe(tmp_dir))
            said = True
        time.sleep(POLL_SECONDS)
    _held[tmp_dir] = file


def _sign(file, tmp_dir):
    """Write the owner's name into both files."""
    from theano.gof import compilelock

    try:
        file.truncate(0)
        file.write(identity(os.getpid(), socket.gethostname()))
        file.flush()
        compilelock.refresh_lock(os.path.join(tmp_dir, "lock"))
    except FileNotFoundError:
        raise
    except BaseException:  # else this process would wait for itself the next time
        shutil.rmtree(tmp_dir, ignore_errors=True)
        file.close()
        raise


def _alone(file):
    """Try to get the operating system's lock; True on systems without such locks."""
    try:
        fcntl and fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


def _read(file):
    file.seek(0)
    return file.read()


def identity(pid, host):
    """A process in messages: "process 12 of host a"."""
    return "process %s of host %s" % (pid, host)


def owner_of(tmp_dir):
    """The identity of a lock's owner, and the lock's age in seconds; None, None if it is gone."""
    for path in (os.path.join(tmp_dir, "lock"), tmp_dir):
        try:
            age = time.time() - os.stat(path).st_mtime
            with open(path) as file:
                number, _, host = file.readline().strip().split("_", 2)
            return identity(number, host), age
        except (IsADirectoryError, PermissionError):
            return "an unknown process", age
        except (OSError, ValueError):
            continue
    return None, None


def describe(tmp_dir):
    """Which process has a lock, and for how long, in words."""
    owner, age = owner_of(tmp_dir)
    return "it is free now" if owner is None else "%s, %.0f s old" % (owner, age)


def is_left(tmp_dir, keeper, timeout):
    """Whether the owner of a lock is gone. The caller has the operating system's lock.

    Parameters
    ----------
    tmp_dir : str
    keeper : str
        The identity of the process that had the operating system's lock last.
    timeout : float, seconds after which a lock that was not renewed counts as left
    """
    owner, age = owner_of(tmp_dir)
    if owner is None:
        return False  # gone just now
    if owner == keeper or age > timeout:
        return True
    for pid in [word for word in owner.split()[1:2] if word.isdigit()]:
        if owner == identity(pid, socket.gethostname()):
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                return True
            except OSError:
                pass
    return False
