"""Dense layers, with activation and dropout, in the same threads as the convolutions."""
import numpy as np
import theano
import theano.tensor as T
from theano import scalar
from theano.gof.params_type import ParamsType
from theano.gradient import DisconnectedType

from facekp.fused.cop import FusedOp, float32

ACTIVATIONS = ("linear", "rectify", "tanh")  # numbered as in csrc/dense.h

NO_BIAS = T.constant(np.zeros(0, dtype=np.float32), name="no bias")
NO_STATE = T.constant(np.zeros(0, dtype=np.int64), name="no state")


class _DenseOp(FusedOp):
    """What the two Ops share.

    Parameters
    ----------
    activation : int
        Index in `ACTIVATIONS`.
    p : float
        Probability of dropping an output.
    needs_input_grad : bool
        Whether the gradient yields gx.
    """

    __props__ = ("activation", "p", "needs_input_grad")
    params_type = ParamsType(activation=scalar.int64, p=scalar.float64)
    headers = ("dense.h",)

    def __init__(self, activation, p, needs_input_grad):
        self.activation = activation
        self.p = p
        self.needs_input_grad = needs_input_grad

    def begin(self, x, W, state):
        """C++ for x, W, the sizes n, inputs, units, the activation, and dropout's key or null."""
        return """
        In<float> x(%s, ANY_NDIM, "x"), W(%s, 2, "W");
        const int64_t n = x.dim(0), inputs = W.dim(0), units = W.dim(1);
        if (inputs == 0 || x.size() != n * inputs)
          throw Failure("x has shape " + x.shape() + ", W " + W.shape() +
                        "; expected W to have a row for each number of one x");
        const Activation activation = (Activation)params->activation;
        In<int64_t> state(%s, 1, "state");
        DropoutKey made, *key = nullptr;
        if (params->p > 0) {
          made = make_dropout_key(state.data[0], state.data[1], params->p);
          key = &made;
        }
        """ % (x, W, state)


class Dense(_DenseOp):
    """y (n, units) from x (n, ...), W (inputs, units), b (units,) or (0,), state (2,) or (0,)."""

    def make_node(self, x, W, b, state):
        x = T.as_tensor_variable(x)
        inputs = [float32(x, x.ndim, "x"), float32(W, 2, "W"), float32(b, 1, "b"), state]
        rows, columns = x.broadcastable[0], inputs[1].broadcastable[1]
        return theano.Apply(self, inputs, [T.TensorType("float32", (rows, columns))()])

    def infer_shape(self, node, shapes):
        return [(shapes[0][0], shapes[1][1])]

    def connection_pattern(self, node):
        return [[self.needs_input_grad], [True], [True], [False]]

    def L_op(self, inputs, outputs, output_gradients):
        x, W, b, state = inputs
        gradients = DenseGradient(self.activation, self.p, self.needs_input_grad)(
            x, W, b, outputs[0], output_gradients[0], state, return_list=True)
        if not self.needs_input_grad:
            gradients.insert(0, DisconnectedType()())
        return gradients + [DisconnectedType()()]

    def body(self, node, inputs, outputs):
        x, W, b, state = inputs
        return self.begin(x, W, state) + """
        In<float> b(%s, 1, "b");
        if (b.size() != 0 && b.size() != units)
          throw Failure("b has shape " + b.shape() + ", W " + W.shape() +
                        "; expected one number for each column of W");
        dense_forward(activation, x.data, W.data, b.size() ? b.data : nullptr, key,
                      out<float>(&%s, {n, units}), n, inputs, units, omp_get_max_threads());
        """ % (b, outputs[0])


class DenseGradient(_DenseOp):
    """[gx], gW, gb from x, W, b, y = Dense(x, W, b, state), the gradient gy of y, state."""

    def make_node(self, x, W, b, y, gy, state):
        x = T.as_tensor_variable(x)
        inputs = [float32(x, x.ndim, "x"), float32(W, 2, "W"), float32(b, 1, "b"),
                  float32(y, 2, "y"), float32(gy, 2, "gy"), state]
        outputs = [inputs[i].type() for i in range(3)]
        return theano.Apply(self, inputs, outputs if self.needs_input_grad else outputs[1:])

    def infer_shape(self, node, shapes):
        return shapes[:3] if self.needs_input_grad else shapes[1:3]

    def body(self, node, inputs, outputs):
        x, W, b, y, gy, state = inputs
        gW, gb = outputs[-2:]
        gx = "out_like<float>(&%s, %s)" % (outputs[0], x) if self.needs_input_grad else "nullptr"
        return self.begin(x, W, state) + """
        In<float> y(%(y)s, 2, "y"), gy(%(gy)s, 2, "gy");
        if (y.dim(0) != n || y.dim(1) != units || gy.dim(0) != n || gy.dim(1) != units)
          throw Failure("x " + x.shape() + ", W " + W.shape() + ", y " + y.shape() + " and gy " +
                        gy.shape() + " do not belong together");
        float* gx = %(gx)s;
        float* gb = out_like<float>(&%(gb)s, %(b)s);
        dense_gradients(activation, x.data, W.data, y.data, gy.data, key, gx,
                        out_like<float>(&%(gW)s, %(W)s), PyArray_SIZE(%(b)s) ? gb : nullptr,
                        n, inputs, units, omp_get_max_threads());
        """ % {"W": W, "b": b, "y": y, "gy": gy, "gx": gx, "gW": gW, "gb": gb}


def dense(x, W, b=None, activation="linear", dropout_state=None, p=0.0, needs_input_grad=True):
    """A dense layer in one Op: ``dropout(activation(dot(x, W) + b))``.

    Parameters
    ----------
    x : float32 expression (n, ...)
        All axes but the first are taken as one, of `inputs` numbers.
    W : float32 expression (inputs, units)
    b : float32 expression (units,), optional
    activation : {"linear", "rectify", "tanh"}
    dropout_state : int64 expression (2,), optional
        The layer's seed and step (:func:`facekp.fused.dropout_ops.dropout_state`).
    p : float
        Probability of dropping an output; only after "linear" and "rectify", whose gradient can
        be read from the dropped output.
    needs_input_grad : bool
        False where no one will ask for the gradient with respect to `x`; it is then not computed.

    Returns
    -------
    float32 expression (n, units)
        A rectified value of a negative sum is -0.0 and of a sum of exactly 0 is 0.0: equal in
        every comparison, but the gradient tells them apart as Theano's own rectifier does.

    Raises
    ------
    TypeError
        If an array is not float32 or has another number of axes.
    ValueError
        If `activation` is unknown, or dropout follows "tanh".
    """
    if activation not in ACTIVATIONS:
        raise ValueError("activation=%r; expected one of %s" % (activation, ", ".join(ACTIVATIONS)))
    if dropout_state is None:
        dropout_state, p = NO_STATE, 0.0
    if p > 0 and activation == "tanh":
        raise ValueError("dropout after tanh has no fused form; put fused dropout behind it")
    op = Dense(ACTIVATIONS.index(activation), float(p), bool(needs_input_grad))
    return op(x, W, NO_BIAS if b is None else b, dropout_state)
