"""All C++ modules of a graph compiled at once instead of one after the other.

Theano compiles a function's modules one by one, while the other cores idle: about two thirds of the
time until a net first trains is g++. Here the missing ones are compiled side by side and put into
Theano's cache, where its linker finds them. Whatever fails is left to the linker, which compiles it
again and reports the fault.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

import theano
from theano.compile import optdb
from theano.gof import FunctionGraph
from theano.gof.cc import CLinker, get_module_cache
from theano.gof.cmodule import dlimport, get_module_hash
from theano.gof.compilelock import lock_ctx
from theano.gof.opt import Optimizer

from facekp.engine import compile_index
from facekp.machine import usable_cores

TAG = "facekp_compile_ahead"


class CompileAhead(Optimizer):
    """Compile the modules that a graph needs and the cache does not have; change no node."""

    def apply(self, fgraph):
        # one node of those that an Op has for the same types: their code is nearly always the same
        nodes = {(node.op, *(variable.type for variable in node.inputs)): node
                 for node in fgraph.apply_nodes
                 if "make_thunk" not in vars(node.op)}  # those that small_ops.py gave to Python
        links = [CLinker().accept(FunctionGraph(node.inputs, node.outputs))
                 for node in nodes.values()]
        cache = get_module_cache()
        if len(_missing(links, cache)) < 2 or usable_cores() < 2:
            return
        with lock_ctx():  # what another process is compiling just now is waited for
            cache.refresh(cleanup=False)
            missing = _missing(links, cache)
            # the longest first: it would keep one core busy alone at the end
            missing = dict(sorted(missing.items(), key=lambda item: -len(item[1].get_src_code())))
            with tempfile.TemporaryDirectory(dir=theano.config.compiledir) as folder, \
                    ThreadPoolExecutor(usable_cores()) as pool:
                jobs = [pool.submit(_compile, link, os.path.join(folder, str(i)))
                        for i, link in enumerate(missing.values())]
                for (key, link), job in zip(missing.items(), jobs):
                    if job.exception() is None:
                        cache.module_from_key(key, lnk=_Compiled(link, job.result()))


class _Compiled:
    """What the cache asks of a linker, for a module that lies ready in a file."""

    def __init__(self, link, path):
        self.get_src_code = link.get_src_code
        self.path = path

    def compile_cmodule(self, location):
        shutil.copy(os.path.join(os.path.dirname(self.path), "mod.cpp"), location)
        return dlimport(shutil.copy(self.path, location))


def _missing(links, cache):
    """Linkers by their key, for modules that are in no cache; one for each source text."""
    found, texts = {}, set()
    for link in links:
        try:
            key = link.cmodule_key()
            # a key without version belongs to an Op that must not be cached
            if key and key[0] and not compile_index.has(cache, key):
                text = link.get_src_code()
                known = get_module_hash(text, key) in cache.module_hash_to_key_data
                if text not in texts and not known:
                    texts.add(text)
                    found[key] = link
        except Exception:  # no C code: Theano will run its Python
            continue
    return found


def _compile(link, folder):
    """Run the C++ compiler; the path of the module."""
    os.mkdir(folder)
    module = link.get_dynamic_module()
    link.c_compiler().compile_str(
        module.code_hash, link.get_src_code(), folder, link.header_dirs(), link.lib_dirs(),
        link.libraries(), link.compile_args(), py_module=False)
    return next(os.path.join(folder, name) for name in os.listdir(folder)
                if name.startswith(module.code_hash))


optdb.register("CompileAhead", CompileAhead(), 201, TAG)  # after small_ops.py; where asked for
