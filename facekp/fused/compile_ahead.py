"""All C++ modules of a graph compiled at once instead of one after the other.

Theano compiles a function's modules one by one, while the other cores idle: about two thirds of the
time until a net first trains is g++. Here the missing ones are compiled side by side and put into
Theano's cache (:mod:`facekp.engine.outside_lock`), where its linker finds them. Whatever fails is
left to the linker, which compiles it again and reports the fault.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from concurrent.futures import ThreadPoolExecutor

from theano.compile import optdb
from theano.gof import FunctionGraph
from theano.gof.cc import CLinker, get_module_cache
from theano.gof.cmodule import get_module_hash
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
        missing = _missing(links, cache)
        if len(missing) < 2 or usable_cores() < 2:
            return
        # the longest first: it would keep one core busy alone at the end
        missing = sorted(missing.items(), key=lambda item: -len(item[1].get_src_code()))
        with ThreadPoolExecutor(usable_cores()) as pool:
            for key, link in missing:
                pool.submit(cache.module_from_key, key, lnk=link)


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


optdb.register("CompileAhead", CompileAhead(), 201, TAG)  # after small_ops.py; where asked for
