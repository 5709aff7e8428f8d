"""Dense layers, with activation and dropout, in the same threads as the convolutions."""
import theano
import theano.tensor as T
from theano.gradient import DisconnectedType

from facekp.fused.cop import FusedOp, float32

ACTIVATIONS = ("linear", "rectify", "tanh")


class _DenseOp(FusedOp):
    """What the two Ops share: the optional bias, and dropout given as a state and p > 0."""

    headers = ("dense.h",)

    def options(self, inputs, first):
        """C++ for `key`, the dropout key or null; the state, if any, is ``inputs[first]``."""
        if self.p == 0:
            return "const DropoutKey* key = nullptr;"
        return """
        In<int64_t> state(%s, 1, "state");
        const DropoutKey made = make_dropout_key(state.data[0], state.data[1], %r);
        const DropoutKey* key = &made;
        """ % (inputs[first], self.p)


class Dense(_DenseOp):
    """y = dropout(activation(x W + b)); inputs x (n, inputs), W, [b], [state]."""

    __props__ = ("activation", "has_bias", "p", "needs_input_grad")

    def __init__(self, activation, has_bias, p, needs_input_grad):
        self.activation = activation
        self.has_bias = has_bias
        self.p = p
        self.needs_input_grad = needs_input_grad

    def make_node(self, x, W, *options):
        inputs = [float32(x, 2, "x"), float32(W, 2, "W")]
        if self.has_bias:
            inputs.append(float32(options[0], 1, "b"))
        if self.p > 0:
            inputs.append(options[-1])
        rows, columns = inputs[0].broadcastable[0], inputs[1].broadcastable[1]
        return theano.Apply(self, inputs, [T.TensorType("float32", (rows, columns))()])

    def infer_shape(self, node, shapes):
        return [(shapes[0][0], shapes[1][1])]

    def connection_pattern(self, node):
        return [[self.needs_input_grad]] + [[v.dtype == "float32"] for v in node.inputs[1:]]

    def L_op(self, inputs, outputs, output_gradients):
        state = inputs[-1:] if self.p > 0 else []
        gradients = DenseGrad(self.activation, self.has_bias, self.p, self.needs_input_grad)(
            *inputs[:2], *outputs, *output_gradients, *state, return_list=True)
        if not self.needs_input_grad:
            gradients.insert(0, DisconnectedType()())
        return gradients + [DisconnectedType()() for _ in state]

    def body(self, node, inputs, outputs):
        return """
        In<float> x(%(x)s, 2, "x"), W(%(W)s, 2, "W");
        if (x.dim(1) != W.dim(0))
          throw Failure("x has shape " + x.shape() + ", W " + W.shape() +
                        "; expected W to have a row for each column of x");
        %(bias)s
        %(options)s
        float* y = out<float>(&%(y)s, {x.dim(0), W.dim(1)});
        dense_forward<%(activation)s>(x.data, W.data, bias, key, y, x.dim(0), W.dim(0), W.dim(1),
                                      omp_get_max_threads());
        """ % {"x": inputs[0], "W": inputs[1], "y": outputs[0],
               "activation": self.activation.upper(),
               "bias": _BIAS % inputs[2] if self.has_bias else "const float* bias = nullptr;",
               "options": self.options(inputs, -1)}


_BIAS = """
        In<float> b(%s, 1, "b");
        if (b.dim(0) != W.dim(1))
          throw Failure("b has shape " + b.shape() + ", W " + W.shape() +
                        "; expected one number for each column of W");
        const float* bias = b.data;
"""


class DenseGrad(_DenseOp):
    """[gx], gW, [gb] from x, W, y = Dense(x, W, ...), the gradient gy of y, [state]."""

    __props__ = ("activation", "has_bias", "p", "needs_input_grad")

    def __init__(self, activation, has_bias, p, needs_input_grad):
        self.activation = activation
        self.has_bias = has_bias
        self.p = p
        self.needs_input_grad = needs_input_grad

    def make_node(self, x, W, y, gy, *state):
        inputs = [float32(v, 2, name) for v, name in zip((x, W, y, gy), ("x", "W", "y", "gy"))]
        outputs = [inputs[0].type()] * self.needs_input_grad + [inputs[1].type()]
        if self.has_bias:
            outputs.append(T.TensorType("float32", inputs[1].broadcastable[1:])())
        return theano.Apply(self, inputs + list(state), outputs)

    def infer_shape(self, node, shapes):
        x, W = shapes[:2]
        return [x] * self.needs_input_grad + [W] + [(W[1],)] * self.has_bias

    def body(self, node, inputs, outputs):
        outputs = list(outputs)
        gx = "out_like<float>(&%s, %s)" % (outputs.pop(0), inputs[0]) \
            if self.needs_input_grad else "nullptr"
        gW = outputs.pop(0)
        gb = "out<float>(&%s, {W.dim(1)})" % outputs.pop(0) if self.has_bias else "nullptr"
        return """
        In<float> x(%(x)s, 2, "x"), W(%(W)s, 2, "W"), y(%(y)s, 2, "y"), gy(%(gy)s, 2, "gy");
        if (x.dim(1) != W.dim(0) || y.dim(0) != x.dim(0) || y.dim(1) != W.dim(1) ||
            gy.dim(0) != y.dim(0) || gy.dim(1) != y.dim(1))
          throw Failure("x " + x.shape() + ", W " + W.shape() + ", y " + y.shape() + " and gy " +
                        gy.shape() + " do not belong together");
        %(options)s
        float* gx = %(gx)s;
        float* gW = out_like<float>(&%(gW)s, %(W)s);
        float* gb = %(gb)s;
        dense_gradients<%(activation)s>(x.data, W.data, y.data, gy.data, key, gx, gW, gb,
                                        x.dim(0), W.dim(0), W.dim(1), omp_get_max_threads());
        """ % {"x": inputs[0], "W": inputs[1], "y": inputs[2], "gy": inputs[3],
               "gx": gx, "gW": gW, "gb": gb, "activation": self.activation.upper(),
               "options": self.options(inputs, -1)}


def dense(x, W, b=None, activation="linear", dropout_state=None, p=0.0, needs_input_grad=True):
    """A dense layer in one Op: ``dropout(activation(dot(x, W) + b))``.

    Parameters
    ----------
    x : float32 expression (n, inputs)
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
    """
    if activation not in ACTIVATIONS:
        raise ValueError("activation=%r; expected one of %s" % (activation, ", ".join(ACTIVATIONS)))
    p = float(p) if dropout_state is not None else 0.0
    if p > 0 and activation == "tanh":
        raise ValueError("dropout after tanh has no fused form; put fused dropout behind it")
    options = ([] if b is None else [b]) + ([dropout_state] if p > 0 else [])
    return Dense(activation, b is not None, p, bool(needs_input_grad))(x, W, *options)
