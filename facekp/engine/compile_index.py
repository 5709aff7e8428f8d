"""Find a compiled module in Theano's cache without reading the whole cache.

The first function that a process compiles makes Theano read the keys of all modules in its cache:
half a second where there are 800, of which a net needs 50. Here a file in the cache's folder says
where each module is that was asked for before. Theano reads the cache only if a module is not found
so, and once a day: it then removes what has not been used for a month. Remove this module with
Theano.
"""
import hashlib
import io
import json
import logging
import os
import pickle
import time

from facekp import files

NAME = "facekp_index.json"
READ_EVERY = 24 * 3600.0
"""Seconds after which Theano reads its whole cache again, and removes old modules."""

log = logging.getLogger("facekp")


class Index:
    """Which key belongs to which module of a cache.

    Parameters
    ----------
    folder : str
        The cache's folder; the file there is read, and taken for empty if it is damaged.

    Attributes
    ----------
    whole : bool
        Whether Theano has read the whole cache in this process.
    read_at : float, when a process last did
    names : dict of str -> str
        The digests of keys, and the modules' paths relative to the folder.
    known : dict, the paths of this process's modules by key
    """

    def __init__(self, folder):
        self.folder, self.path = folder, os.path.join(folder, NAME)
        self.whole, self.known = False, {}
        self.read_at, self.names = self._read()
        self._changed = False

    def _read(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                content = json.load(file)
            return float(content["read_at"]), dict(content["names"])
        except (OSError, ValueError, TypeError, KeyError):
            return 0.0, {}

    def is_recent(self):
        """Whether the whole cache need not be read yet."""
        return 0 <= time.time() - self.read_at < READ_EVERY

    def reading(self):
        """Note that Theano reads the whole cache now."""
        self.whole, self.read_at, self._changed = True, time.time(), True

    def find(self, key):
        """The path of a key's module, None if the index has none or its file is gone."""
        if key not in self.known:
            name = self.names.get(digest(key))
            path = os.path.join(self.folder, name) if isinstance(name, str) else None
            if path is None or not os.path.exists(path):
                return None
            self.known[key] = path
        return self.known[key]

    def add(self, key, path):
        """Note where a key's module is."""
        if self.known.get(key) != path:
            self.known[key] = path
            own, name = digest(key), os.path.relpath(path, self.folder)
            if own is not None and self.names.get(own) != name:
                self.names[own], self._changed = name, True

    def save(self):
        """Write the file if there is anything new, together with what others have written since."""
        if self._changed:
            read_at, names = self._read()
            read_at = self.read_at if self.whole else read_at
            names = {own: name for own, name in {**names, **self.names}.items()
                     if os.path.exists(os.path.join(self.folder, str(name)))}
            try:
                with files.replacing(self.path, "w", encoding="utf-8") as file:
                    json.dump({"read_at": read_at, "names": names}, file)
                self._changed = False
            except OSError as error:  # the next process reads the whole cache, too
                log.debug("%s: not written (%s)", self.path, error)


def digest(key):
    """What stands for a key in the file; None for a key that only this process can use.

    Keys with the same digest are equal. The reverse need not be true: what is not found then, is
    found by Theano.

    Parameters
    ----------
    key : tuple
        The versions of the Ops, and all else that the compiled code depends on; without versions,
        the module must not be used by another process.
    """
    if not key or not key[0]:
        return None
    found = hashlib.sha256()
    try:
        for part in _parts(key):
            found.update(b"%d " % len(part) + part)
    except Exception:  # whatever the Ops of others raise when they are pickled
        return None
    return found.hexdigest()


def _parts(value):
    """A nested tuple's parts as bytes.

    Each part is pickled for itself: the pickle of the whole says which parts are the same object
    and not only equal, which differs from process to process.
    """
    if isinstance(value, tuple):
        yield b"("
        for part in value:
            yield from _parts(part)
        yield b")"
    else:
        file = io.BytesIO()
        _Pickler(file, protocol=4).dump(value)
        yield file.getvalue()


class _Pickler(pickle.Pickler):
    """A composite operation is what its C code says, as for Theano; its variables are numbered."""

    def reducer_override(self, value):
        from theano.scalar import Composite

        if type(value) is Composite:
            value.init_c_code()
            return Composite, (value.nin, value.nout, value._c_code)
        return NotImplemented


def has(cache, key):
    """Whether a cache has the module of a key."""
    return key in cache.entry_from_key or cache.facekp_index.find(key) is not None


def install():
    """Let Theano's cache ask the index first; a second call changes nothing."""
    from theano.gof.cmodule import ModuleCache

    if hasattr(ModuleCache, "facekp_index"):
        return
    ModuleCache.facekp_index = None
    refresh, get_from_key = ModuleCache.refresh, ModuleCache._get_from_key
    update_mappings, at_exit = ModuleCache._update_mappings, ModuleCache._on_atexit

    def refresh_if_needed(self, *args, **kwargs):
        if self.facekp_index is None:  # the constructor calls
            self.facekp_index = Index(self.dirname)
            if self.facekp_index.is_recent():
                return []
        self.facekp_index.reading()
        # it takes a module for an error that is loaded before its key is read
        loaded, self.module_from_name = self.module_from_name, {}
        try:
            return refresh(self, *args, **kwargs)
        finally:
            self.module_from_name.update(loaded)

    def get_from_index(self, key, key_data=None):
        if key is None:
            return get_from_key(self, key, key_data)
        index = self.facekp_index
        path = index.find(key) if key not in self.entry_from_key else None
        if path is not None:
            try:
                return self._get_module(path)
            except (ImportError, OSError):  # damaged: the whole cache is read, and it is removed
                pass
        if not index.whole and key[0] and key not in self.entry_from_key:
            self.refresh()
        module = get_from_key(self, key)
        if module is not None:
            index.add(key, module.__file__)
        return module

    def update_both(self, key, key_data, name, check_in_keys):
        update_mappings(self, key, key_data, name, check_in_keys)
        self.facekp_index.add(key, name)

    def exit_and_save(self):
        if self.facekp_index.whole:  # else it would be read now
            at_exit(self)
        self.facekp_index.save()

    ModuleCache.refresh, ModuleCache._get_from_key = refresh_if_needed, get_from_index
    ModuleCache._update_mappings, ModuleCache._on_atexit = update_both, exit_and_save
