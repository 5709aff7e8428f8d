"""Launchers: they train runs, in this process or in others.

A launcher is a callable. Its argument is the plan, a list of (:class:`facekp.runs.folder.Run`,
:class:`facekp.settings.Settings`). It returns when all runs have ended, with a dict of Run -> str:
the reasons of the runs that failed. If a run fails, the others are trained all the same. If the
user stops it, it raises KeyboardInterrupt after all trainings have stopped. A launcher that hands
the runs over may return before they end: a run that is neither complete nor in the dict is then on
its way. The number of runs at a time, the data and the function that reports progress are arguments
of the constructor:

* :class:`facekp.experiment.launch.in_turn.InTurn`: in this process, one after the other;
* :class:`facekp.experiment.launch.local.Local`: in processes of this machine, some at a time;
* :class:`facekp.experiment.launch.slurm.Slurm`: as jobs of a SLURM cluster.

A launcher that trains in other processes starts :mod:`facekp.experiment.launch.worker` there, with
:func:`facekp.experiment.launch.worker.job` of each run.
"""
