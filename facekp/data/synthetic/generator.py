"""Draw and label any number of faces, in blocks; for many faces, in several processes."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from facekp.machine import usable_cores
from facekp.errors import DataError

from . import camera, face, people, scene
from .labels import annotate

_BLOCK = 4  # people drawn at once: arrays of this size stay in the processor's cache
_FEW = 400  # up to this number of images, starting processes takes longer than it saves
_CHILD = "import sys; from {} import _send; _send(*map(int, sys.argv[1:]))".format(__name__)
_CHILD_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # glibc keeps freed arrays for the next one instead of returning them to the system: 15 % faster
    "MALLOC_MMAP_THRESHOLD_": str(2 ** 28),
    "MALLOC_TRIM_THRESHOLD_": str(2 ** 28),
}


def generate(n, seed=0, scheme=1, stream=0):
    """Draw n faces and label them. The first k of them are the same for every n.

    Parameters
    ----------
    n : int, number of images
    seed : int, not negative
    scheme : 1 or 2
        The labelling scheme of one of the two teams of annotators, see
        :mod:`facekp.data.synthetic.labels`. The faces of the second scheme also vary more in pose,
        size and position.
    stream : int, not negative
        Each stream of a seed is another, independent sequence of people.

    Returns
    -------
    images : uint8 array (n, 96, 96)
    y : float32 array (n, 30), px, in the order of `facekp.keypoints.COLUMNS`, no value missing

    Examples
    --------
    >>> images, y = generate(4)
    >>> images.shape, images.dtype, y.shape
    ((4, 96, 96), dtype('uint8'), (4, 30))
    """
    images, y = np.empty((n, 96, 96), np.uint8), np.empty((n, 30), np.float32)
    for i, (image, labels) in enumerate(faces(n, seed, scheme, stream)):
        images[i], y[i] = image, labels
    return images, y


def faces(n, seed, scheme, stream):
    """Iterate over the n pairs (image, labels) of :func:`generate` as they are drawn."""
    n_blocks = -(-n // _BLOCK)
    key = (seed, scheme, stream)
    blocks = _blocks(key, 0, 1, n_blocks) if n <= _FEW else _blocks_of_processes(key, n_blocks)
    for k, (images, y) in enumerate(blocks):
        yield from list(zip(images, y))[:n - k * _BLOCK]


def _blocks(key, first, step, n_blocks):
    for k in range(first, n_blocks, step):
        rng = np.random.default_rng(key + (k,))
        scheme = key[1]
        t = people.draw_people(rng, _BLOCK, spread=1.0 if scheme == 1 else 1.5)
        image = camera.photograph(t, rng, scene.draw(t))
        yield image, annotate(rng, face.labels(t), scheme)


def _blocks_of_processes(key, n_blocks):
    """The same blocks, drawn by one process per core; each of n processes sends every n-th block.

    They are child processes and not threads, because threads would wait for each other (the
    operations are short). They are not forks, because a fork of a process that has loaded Theano
    and a threaded BLAS is not safe.
    """
    n_processes = min(8, usable_cores())
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    children = []
    try:
        for first in range(n_processes):
            numbers = map(str, key + (first, n_processes, n_blocks))
            children.append(subprocess.Popen(
                [sys.executable, "-c", _CHILD, *numbers], stdout=subprocess.PIPE,
                env=dict(os.environ, PYTHONPATH=path, **_CHILD_ENVIRONMENT)))
        for k in range(n_blocks):
            pipe = children[k % n_processes].stdout
            yield _receive(pipe, np.uint8, (96, 96)), _receive(pipe, np.float32, (30,))
    finally:
        for child in children:
            child.stdout.close()
            child.terminate()
            child.wait()


def _receive(pipe, dtype, shape):
    shape = (_BLOCK,) + shape
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    data = pipe.read(n_bytes)
    if len(data) < n_bytes:
        raise DataError("synthetic faces: a drawing process ended early, see its error above")
    return np.frombuffer(data, dtype).reshape(shape)


def _send(seed, scheme, stream, first, step, n_blocks):
    for images, y in _blocks((seed, scheme, stream), first, step, n_blocks):
        sys.stdout.buffer.write(images.tobytes() + y.tobytes())
    sys.stdout.buffer.flush()
