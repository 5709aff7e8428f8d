"""lasagne.layers.get_output with fused Ops in the place of the chains that patterns.py lists."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

from collections import defaultdict

import lasagne
from lasagne.layers import InputLayer, get_all_layers
from lasagne.utils import as_theano_expression
from theano.compile import SharedVariable

from facekp.fused import patterns, status


def get_output(layer_or_layers, inputs=None, deterministic=False):
    """The output of one or more layers, computed by fused Ops where a pattern matches.

    Parameters
    ----------
    layer_or_layers : Layer or list of Layer
    inputs : expression, array or dict of Layer -> expression or array, optional
        Instead of the input layers' own variables, as in :func:`lasagne.layers.get_output`.
    deterministic : bool
        Passed on to the layers: True for evaluation (no dropout, running averages).

    Returns
    -------
    expression or list of expressions
        Equal to Lasagne's up to the order of sums and the random bits of dropout.

    Notes
    -----
    To ask Theano for the gradient with respect to a plain input variable, or of an output that was
    built with ``deterministic=True``, is an error: use Lasagne's function for that.
    """
    if not status.enabled():
        return lasagne.layers.get_output(layer_or_layers, inputs, deterministic=deterministic)
    requested = _as_list(layer_or_layers)
    outputs = _given(requested, inputs)
    walk = [layer for layer in get_all_layers(requested, treat_as_input=list(outputs))
            if layer not in outputs]
    consumers = _consumers(walk)
    residuals = {layer: patterns.match_residual(layer, consumers, requested) for layer in walk}
    residuals = {layer: found for layer, found in residuals.items() if found}
    inside = set()  # layers of fused chains, and of residual blocks whose addition is to come
    for found in residuals.values():
        inside.update((found.conv, found.norm, found.relu))
    for layer in walk:
        if layer in inside:
            continue
        if layer in residuals:
            found = residuals[layer]
            outputs[found.relu] = _residual(found, outputs, deterministic)
            continue
        x = _input(layer, outputs)
        found = patterns.match(_chain(layer, consumers, requested)) if _is_float32(x) else None
        if found is None:
            outputs[layer] = layer.get_output_for(x, deterministic=deterministic)
        else:
            pattern, matched = found
            present = [part for part in matched if part is not None]
            inside.update(present)
            outputs[present[-1]] = pattern.build(x, matched, deterministic, _needs_gradient(x))
    if isinstance(layer_or_layers, (list, tuple)):
        return [outputs[layer] for layer in requested]
    return outputs[layer_or_layers]


def _residual(found, outputs, deterministic):
    """The output of a residual block."""
    x, shortcut = _input(found.conv, outputs), outputs[found.shortcut]
    if _is_float32(x) and _is_float32(shortcut):
        return patterns.build_residual(x, shortcut, found, deterministic, _needs_gradient(x))
    for layer in (found.conv, found.norm):
        x = layer.get_output_for(x, deterministic=deterministic)
    return found.relu.get_output_for(found.sum.get_output_for([x, shortcut]))


def _as_list(layer_or_layers):
    several = isinstance(layer_or_layers, (list, tuple))
    return list(layer_or_layers) if several else [layer_or_layers]


def _given(requested, inputs):
    """Outputs that need no computation: of input layers, and those given in `inputs`."""
    if isinstance(inputs, dict):
        given = {layer: as_theano_expression(x) for layer, x in inputs.items()}
    else:
        given = {}
    free = [layer for layer in get_all_layers(requested, treat_as_input=list(given))
            if isinstance(layer, InputLayer) and layer not in given]
    if inputs is None or isinstance(inputs, dict):
        given.update((layer, layer.input_var) for layer in free)
    elif len(free) > 1:
        raise ValueError("get_output: one input for a net with %d input layers; expected a dict of "
                         "layer to expression" % len(free))
    else:
        given.update((layer, as_theano_expression(inputs)) for layer in free)
    return given


def _consumers(layers):
    """The layers that read each layer's output."""
    consumers = defaultdict(list)
    for layer in layers:
        for source in _sources(layer):
            consumers[source].append(layer)
    return consumers


def _sources(layer):
    if hasattr(layer, "input_layers"):
        return layer.input_layers
    return [layer.input_layer] if getattr(layer, "input_layer", None) is not None else []


def _chain(layer, consumers, requested):
    """`layer` and those after it, while nobody else reads or asks for what is in between."""
    chain = [layer]
    while chain[-1] not in requested and len(consumers[chain[-1]]) == 1:
        after, = consumers[chain[-1]]
        if hasattr(after, "input_layers"):
            break
        chain.append(after)
    return chain


def _input(layer, outputs):
    """The expression that a layer reads, a list of them for a layer with several inputs.

    Raises
    ------
    ValueError
        If the layer hangs in the air.
    """
    sources = _sources(layer)
    if not sources or any(source not in outputs for source in sources):
        raise ValueError("get_output: layer %s has no input; expected a dict of layer to "
                         "expression" % (layer.name or layer))
    expressions = [outputs[source] for source in sources]
    return expressions if hasattr(layer, "input_layers") else expressions[0]


def _is_float32(x):
    return all(v.dtype == "float32" for v in (x if isinstance(x, list) else [x]))


def _needs_gradient(x):
    """Whether something that is trained can lie behind `x`: False for a plain input variable."""
    return any(v.owner is not None or isinstance(v, SharedVariable)
               for v in (x if isinstance(x, list) else [x]))
