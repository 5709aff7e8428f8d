"""The bridges give Lasagne 0.1 and nolearn 0.6.1 what they import, and do what it did."""

import collections
import subprocess
import sys

import numpy as np
import pytest

import facekp.engine.ready  # noqa: F401
from facekp.engine import bridges


def test_bridging_again_changes_nothing():
    module = sys.modules["theano.tensor.signal.downsample"]
    Iterable = collections.Iterable
    bridges.bridge()
    assert sys.modules["theano.tensor.signal.downsample"] is module
    assert collections.Iterable is Iterable


def test_a_feature_that_is_there_is_left_alone(monkeypatch):
    monkeypatch.setattr(collections, "Iterable", "theirs")
    monkeypatch.setattr(sys.modules["sklearn.cross_validation"], "KFold", "theirs")
    bridges.bridge()
    assert collections.Iterable == "theirs"
    assert sys.modules["sklearn.cross_validation"].KFold == "theirs"


@pytest.mark.parametrize("ignore_border, shape", [(True, (2, 1)), (False, (3, 2))])
def test_max_pool_2d_under_its_old_name(ignore_border, shape):
    import theano
    import theano.tensor as T
    from theano.tensor.signal.downsample import max_pool_2d

    x = np.arange(5 * 3, dtype="float32").reshape(1, 1, 5, 3)
    X = T.tensor4()
    y = theano.function([X], max_pool_2d(X, (2, 2), ignore_border=ignore_border))(x)
    assert y.shape[2:] == shape
    assert y[0, 0, 0, 0] == x[0, 0, :2, :2].max()
    rows, columns = (slice(2 * n - 2, 2 * n) for n in shape)  # of the last window
    assert y[0, 0, -1, -1] == x[0, 0, rows, columns].max()


def test_max_pool_2d_with_stride_and_padding():
    import theano
    import theano.tensor as T
    from theano.tensor.signal.downsample import max_pool_2d

    x = np.arange(16, dtype="float32").reshape(1, 1, 4, 4)
    X = T.tensor4()
    pooled = max_pool_2d(X, ds=(3, 3), ignore_border=True, st=(2, 2), padding=(1, 1))
    np.testing.assert_array_equal(theano.function([X], pooled)(x)[0, 0], [[5, 7], [13, 15]])


def test_k_fold_as_nolearn_calls_it():
    from sklearn.cross_validation import KFold

    folds = KFold(10, round(1.0 / 0.2))
    train, valid = next(iter(folds))
    assert valid.tolist() == [0, 1] and train.tolist() == list(range(2, 10))
    assert len(list(folds)) == len(folds) == 5
    tests = [test for _, test in KFold(10, 5, shuffle=True, random_state=3)]
    assert sorted(np.concatenate(tests)) == list(range(10)) and tests[0].tolist() != [0, 1]


def test_stratified_k_fold_keeps_the_share_of_classes():
    from sklearn.cross_validation import StratifiedKFold

    y = np.array([0] * 8 + [1] * 4)
    for train, valid in StratifiedKFold(y, 4):
        assert np.bincount(y[valid]).tolist() == [2, 1]
        assert np.bincount(y[train]).tolist() == [6, 3]


def test_a_net_can_be_printed_and_tells_its_parameters():
    from lasagne.layers import DenseLayer, InputLayer
    from nolearn.lasagne import NeuralNet

    net = NeuralNet([(InputLayer, {"shape": (None, 3)}), (DenseLayer, {"num_units": 2})],
                    regression=True, max_epochs=7)
    assert net.get_params()["max_epochs"] == 7
    assert "max_epochs=7" in repr(net)


def test_nolearn_trains():
    from lasagne.layers import DenseLayer, InputLayer
    from nolearn.lasagne import NeuralNet

    X = np.random.RandomState(0).rand(40, 3).astype("float32")
    y = X[:, :1] - X[:, 1:2]
    net = NeuralNet([(InputLayer, {"shape": (None, 3)}),
                     (DenseLayer, {"num_units": 1, "nonlinearity": None})],
                    regression=True, max_epochs=20, update_learning_rate=0.1)
    net.fit(X, y)
    losses = [row["valid_loss"] for row in net.train_history_]
    assert losses[-1] < losses[0] / 4


def test_the_names_that_lasagnes_own_tests_import():
    from theano.gof.graph import is_same_graph
    from theano.scan_module.scan_utils import equal_computations
    from theano.tensor import scalar

    x = scalar("x")
    assert is_same_graph(x + 1, x + 1) and equal_computations([x + 1], [x + 1])


def test_installed_in_any_program_and_twice_exactly_the_known_warnings_are_silent(clean_env):
    code = """
from facekp.engine import bridges; bridges.install(); bridges.install()
import lasagne, nolearn.lasagne, warnings
warnings.filterwarnings("error", message="nothing")  # what a program adds does not matter
layer = lasagne.layers.Conv2DLayer(lasagne.layers.InputLayer((1, 1, 4, 4)), 1, 3)
lasagne.layers.get_output(layer)
warnings.warn("another")
warnings.warn("The `image_shape` keyword argument, from elsewhere")
"""
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "Warning" in line] == [
        "<string>:7: UserWarning: another",
        "<string>:8: UserWarning: The `image_shape` keyword argument, from elsewhere",
    ]


