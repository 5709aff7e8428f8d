"""Ctrl-C and SIGTERM stop a training in a way that it can be continued."""
import signal
import threading
from contextlib import contextmanager


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM stopped the run. It can be continued."""


@contextmanager
def stopping_cleanly(net, checkpoint):
    """Let Ctrl-C and SIGTERM stop the training before its next batch.

    The current epoch is lost. It is repeated, bit for bit, when the run continues. Python handles
    signals only in its main thread; in another thread, this changes nothing.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    checkpoint : facekp.training.checkpoint.Checkpoint

    Raises
    ------
    Interrupted
        After a signal. The message says how to continue.
    KeyboardInterrupt
        Immediately, after a second signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = []

    def ask(number, frame):
        if asked:  # a second signal: stop at once
            raise KeyboardInterrupt(f"{signal.Signals(number).name}: stopped at once")
        asked.append(signal.Signals(number).name)

    def obey():
        if asked:
            raise Interrupted(f"{asked[0]}: stopped; {checkpoint.epochs} epochs are on disk in "
                              f"{checkpoint.run.folder}; the same command goes on from there")

    def apply_batch_func(*args):  # for training and for evaluation, which is long for VGGNet
        obey()
        return type(net).apply_batch_func(*args)

    net.apply_batch_func = apply_batch_func
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        obey()  # the signal came after the last batch
    finally:
        del net.apply_batch_func
        for number, handler in before.items():
            signal.signal(number, handler)
