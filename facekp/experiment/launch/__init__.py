"""Launchers: what gets runs trained, here or elsewhere.

A launcher is a callable. It takes the plan, a list of (:class:`facekp.runs.folder.Run`,
:class:`facekp.settings.Settings`), comes back when every run has ended, and returns a dict of
Run -> str: why the runs that failed did. One that fails does not keep the others from being
trained. When the user tells it to stop, it raises KeyboardInterrupt after all trainings have
stopped. How many run at a time, where the data are and whom to tell of progress are arguments of
its constructor:

* :class:`facekp.experiment.launch.in_turn.InTurn`: in this process, one after the other;
* :class:`facekp.experiment.launch.local.Local`: in processes of this machine, some at a time.

A launcher that trains in other processes starts :mod:`facekp.experiment.launch.worker` there, with
:func:`facekp.experiment.launch.worker.job` of each run.
"""
