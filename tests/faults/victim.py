"""Trains one configuration and sends itself a signal, SIGKILL mostly, at a given moment.

    python -m faults.victim NAME DATA OUT LOG [PHASE KIND NUMBER SIGNAL]

A moment is the n-th time that a process, in a phase of its run, is about to do a kind of thing:
train, evaluate or predict a batch; write bytes (half of them are written); sync; rename; remove.
Nothing of facekp is changed for it: what it calls is wrapped from outside. The log gets a line
``saved N`` for each epoch that is safe, ``at TIME PHASE/KIND``, and at a regular end ``passed`` and
how often each moment was met, as JSON.
"""
import io
import json
import os
import pathlib
import sys
import time

from faults import configurations

PHASES = ("first files", "epochs", "last files")


class Moments:
    """Counts moments; at one of them the process gets a signal.

    Parameters
    ----------
    log : text file
    target : (phase, kind, number) or None
    signal_number : int
    """

    def __init__(self, log, target, signal_number):
        self.log, self.target, self.signal_number = log, target, signal_number
        self.phase, self.passed = PHASES[0], {}

    def due(self, kind):
        """Count a moment; whether it is the one."""
        at = f"{self.phase}/{kind}"
        self.passed[at] = self.passed.get(at, 0) + 1
        return self.target == (self.phase, kind, self.passed[at])

    def reach(self, kind):
        if self.due(kind):
            self.strike(kind)

    def strike(self, kind):
        self.say(f"at {time.time()} {self.phase}/{kind}")
        os.kill(os.getpid(), self.signal_number)

    def say(self, text):
        print(text, file=self.log, flush=True)

    def before(self, owner, name, kind):
        """Make a moment of each call of a function."""
        function = getattr(owner, name)

        def call(*args, **kwargs):
            self.reach(kind)
            return function(*args, **kwargs)
        setattr(owner, name, call)


def tearing_open(moments):
    """An ``open`` for writing whose files can be left half-written."""
    class Torn(io.FileIO):
        def write(self, data):
            if moments.due("write"):
                super().write(memoryview(data)[:len(data) // 2])
                moments.strike("write")
            return super().write(data)

    def open_(path, mode, **options):
        file = io.BufferedWriter(Torn(path, "w"))
        return file if "b" in mode else io.TextIOWrapper(file, **options)
    return open_


def watch(moments):
    """Wrap all that makes a moment."""
    from facekp import files
    from facekp.nets import net
    from facekp.training import checkpoint, one_run
    files.open = tearing_open(moments)
    moments.before(os, "fsync", "sync")
    moments.before(os, "replace", "rename")
    moments.before(pathlib.Path, "unlink", "remove")

    class Counted(net.Lazy):
        def __call__(self, *args):
            moments.reach(self.kind)
            return super().__call__(*args)

    def create(self, *args, make=net.KeypointNet._create_iter_funcs):
        functions = make(self, *args)
        for function, kind in zip(functions, ("train", "evaluate", "predict")):
            function.__class__, function.kind = Counted, kind
        return functions

    def save(self, net, history, call=checkpoint.Checkpoint.__call__):
        call(self, net, history)
        moments.say(f"saved {len(history)}")

    def entering(phase, function):
        def call(*args, **kwargs):
            moments.phase = phase
            return function(*args, **kwargs)
        return call

    net.KeypointNet._create_iter_funcs = create
    checkpoint.Checkpoint.__call__ = save
    one_run.fit = entering("epochs", one_run.fit)
    one_run.finish = entering("last files", one_run.finish)


def main(name, data, out, log, phase=None, kind=None, number=0, signal_number=0):
    """Train; returns the exit code of the experiment."""
    with open(log, "a", encoding="utf-8") as file:
        moments = Moments(file, (phase, kind, int(number)) if phase else None,
                          int(signal_number))
        watch(moments)
        code = configurations.experiment(name).main(["--data", data, "--out", out])
        moments.say(f"passed {json.dumps(moments.passed)}")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
