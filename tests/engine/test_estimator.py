"""nolearn's NeuralNet and our nets as estimators of scikit-learn."""
import copy
import pickle

import facekp.engine.ready  # noqa: F401  (readies nolearn)

import joblib
import numpy as np
import pytest
from lasagne.layers import DenseLayer, InputLayer
from lasagne.nonlinearities import identity, softmax
from lasagne.updates import sgd
from nolearn.lasagne import BatchIterator, NeuralNet, PrintLog, TrainSplit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from facekp.nets.lenet import lenet5
from facekp.nets.net import KeypointNet

random = np.random.RandomState(0)
X = random.normal(size=(60, 5)).astype(np.float32)
Y = (X[:, :2] * 0.5 + 0.1).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(np.int32)

LAYERS = [(InputLayer, {"name": "input", "shape": (None, 5)}),
          (DenseLayer, {"name": "output", "num_units": 2, "nonlinearity": identity})]


def regressor(kind=NeuralNet, **options):
    options = {"update": sgd, "update_learning_rate": 0.1, "max_epochs": 3,
               "train_split": TrainSplit(0.25), "batch_iterator_train": BatchIterator(16),
               **options}
    return kind(list(LAYERS), regression=True, **options)


def classifier(**options):
    layers = [LAYERS[0], (DenseLayer, {"name": "output", "num_units": 2, "nonlinearity": softmax})]
    return NeuralNet(layers, update=sgd, update_learning_rate=0.5, max_epochs=5, **options)


def fitted(net):
    import lasagne
    lasagne.random.set_rng(np.random.RandomState(1))
    return net.fit(X, Y)


@pytest.fixture(scope="module", params=[NeuralNet, KeypointNet])
def trained(request):
    return fitted(regressor(request.param))


def handler(net, history):
    pass


@pytest.mark.parametrize("net", [
    regressor(), classifier(), lenet5("classic", fused=False, batch_norm=True), lenet5(verbose=1),
    regressor(KeypointNet, fused=False),
    regressor(on_epoch_finished=[handler], verbose=2, more_params={"output_num_units": 2})])
def test_a_clone_has_the_same_parameters(net):
    before, after = net.get_params(), clone(clone(net)).get_params()
    assert list(before) == list(after) and "fused" in before or type(net) is NeuralNet
    for name, value in before.items():
        if isinstance(value, (int, float, str, bool, type(None))):
            assert after[name] == value, name
        else:
            assert type(after[name]) is type(value), name
    assert [layer[0] for layer in after["layers"]] == [layer[0] for layer in before["layers"]]
    assert after["on_epoch_finished"] == before["on_epoch_finished"]


def test_a_clone_of_a_net_made_of_layers_has_layers_of_its_own():
    output = DenseLayer(InputLayer((None, 5)), 2, nonlinearity=identity)
    net = regressor()
    net.set_params(layers=output)
    copied = clone(net)
    assert copied.layers[0] is not output and copied.layers[0].num_units == 2


def test_a_clone_trains_to_the_same_weights(trained):
    again = fitted(clone(trained))
    assert [row["valid_loss"] for row in again.train_history_] == [
        row["valid_loss"] for row in trained.train_history_]
    np.testing.assert_array_equal(again.predict(X), trained.predict(X))


def test_a_clone_of_a_trained_net_begins_with_the_first_epochs_order():
    net = lenet5("classic")
    net.batch_iterator_train.epoch = 7
    seen = []
    copied = clone(net).set_params(on_training_started=[
        lambda net, history: seen.append(net.batch_iterator_train.epoch)], max_epochs=0)
    copied.train_loop(np.zeros((5, 1, 96, 96), np.float32), np.zeros((5, 30), np.float32), epochs=0)
    assert seen == [0]


def test_a_set_parameter_is_part_of_a_clone():
    net = regressor().set_params(update_learning_rate=0.5, objective_l2=0.01)
    assert clone(net).get_params()["objective_l2"] == 0.01
    with pytest.raises(ValueError, match="no_such"):
        regressor().set_params(no_such=1).initialize()


def test_cross_validation_grid_search_and_pipeline():
    folds = KFold(3)
    scores = cross_val_score(regressor(), X, Y, cv=folds)
    assert scores.shape == (3,) and np.isfinite(scores).all()
    search = GridSearchCV(regressor(), {"update_learning_rate": [0.001, 0.3]}, cv=2).fit(X, Y)
    assert search.best_params_ == {"update_learning_rate": 0.3}
    pipeline = make_pipeline(StandardScaler(), regressor(max_epochs=20)).fit(X, Y)
    assert pipeline.score(X, Y) > 0.9
    assert cross_val_score(classifier(), X, CLASSES, cv=2).min() > 0.5


def test_the_score_is_r_squared_of_the_prediction(trained):
    assert trained.score(X, Y) == pytest.approx(r2_score(Y, trained.predict(X)))


@pytest.mark.parametrize("copied", [
    lambda net, path: pickle.loads(pickle.dumps(net, -1)), lambda net, path: copy.deepcopy(net),
    lambda net, path: joblib.load(joblib.dump(net, path / "net.joblib")[0])])
def test_a_copy_predicts_the_same_and_can_go_on(trained, copied, tmp_path):
    again = copied(trained, tmp_path)
    np.testing.assert_array_equal(again.predict(X), trained.predict(X))
    again.partial_fit(X, Y)
    assert len(again.train_history_) == len(trained.train_history_) + 1
    assert again.train_history_[-1]["train_loss"] < trained.train_history_[-1]["train_loss"]


def test_parameters_are_saved_and_loaded(trained, tmp_path):
    path = str(tmp_path / "parameters")
    trained.save_params_to(path)
    other = regressor(type(trained))
    other.load_params_from(path)
    np.testing.assert_array_equal(other.predict(X), trained.predict(X))


@pytest.mark.parametrize("net", [regressor(), lenet5("classic")])
def test_before_it_is_trained_a_net_says_what_to_call(net, tmp_path):
    for method in (net.predict, net.predict_proba, lambda X: net.get_output("output", X),
                   lambda X: net.score(X, X)):
        with pytest.raises(NotFittedError, match="call fit"):
            method(X)
    net.save_params_to(str(tmp_path / "parameters"))  # the initial ones
    assert len(pickle.loads((tmp_path / "parameters").read_bytes())["output"]) == 2


def test_the_table_of_verbose_is_printed_also_if_it_is_set_later(capsys):
    handlers = [handler]
    net = regressor(on_epoch_finished=handlers)
    net.fit(X, Y)
    assert capsys.readouterr().out == ""
    net.set_params(verbose=1).partial_fit(X, Y)
    net.partial_fit(X, Y)
    out = capsys.readouterr().out
    assert out.count("trn loss") == 1 and "learnable parameters" not in out.split("trn loss")[1]
    assert out.count("s\n") == 2 and handlers == net.on_epoch_finished == [handler]


def test_handlers_given_with_verbose_are_not_doubled(capsys):
    net = regressor(on_epoch_finished=[PrintLog(), handler], verbose=1, max_epochs=2)
    clone(net).fit(X, Y)
    assert capsys.readouterr().out.count("trn loss") == 1


def test_shuffled_batches_may_serve_predictions(trained):
    net = copy.deepcopy(trained)
    before = X.copy()
    for iterator in (BatchIterator(7, shuffle=True), lenet5().batch_iterator_train):
        iterator.batch_size = 7
        net.batch_iterator_test = iterator
        np.testing.assert_allclose(net.predict(X), trained.predict(X), rtol=1e-5)
        np.testing.assert_array_equal(X, before)
    assert iterator.epoch == 0
