"""Execute the notebooks and store their outputs (`make notebooks`).

They run in a copy that has ``results/`` alone: no run of the reader's, no face of Kaggle's. What is
stored can therefore hold nothing but the project's own numbers and synthetic faces.
"""
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))


def execute(path, results=HERE.parent / "results"):
    """A notebook with fresh outputs.

    Parameters
    ----------
    path : path
    results : path
        The folder that stands for ``results/``; there may be none.

    Returns
    -------
    nbformat NotebookNode

    Raises
    ------
    nbclient.exceptions.CellExecutionError
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as project:
        folder = Path(project, "notebooks")
        folder.mkdir()
        if Path(results).exists():
            os.symlink(Path(results).resolve(), Path(project, "results"))
        env = {**os.environ, "IPYTHONDIR": str(Path(project, "ipython")),
               "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
        # sockets in the folder: a free port may be another kernel's by the time it is bound
        manager = AsyncKernelManager(kernel_name="python3", transport="ipc",
                                     connection_file=str(Path(project, "kernel.json")))
        client = NotebookClient(notebook, km=manager, timeout=300,
                                resources={"metadata": {"path": str(folder)}})
        client.execute(env=env)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of the day
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python",
                                        "name": "python3"},
                         "language_info": {"name": "python"}}
    return notebook


def execute_all(results=HERE.parent / "results"):
    """All notebooks with fresh outputs, two at a time.

    Returns
    -------
    dict of Path -> nbformat NotebookNode
    """
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(NOTEBOOKS, pool.map(lambda path: execute(path, results), NOTEBOOKS)))


def main():
    for path, notebook in execute_all().items():
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