def test_compiled_code_has_the_same_version_in_every_process(clean_env):
    code = """if True:
        import facekp.engine.ready, theano.tensor as T
        print(T.matrix().T.owner.op.c_code_cache_version())
        from theano.compile.ops import deep_copy_op
        from theano.gof import CLinker, FunctionGraph
        from theano.scalar import Composite, float32
        from facekp.engine.compile_index import digest
        x = float32()
        square_root = T.Elemwise(Composite([x], [(x * x) ** 0.5]))
        for op in (deep_copy_op, T.basic.scalar_from_tensor, T.DimShuffle((), ["x"]), square_root):
            node = op.make_node(T.fscalar())
            key = CLinker().accept(FunctionGraph(node.inputs, node.outputs)).cmodule_key()
            print(key[0], digest(key))
    """
    versions = [subprocess.check_output([sys.executable, "-c", code],
                                        env=dict(clean_env, PYTHONHASHSEED=seed)).splitlines()
                for seed in "12"]
    assert versions[0] == versions[1] and len(versions[0]) == 5
    assert not any(line.startswith(b"()") or b"None" in line for line in versions[0])


def test_setting_the_clock_changes_no_epochs_duration():
    import time

    import nolearn.lasagne.base

    assert nolearn.lasagne.base.time is time.monotonic


def test_recurrent_layers_work_beside_the_fused_kernels():
    from lasagne import layers
    from lasagne.nonlinearities import identity, tanh
    from facekp.nets.net import KeypointNet

    rng = np.random.RandomState(0)
    X = rng.normal(size=(8, 4, 3)).astype(np.float32)                 # (n, steps, features)
    y = X[:, :, :2].mean(axis=1)
    net = KeypointNet([(layers.InputLayer, {"shape": (None, 4, 3), "name": "input"}),
                       (layers.RecurrentLayer, {"num_units": 5, "nonlinearity": tanh,
                                                "name": "recurrent"}),
                       (layers.DenseLayer, {"num_units": 2, "nonlinearity": identity,
                                            "name": "output"})],
                      regression=True, update_learning_rate=0.1, max_epochs=5,
                      train_split=lambda X, y, net: (X, X, y, y))
    net.fit(X, y)
    losses = [row["train_loss"] for row in net.train_history_]
    assert losses[-1] < losses[0]
    recurrent, output = net.layers_["recurrent"], net.layers_["output"]
    W_in, b, W_hid = (parameter.get_value() for parameter in (
        recurrent.input_to_hidden.W, recurrent.input_to_hidden.b, recurrent.hidden_to_hidden.W))
    h, states = np.zeros((8, 5)), []
    for step in range(4):
        h = np.tanh(X[:, step] @ W_in + b + h @ W_hid)
        states.append(h)
    expected = (np.stack(states, axis=1).reshape(8, -1) @ output.W.get_value()
                + output.b.get_value())                               # the dense layer takes all
    np.testing.assert_allclose(net.predict(X), expected, atol=1e-5)


def key_of(node):
    from theano.gof import FunctionGraph
    from theano.gof.cc import CLinker

    return CLinker().accept(FunctionGraph(node.inputs, node.outputs)).cmodule_key()


def test_ops_without_attributes_have_versions():
    """Otherwise each process would compile them again."""
    import theano.tensor as T
    from facekp.fused.residual_ops import BatchNormAddRelu
    from theano.compile.ops import DeepCopyOp

    z, stats, gamma, epsilon = T.tensor4(), T.matrix(), T.vector(), T.scalar()
    for node in (BatchNormAddRelu()(z, stats, gamma, gamma, epsilon, z).owner,
                 DeepCopyOp()(gamma).owner, T.scalar_from_tensor(epsilon).owner):
        version, _ = key_of(node)
        assert version, node
    assert BatchNormAddRelu() == BatchNormAddRelu()


def test_ops_of_other_programs_are_left_as_they_are():
    import theano
    import theano.tensor as T

    class Own(theano.gof.Op):
        __props__ = ()

        def make_node(self, x):
            return theano.Apply(self, [x], [x.type()])

        def c_code_cache_version(self):
            return (1,)

    version, _ = key_of(Own()(T.vector()).owner)
    assert version == () and Own.__props__ == ()


def test_lasagne_needs_no_pkg_resources_and_others_get_the_real_one(clean_env):
    code = ("import sys, lasagne; assert lasagne.__version__ == '0.1';"
            "assert 'pkg_resources' not in sys.modules; import pkg_resources;"
            "pkg_resources.require('numpy')")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=clean_env,
                          stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


def test_theano_knows_the_function_that_asked():
    """By its name it tells its own replacements from others, whose faults it would print."""
    from theano.gof import toolbox

    info = toolbox.inspect.getframeinfo(toolbox.inspect.currentframe())
    assert info.function == "test_theano_knows_the_function_that_asked"
