"""Random damage to files, and what came of it, for the tests that read damaged files.

The environment variable FACEKP_FUZZ says how many inputs; 600 without it. From 100000 on, the
counts go into docs/reliability.json, the source of docs/reliability.md's tables.
"""
import collections
import os
import resource
import time
from pathlib import Path

from facekp.errors import FacekpError

N_INPUTS = int(os.environ.get("FACEKP_FUZZ", 600))
LONG = 100000
SECONDS, MIB = 10, 300
"""No input may take longer, nor all of them together make the process grow by more."""

TOKENS = [b",", b" ", b"\n", b"\r\n", b"\r", b"\t", b'"', b"\0", b"\xff", b"\xef\xbb\xbf", b"-",
          b".", b"e", b"_", b"0", b"00", b"255", b"256", b"300", b"999", b"1000", b"nan", b"inf",
          b"1e999", b"1e39", b"0x1", b"\xd9\xa7", b",,", b"  ", b"Image", b"RowId", b"nose_tip_x",
          b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\xff", b"../", b"\x1f\x8b\x08",
          b"{", b"}", b"(", b")", b"'", b"|O", b"<f8", b"\x93NUMPY", b"[" * 99, b"9" * 30]


def mutate(rng, content):
    """1 to 4 random edits, as likely in the first 700 bytes (header, ids) as anywhere else."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        size = min(len(content), rng.choice([700, len(content)]))
        at = rng.randrange(size + 1)
        at = len(content) - at if rng.random() < 0.3 else at
        length = rng.choice([1, 1, 2, 5, 30, 3000])
        kind = rng.randrange(6)
        if kind == 0:
            content[at:at + length] = b""
        elif kind == 1:
            content[at:at] = rng.choice(TOKENS)
        elif kind == 2:
            token = rng.choice(TOKENS)
            content[at:at + len(token)] = token
        elif kind == 3:
            content[at:at] = content[at:at + length]
        elif kind == 4:
            del content[at:]
        elif at < len(content):
            content[at] ^= 1 << rng.randrange(8)
    return bytes(content)


def noise(rng, content):
    """Bytes that have nothing to do with the file but, at times, how it begins."""
    start = content[:rng.choice([0, 4, 30, 600])]
    alphabet = rng.choice([bytes(range(256)), b"0123456789 ,.\n", b"PK\x01\x02\x03\x04\x05\x06\0"])
    return start + bytes(rng.choices(alphabet, k=rng.choice([0, 1, 10, 1000])))


class Tally:
    """Counts what readers do with damaged files, and watches time and memory.

    Attributes
    ----------
    refused : Counter of str, the function that found the fault -> how often
    accepted : int
    slowest : float, s of the processor: other work on the machine does not count
    """

    def __init__(self):
        self.refused, self.accepted, self.slowest = collections.Counter(), 0, 0.0
        self.memory = peak_mib()

    def read(self, function):
        """Call a reader; its result, or None after one of the declared errors."""
        start = time.process_time()
        try:
            result = function()
        except FacekpError as error:
            message = str(error)
            assert len(message) < 900 and "\n" not in message, message
            self.refused[finder(error)] += 1
            return None
        finally:
            seconds = time.process_time() - start
            assert seconds < SECONDS
            self.slowest = max(self.slowest, seconds)
        self.accepted += 1
        return result

    def close(self, target):
        """Check the bounds, print the counts, and keep those of a long test."""
        grown = peak_mib() - self.memory
        inputs = self.accepted + sum(self.refused.values())
        counts = {"inputs": inputs, "accepted": self.accepted, "slowest_ms": 1000 * self.slowest,
                  "grown_mib": grown, "refused": dict(self.refused.most_common())}
        print(target, counts)
        assert inputs > 0 and self.refused and grown < MIB
        if N_INPUTS >= LONG:
            from faults import figures
            figures.write("fuzz", {**figures.read().get("fuzz", {}).get("result", {}),
                                   target: counts})


def finder(error):
    """``module.function`` that found the fault: the innermost that is more than a formatter."""
    found, step = "", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if "facekp" in Path(code.co_filename).parts and code.co_name not in ("readinto",):
            found = f"{Path(code.co_filename).stem}.{code.co_name}"
        step = step.tb_next
    return found


def peak_mib():
    """The most memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
