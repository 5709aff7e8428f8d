"""Checkpoints: everything that a run needs to continue after its last epoch, bit for bit."""
from facekp.errors import FolderError
from facekp.training.averaged_weights import PREFIXES


class Checkpoint:
    """A handler that writes a checkpoint to the run folder after every epoch.

    After an epoch that is the best so far, the best weights are the current parameters, and are
    not written a second time.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    best : BestWeights
    averaged : AveragedWeights or None
    n_batches : int, of each epoch

    Attributes
    ----------
    epochs : int, number of epochs on disk
    """

    def __init__(self, run, best, averaged=None, n_batches=0):
        self.run, self.best, self.averaged, self.n_batches = run, best, averaged, n_batches
        self.epochs = 0

    def __call__(self, net, history):
        arrays = {f"state/{name}": variable.get_value(borrow=True)  # written, not kept
                  for name, variable in net.state().items()}
        if self.best.epoch != history[-1]["epoch"]:
            arrays.update({f"best/{name}": value for name, value in self.best.values.items()})
        if self.averaged:
            arrays.update(self.averaged.arrays())
        self.run.save_checkpoint(arrays, {
            "history": [{key: value.item() if hasattr(value, "item") else value
                         for key, value in row.items()} for row in history],
            "batches_epoch": net.batch_iterator_train.epoch,
            "best_epoch": self.best.epoch, "best_loss": self.best.loss})
        self.epochs = len(history)
        self.run.write_history(history)

    def restore(self, net, warn):
        """Restore the state of the net and the handlers from the last checkpoint.

        Parameters
        ----------
        net : KeypointNet
        warn : callable taking a str

        Returns
        -------
        bool, whether there was a checkpoint
        """
        found = self.run.load_checkpoint(warn)
        if found is None:
            return False
        arrays, meta = found
        state = net.state()
        self._check_fits(state, net.weights(), arrays, meta)
        for name, variable in state.items():
            variable.set_value(arrays[f"state/{name}"])
        net.train_history_ = meta["history"]
        self.epochs = len(net.train_history_)
        net.batch_iterator_train.epoch = meta["batches_epoch"]
        self.best.epoch, self.best.loss = meta["best_epoch"], meta["best_loss"]
        if self.best.epoch == net.train_history_[-1]["epoch"]:
            self.best.keep(net)
        else:
            self.best.values = {name[len("best/"):]: value for name, value in arrays.items()
                                if name.startswith("best/")}
        if self.averaged:
            self.averaged.restore(arrays, net.train_history_, self.n_batches)
        self.run.write_history(net.train_history_)  # a killed run may not have written the last row
        return True

    def _check_fits(self, state, weights, arrays, meta):
        """Raise FolderError unless a checkpoint is complete and belongs to this net.

        The checksum does not show this: the file may come from another run.
        """
        def form(values):
            return {name: (value.dtype, value.shape) for name, value in values.items()}

        variables = {f"state/{name}": variable for name, variable in state.items()}
        parts = [PREFIXES[0]] if self.averaged else []
        # no epoch is best of only NaN
        parts += [part for part in ("best", PREFIXES[1])
                  if any(name.startswith(f"{part}/") for name in arrays)]
        variables.update({f"{part}/{name}": weight for part in parts
                          for name, weight in weights.items()})
        expected = form({name: variable.get_value(borrow=True)
                         for name, variable in variables.items()})
        found = form(arrays)
        wrong = sorted(name for name in {**expected, **found}
                       if expected.get(name) != found.get(name))
        wrong += sorted({"history", "batches_epoch", "best_epoch", "best_loss"}.difference(meta))
        if wrong:
            raise FolderError(f"{self.run.checkpoint}: is another net's: {wrong[0]} does not fit "
                              f"(and {len(wrong) - 1} more); remove {self.run.folder}, or choose "
                              "another folder")
