# In the manner of tutorials of 2014, for Python 2. tests/compat/test_compat.py runs it.
import cPickle as pickle
import sys

import numpy as np
from lasagne import layers
from lasagne.updates import nesterov_momentum
from nolearn.lasagne import BatchIterator, NeuralNet
from sklearn.cross_validation import train_test_split
from sklearn.externals import joblib
from sklearn.utils import shuffle
import theano

try:
    from lasagne.layers.cuda_convnet import Conv2DCCLayer as Conv2DLayer
except ImportError:
    Conv2DLayer = layers.Conv2DLayer

sys.setrecursionlimit(10000)


def float32(k):
    return np.cast['float32'](k)


class FlipBatchIterator(BatchIterator):
    flip_indices = [(0, 2), (1, 3)]

    def transform(self, Xb, yb):
        Xb, yb = super(FlipBatchIterator, self).transform(Xb, yb)
        if yb is not None:
            bs = Xb.shape[0]
            indices = np.random.choice(bs, bs // 2, replace=False)
            Xb = Xb.copy()
            Xb[indices] = Xb[indices, :, :, ::-1]
            yb = yb.copy()
            yb[indices, ::2] = yb[indices, ::2] * -1
        return Xb, yb


class AdjustVariable(object):
    def __init__(self, name, start=0.03, stop=0.001):
        self.name = name
        self.start, self.stop = start, stop
        self.ls = None

    def __call__(self, nn, train_history):
        if self.ls is None:
            self.ls = np.linspace(self.start, self.stop, nn.max_epochs)
        epoch = train_history[-1]['epoch']
        getattr(nn, self.name).set_value(float32(self.ls[epoch - 1]))


class EarlyStopping(object):
    def __init__(self, patience=100):
        self.patience = patience
        self.best_valid = np.inf
        self.best_valid_epoch = 0
        self.best_weights = None

    def __call__(self, nn, train_history):
        current_valid = train_history[-1]['valid_loss']
        current_epoch = train_history[-1]['epoch']
        if current_valid < self.best_valid:
            self.best_valid = current_valid
            self.best_valid_epoch = current_epoch
            self.best_weights = nn.get_all_params_values()
        elif self.best_valid_epoch + self.patience < current_epoch:
            print "Early stopping."
            nn.load_params_from(self.best_weights)
            raise StopIteration()


def load(n=40, size=12):
    random = np.random.RandomState(42)
    X = random.uniform(size=(n, 1, size, size)).astype(np.float32)
    y = np.column_stack([X[:, 0, :, k].mean(axis=1) for k in xrange(4)]) - 0.5
    return shuffle(X, y.astype(np.float32), random_state=42)


net = NeuralNet(
    layers=[
        ('input', layers.InputLayer),
        ('conv1', Conv2DLayer),
        ('pool1', layers.MaxPool2DLayer),
        ('dropout1', layers.DropoutLayer),
        ('hidden2', layers.DenseLayer),
        ('output', layers.DenseLayer),
        ],
    input_shape=(None, 1, 12, 12),
    conv1_num_filters=4, conv1_filter_size=(3, 3), pool1_pool_size=(2, 2),
    dropout1_p=0.1,
    hidden2_num_units=8,
    output_num_units=4, output_nonlinearity=None,

    update_learning_rate=theano.shared(float32(0.03)),
    update_momentum=theano.shared(float32(0.9)),
    update=nesterov_momentum,

    regression=True,
    batch_iterator_train=FlipBatchIterator(batch_size=16),
    on_epoch_finished=[
        AdjustVariable('update_learning_rate', start=0.03, stop=0.0001),
        AdjustVariable('update_momentum', start=0.9, stop=0.999),
        EarlyStopping(patience=200),
        ],
    max_epochs=3,
    verbose=1,
    )

X, y = load()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
net.fit(X_train, y_train)
with open(sys.argv[1], 'wb') as f:
    pickle.dump(net, f, -1)
with open(sys.argv[1], 'rb') as f:
    again = pickle.load(f)
assert (again.predict(X_test) == net.predict(X_test)).all()
joblib.dump(net.predict(X_test), sys.argv[1] + '.joblib')
print "error", np.sqrt(((net.predict(X_test) - y_test) ** 2).mean())
