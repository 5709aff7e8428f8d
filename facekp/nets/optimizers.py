r"""The five update rules that section 5.3 of the paper compares, with the paper's constants.

The rules are Lasagne's. With :math:`g` the gradient, :math:`\eta` the learning rate, :math:`p` a
parameter, everything per element and all states 0 at the start:

===================  =============================================================================
sgd                  :math:`p \leftarrow p - \eta g`
nesterov_momentum    :math:`v \leftarrow \mu v - \eta g`, then
                     :math:`p \leftarrow p + \mu v - \eta g`; :math:`\mu` = 0.9
adagrad              :math:`a \leftarrow a + g^2`, then
                     :math:`p \leftarrow p - \eta g / \sqrt{a + \epsilon}`; :math:`\epsilon` = 1e-6
rmsprop              :math:`a \leftarrow \rho a + (1 - \rho) g^2`, then
                     :math:`p \leftarrow p - \eta g / \sqrt{a + \epsilon}`; :math:`\rho` = 0.9,
                     :math:`\epsilon` = 1e-6
adam                 :math:`t \leftarrow t + 1`,
                     :math:`m \leftarrow \beta_1 m + (1 - \beta_1) g`,
                     :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`, then
                     :math:`p \leftarrow p - \eta_t m / (\sqrt v + \epsilon)` with
                     :math:`\eta_t = \eta \sqrt{1 - \beta_2^t} / (1 - \beta_1^t)`;
                     :math:`\beta_1` = 0.9, :math:`\beta_2` = 0.999, :math:`\epsilon` = 1e-8
===================  =============================================================================

Where this differs from other formulations of the same names:

* Nesterov momentum takes the gradient at the current parameters, not at the predicted ones: the
  parameters stored here are the predicted ones of the textbook form (Sutskever et al. 2013), and
  the sequences are the same after that change of variable.
* Adagrad and RMSprop have :math:`\epsilon` inside of the root, where PyTorch and Keras add it to
  the root. It matters where :math:`a` is not large beside 1e-6: a first gradient of 1e-4 moves
  Adagrad's parameter by 0.0995 :math:`\eta` here and by 0.99 :math:`\eta` there.
* Adagrad starts from a = 0, as the paper it comes from (Duchi et al. 2011) does; some libraries
  start from 0.1.
* Adam folds both bias corrections into the step (end of section 2 of Kingma & Ba 2014), so that
  :math:`\epsilon` is added to the uncorrected root: it weighs :math:`1 / \sqrt{1 - \beta_2^t}`
  times as much (32 times at t = 1) as in algorithm 1 of that paper and in PyTorch.
* Adam counts t in floatX. float32 counts exactly up to 16,777,216 steps.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import contextlib
import functools
import types

import theano
from lasagne import updates

from facekp import fused
from facekp.errors import ConfigError
from facekp.fused import update_ops


@contextlib.contextmanager
def states_not_copied():
    """Lasagne's rules keep the zeros that they make, and not a copy of them.

    VGGNet's Adam has 300 MB of them; not copied, they take memory only when they are first changed.
    """
    own = updates.theano
    keeping = functools.partial(theano.shared, borrow=True)
    updates.theano = types.SimpleNamespace(**dict(vars(theano), shared=keeping))
    try:
        yield
    finally:
        updates.theano = own


class Optimizer:
    """An update rule and its constants.

    Parameters
    ----------
    name : str
    label : str, as the paper's figure 5 names it
    rule : callable
        Lasagne's function: ``rule(loss_or_grads, params, learning_rate, **constants)``.
    slots : tuple of str
        The names of the states that it keeps for each parameter, in Lasagne's order.
    **constants : float
        The rule's parameters besides the learning rate.
    """

    def __init__(self, name, label, rule, slots, **constants):
        self.name, self.label, self.rule, self.slots = name, label, rule, slots
        self.constants = constants

    def options(self, learning_rate=0.01):
        """The keyword arguments of :meth:`update`: the paper's constants and a learning rate.

        nolearn expects ``update_`` before each keyword, as in
        ``NeuralNet(update=optimizer.update, update_learning_rate=...)``.

        Returns
        -------
        dict : str -> float
        """
        return dict(self.constants, learning_rate=learning_rate)

    def update(self, loss_or_grads, params, **options):
        """Update expressions for one step.

        The state of the rule is in shared variables: the keys of the result that are not in
        `params`. Their names consist of the parameter and the state, like ``conv1.W.accu``; Adam's
        step counter is ``t``. If the fused kernels are on, the same expressions are computed in
        one pass over memory (:mod:`facekp.fused.update_ops`).

        Parameters
        ----------
        loss_or_grads : scalar expression, or list of expressions shaped like `params`
        params : list of shared variables
        **options : float or scalar expression
            The learning rate and constants. The defaults are the paper's values.

        Returns
        -------
        OrderedDict : shared variable -> expression of its next value
        """
        options = dict(self.options(), **options)
        grads = updates.get_or_compute_grads(loss_or_grads, params)
        with states_not_copied():
            stock = self.rule(grads, params, **options)
        states = [variable for variable in stock if variable not in params]
        self._name(states, params)
        if not fused.enabled():
            return stock
        return update_ops.fuse(self.name, stock, grads, params, options)

    def _name(self, states, params):
        names = [f"{param.name}.{slot}" for param in params for slot in self.slots]
        for state, name in zip(states, names + ["t"]):
            state.name = name


OPTIMIZERS = {optimizer.name: optimizer for optimizer in (
    Optimizer("sgd", "SGD", updates.sgd, ()),
    Optimizer("nesterov_momentum", "Nesterov momentum", updates.nesterov_momentum, ("velocity",),
              momentum=0.9),
    Optimizer("adagrad", "Adagrad", updates.adagrad, ("accu",), epsilon=1e-6),
    Optimizer("rmsprop", "RMSprop", updates.rmsprop, ("accu",), rho=0.9, epsilon=1e-6),
    Optimizer("adam", "Adam", updates.adam, ("m", "v"), beta1=0.9, beta2=0.999, epsilon=1e-8),
)}
"""The rules by name, in the paper's order."""


def get(name):
    """The :class:`Optimizer` with this name.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> get("adagrad").options(learning_rate=0.001)
    {'epsilon': 1e-06, 'learning_rate': 0.001}
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"optimizer: found {name!r}, expected one of {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]
