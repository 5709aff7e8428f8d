"""The learning rate while a net trains, where it is not constant (:mod:`facekp.schedule`)."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import theano

from facekp.schedule import Schedule


def use(net, settings):
    """Make the learning rate of a net a shared variable, if the settings have a schedule.

    nolearn's handlers that change ``update_learning_rate`` work with it as well. A net without a
    schedule stays as it is, its rate a constant of the compiled step.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet, not compiled
    settings : facekp.settings.Settings
    """
    if settings.schedule:
        net.update_learning_rate = theano.shared(
            np.array(settings.learning_rate, theano.config.floatX), name="learning_rate")


class SetRate:
    """A handler that sets the next epoch's learning rate, and notes that of the epoch that ended.

    The rate follows from the number of epochs in the history alone: a run that goes on trains at
    the rate that an undisturbed one would have.

    Parameters
    ----------
    settings : facekp.settings.Settings
    """

    def __init__(self, settings):
        self.settings, self.schedule = settings, Schedule.parse(settings.schedule)

    def __call__(self, net, history):
        if self.settings.schedule:
            if history:
                history[-1]["learning_rate"] = self._rate(len(history))
            net.update_learning_rate.set_value(np.array(self._rate(len(history) + 1),
                                                        theano.config.floatX))

    def _rate(self, epoch):
        return self.schedule.rate(self.settings.learning_rate, epoch, self.settings.epochs)
