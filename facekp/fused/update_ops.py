"""An optimizer's step for a parameter as one Op that reads and writes each number once, in place.

Stock Theano computes every accumulator and every parameter in a single-threaded pass of its own;
here it is one C++ loop on all threads (csrc/updates.h). The arithmetic and its order are Lasagne's.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from collections import OrderedDict, namedtuple

import theano
import theano.tensor as T
from theano.compile import optdb
from theano.gof.fg import InconsistencyError
from theano.gof.opt import TopoOptimizer, local_optimizer

from facekp.fused.cop import FusedOp

Rule = namedtuple("Rule", "struct scalars num_states")

RULES = {
    "sgd": Rule("Sgd", ("learning_rate",), 0),
    "nesterov_momentum": Rule("NesterovMomentum", ("learning_rate", "momentum"), 1),
    "adagrad": Rule("Adagrad", ("learning_rate", "epsilon"), 1),
    "rmsprop": Rule("RmsProp", ("learning_rate", "epsilon", "rho", "one_minus_rho"), 1),
    "adam": Rule("Adam", ("step_size", "epsilon", "beta1", "one_minus_beta1", "beta2",
                          "one_minus_beta2"), 2),
}
"""By the name in facekp.nets.optimizers: the struct of csrc/updates.h, its members in order, and
the number of states per parameter."""


class Update(FusedOp):
    """One step of an optimizer for one parameter.

    Inputs: the rule's float32 scalars; the gradient; the parameter and its states. Outputs: the
    next values of the last group. One Op for each parameter and not one for all: the C++ is then
    the same for all parameters of all nets, and compiled once for a rule.

    Parameters
    ----------
    rule : str
        A key of `RULES`.
    in_place : bool
        Overwrite the parameter and states. Set by :func:`update_in_place`, when Theano's
        bookkeeping of destroyed inputs is at work.
    """

    __props__ = ("rule", "in_place")
    headers = ("update_arrays.h",)

    def __init__(self, rule, in_place=False):
        self.rule, self.in_place = rule, in_place
        if in_place:
            first = len(RULES[rule].scalars) + 1
            self.destroy_map = {i: [first + i] for i in range(1 + RULES[rule].num_states)}

    def _split(self, inputs):
        """`inputs` as (scalars, gradient, parameter and states)."""
        first = len(RULES[self.rule].scalars)
        return inputs[:first], inputs[first], inputs[first + 1:]

    def make_node(self, *inputs):
        return theano.Apply(self, inputs, [old.type() for old in self._split(inputs)[2]])

    def infer_shape(self, node, shapes):
        return self._split(shapes)[2]

    def body(self, node, inputs, outputs):
        scalars, grad, old = self._split(inputs)
        struct, _, num_states = RULES[self.rule]
        return """
        const %(struct)s rule = {%(scalars)s};
        PyArrayObject* const old[] = {%(old)s};
        PyArrayObject** const next[] = {%(next)s};
        update_arrays<%(num_states)d>(rule, %(grad)s, old, next, %(in_place)d);
        """ % {"struct": struct, "grad": grad, "old": ", ".join(old),
               "scalars": ", ".join("scalar(%s)" % name for name in scalars),
               "next": ", ".join("&" + name for name in outputs),
               "num_states": num_states, "in_place": self.in_place}


@local_optimizer([Update], inplace=True)
def update_in_place(node):
    """Let an :class:`Update` overwrite its parameter and states, where nobody reads them later."""
    if isinstance(node.op, Update) and not node.op.in_place:
        return Update(node.op.rule, in_place=True)(*node.inputs, return_list=True)
    return False


class UpdatesInPlace(TopoOptimizer):
    """:func:`update_in_place` for all nodes, and one check of the graph for circles.

    A check after each node, as Theano does it, took a fifth of the time in which ResNet's training
    is compiled. That is done only where the one check finds a fault.
    """

    def __init__(self):
        super().__init__(update_in_place, failure_callback=TopoOptimizer.warn_inplace)

    def apply(self, fgraph, start_from=None):
        before = fgraph.checkpoint()
        try:
            for node in fgraph.toposort():
                for old, new in zip(node.outputs, update_in_place.transform(node) or ()):
                    fgraph.replace(old, new, reason="facekp_update_in_place")
            fgraph.validate()
        except InconsistencyError:
            fgraph.revert(before)
            super().apply(fgraph, start_from)


optdb.register("facekp_update_in_place", UpdatesInPlace(), 75, "fast_run", "inplace")


def fuse(name, stock, grads, params, options):
    """The updates that Lasagne made, computed by an :class:`Update` for each parameter.

    Parameters
    ----------
    name : str
        A key of `RULES`.
    stock : OrderedDict
        What Lasagne's function of that name returned: its keys are the parameters and the states.
    grads : list of expressions
    params : list of shared variables
    options : dict
        The arguments Lasagne's function had: learning rate and constants, floats or scalars.

    Returns
    -------
    OrderedDict : like `stock`, in the same order
        `stock` itself if a parameter or gradient is not a float32 tensor in the CPU's memory.
    """
    if not params or not all(_is_float32(v) for v in list(grads) + list(stock)):
        return stock
    states = [variable for variable in stock if variable not in params]
    rule = RULES[name]
    scalars = _members(rule, stock, states, options)
    updates = OrderedDict(stock)
    for i, (grad, param) in enumerate(zip(grads, params)):
        old = [param] + states[i * rule.num_states:(i + 1) * rule.num_states]
        updates.update(zip(old, Update(name)(*scalars + [grad] + old, return_list=True)))
    return updates


def _is_float32(variable):
    return type(variable.type) is T.TensorType and variable.dtype == "float32"


def _members(rule, stock, states, options):
    """The values of the rule's struct as float32 scalars, rounded where Lasagne rounds them."""
    values = dict(options)
    values.update(("one_minus_" + key, 1 - value) for key, value in options.items())
    if "step_size" in rule.scalars:
        t = stock[states[-1]]
        values["step_size"] = (options["learning_rate"] * T.sqrt(1 - options["beta2"] ** t)
                               / (1 - options["beta1"] ** t))
    return [T.cast(T.as_tensor_variable(values[member]), "float32") for member in rule.scalars]
