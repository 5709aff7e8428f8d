"""Random damage to CSVs and zips: the loader gives right arrays or a one-line DataError.

``FACEKP_FUZZ=100000 pytest tests/test_data_fuzz.py`` runs that many inputs; the default is short.
"""
import collections
import csv
import io
import os
import random
import zipfile

import numpy as np
import pytest
from kaggle_csv import LOOKUP_LINES, as_bytes, test_lines, training_lines, write_zip

from facekp.data import sources, tables
from facekp.errors import DataError
from facekp.keypoints import COLUMNS

N_INPUTS = int(os.environ.get("FACEKP_FUZZ", 600))
PER_TEST = -(-N_INPUTS // 6)

TOKENS = [b",", b" ", b"\n", b"\r\n", b"\r", b"\t", b'"', b"\0", b"\xff", b"\xef\xbb\xbf", b"-",
          b".", b"e", b"_", b"0", b"00", b"255", b"256", b"300", b"999", b"1000", b"nan", b"inf",
          b"1e999", b"1e39", b"0x1", b"\xd9\xa7", b",,", b"  ", b"Image", b"RowId", b"nose_tip_x",
          b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\xff", b"../"]


def mutate(rng, content):
    """1 to 4 random edits, as likely in the first 700 bytes (header, ids) as anywhere else."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        size = min(len(content), rng.choice([700, len(content)]))
        at = rng.randrange(size + 1)
        at = len(content) - at if rng.random() < 0.3 else at
        length = rng.choice([1, 1, 2, 5, 30, 3000])
        kind = rng.randrange(5)
        if kind == 0:
            content[at:at + length] = b""
        elif kind == 1:
            content[at:at] = rng.choice(TOKENS)
        elif kind == 2:
            token = rng.choice(TOKENS)
            content[at:at + len(token)] = token
        elif kind == 3:
            content[at:at] = content[at:at + length]
        elif at < len(content):
            content[at] ^= 1 << rng.randrange(8)
    return bytes(content)


def reference(text):
    """What the csv module and int() read: images and coordinates by column name."""
    reader = csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    reader.fieldnames = [name.strip() for name in reader.fieldnames]
    rows = list(reader)
    rows = [row for row in rows if any(row.values())]
    images = [[int(p) for p in row["Image"].split(" ") if p] for row in rows]
    columns = [column for column in COLUMNS if column in rows[0]]
    y = [[float(row[column] or "nan") for column in columns] for row in rows]
    return np.array(images), np.array(y).astype(np.float32)


def loaded(path, name, parse):
    source = sources.Source(name, path, () if path.suffix == ".csv" else (name,))
    with sources.open_csv(source) as (stream, _):
        return parse(stream, source.label)


def check(path, name, parse, content, outcomes):
    path.write_bytes(content)
    try:
        arrays = loaded(path, name, parse)
    except DataError as error:
        assert str(error).isprintable() and len(str(error)) < 900, str(error)
        outcomes["refused"] += 1
        return
    outcomes["accepted"] += 1
    if path.suffix == ".csv" and name != "IdLookupTable.csv":
        images, y = reference(content)
        np.testing.assert_array_equal(arrays["pixels"], images)
        if "y" in arrays:
            np.testing.assert_array_equal(arrays["y"], y)


def parse_lookup(stream, where):
    return tables.parse_lookup(stream, where, None)


SEEDS = {
    "training.csv": (as_bytes(training_lines(2)), tables.parse_training),
    "test.csv": (as_bytes(test_lines(2)), tables.parse_test),
    "IdLookupTable.csv": (as_bytes(LOOKUP_LINES), parse_lookup),
}


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_csv(tmp_path, name):
    rng, outcomes = random.Random(name), collections.Counter()
    content, parse = SEEDS[name]
    for _ in range(PER_TEST):
        check(tmp_path / name, name, parse, mutate(rng, content), outcomes)
    print(name, dict(outcomes))
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_zip(tmp_path, name):
    rng, outcomes = random.Random(name), collections.Counter()
    content, parse = SEEDS[name]
    archives = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        write_zip(buffer, [("other.txt", b"x"), (name, content)], compression)
        archives.append(buffer.getvalue())
    for _ in range(PER_TEST):
        check(tmp_path / "a.zip", name, parse, mutate(rng, rng.choice(archives)), outcomes)
    print(name, "zipped", dict(outcomes))
    assert outcomes["refused"] > 0
