"""Ctrl-C and SIGTERM end a training where it can go on."""
import signal
import threading
from contextlib import contextmanager


class Interrupted(KeyboardInterrupt):
    """The run was told to stop, by Ctrl-C or SIGTERM; it can go on."""


@contextmanager
def stopping_cleanly(net, checkpoint):
    """Let Ctrl-C and SIGTERM end the training before its next batch, with word of how to go on.

    An epoch that is under way is given up: it is repeated, bit for bit, when the run goes on.
    Python has signals in its main thread alone; in another one nothing is changed.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    checkpoint : facekp.training.checkpoint.Checkpoint

    Raises
    ------
    Interrupted
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = []

    def ask(number, frame):
        if asked:  # twice: at once
            raise KeyboardInterrupt(f"{signal.Signals(number).name}: stopped at once")
        asked.append(signal.Signals(number).name)

    def obey():
        if asked:
            raise Interrupted(f"{asked[0]}: stopped; {checkpoint.epochs} epochs are on disk in "
                              f"{checkpoint.run.folder}; the same command goes on from there")

    def apply_batch_func(*args):  # of training and of evaluation: that of VGGNet takes long, too
        obey()
        return type(net).apply_batch_func(*args)

    net.apply_batch_func = apply_batch_func
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        obey()  # asked after the last batch
    finally:
        del net.apply_batch_func
        for number, handler in before.items():
            signal.signal(number, handler)
