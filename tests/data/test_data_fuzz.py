"""Random damage to CSVs and zips: the loader gives right arrays or a one-line DataError.

``FACEKP_FUZZ=100000 pytest tests/data/test_data_fuzz.py`` runs that many inputs; the default is
short.
"""
import csv
import gzip
import io
import random
import zipfile

import numpy as np
import pytest
from fuzz_tools import N_INPUTS, Tally, mutate, noise
from kaggle_csv import LOOKUP_LINES, as_bytes, test_lines, training_lines, write_zip

from facekp.data import sources, tables
from facekp.keypoints import COLUMNS

VALUES = [b"", b" ", b"0", b"-1", b"1.5", b"255", b"256", b"nan", b"inf", b"-inf", b"1e39", b"1_0",
          b"0x10", b'"1"', b"\xff", b"\xd9\xa7", b"9" * 400, b"nose_tip_x", b"96.5", b"-97", b"1\r"]


def mutate_fields(rng, content):
    """Damage that knows what a CSV is: fields, columns and rows are changed, lost and repeated."""
    rows = [line.split(b",") for line in content.splitlines()]
    for _ in range(rng.choice([1, 1, 2])):
        row = rng.randrange(len(rows))
        column = rng.randrange(len(rows[row]))
        kind = rng.randrange(8)
        if kind == 0:
            rows[row][column] = rng.choice(VALUES)
        elif kind == 1:
            del rows[row][column]
        elif kind == 2:
            rows[row].insert(column, rng.choice(VALUES))
        elif kind == 3:
            rows.insert(rng.randrange(len(rows) + 1), rows[row])
        elif kind == 4 and len(rows) > 1:
            del rows[row]
        elif kind == 5:  # columns change places throughout: harmless
            width = min(map(len, rows))
            order = rng.sample(range(width), width)
            rows = [[fields[i] for i in order] for fields in rows]
        elif kind == 6:
            words = rows[row][column].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(VALUES)
            rows[row][column] = b" ".join(words)
        else:
            rows[row] = [b""] * rng.choice([1, len(rows[row])])
        if not all(rows):
            rows = [fields or [b""] for fields in rows]
    ending = rng.choice([b"\n", b"\n", b"\r\n"])
    return rng.choice([b"", b"", b"\xef\xbb\xbf"]) + ending.join(map(b",".join, rows)) + ending


def damaged(rng, content, kinds=(mutate, mutate_fields, noise)):
    return rng.choices(kinds, [4, 4, 1][:len(kinds)])[0](rng, content)


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


def loaded(path, name, parse, members):
    source = sources.Source(name, path, members)
    with sources.open_csv(source) as (stream, _):
        return parse(stream, source.label)


def check(path, name, content, tally, members=()):
    """Damaged bytes are refused, or read as the csv module reads them."""
    parse = SEEDS[name][1]
    path.write_bytes(content)
    arrays = tally.read(lambda: loaded(path, name, parse, members))
    if arrays is not None and not members and name != "IdLookupTable.csv":
        images, y = reference(content)
        np.testing.assert_array_equal(arrays["pixels"], images)
        if "y" in arrays:
            np.testing.assert_array_equal(arrays["y"], y)


SEEDS = {
    "training.csv": (as_bytes(training_lines(2)), tables.parse_training),
    "test.csv": (as_bytes(test_lines(2)), tables.parse_test),
    "IdLookupTable.csv": (as_bytes(LOOKUP_LINES), tables.parse_lookup),
}
PER_TEST = -(-N_INPUTS // (3 * len(SEEDS) + 1))


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_csv(tmp_path, name):
    rng, tally = random.Random(name), Tally()
    for _ in range(PER_TEST):
        check(tmp_path / name, name, damaged(rng, SEEDS[name][0]), tally)
    tally.close(name)


def packed(members, compression):
    buffer = io.BytesIO()
    write_zip(buffer, members, compression)
    return buffer.getvalue()


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_zip(tmp_path, name):
    """Half of the zips are damaged, half are whole and hold a damaged CSV."""
    rng, tally, content = random.Random(name), Tally(), SEEDS[name][0]
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    whole = [packed([("other.txt", b"x"), (name, content)], method) for method in methods]
    for number in range(PER_TEST):
        archive = damaged(rng, rng.choice(whole), (mutate, noise)) if number % 2 else packed(
            [(name, damaged(rng, content))], rng.choice(methods))
        check(tmp_path / "a.zip", name, archive, tally, (name,))
    tally.close(f"{name}, zipped")


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_zip_in_the_competitions_zip(tmp_path, name):
    rng, tally = random.Random(name), Tally()
    inner = packed([(name, SEEDS[name][0])], zipfile.ZIP_DEFLATED)
    own_zip = name.replace(".csv", ".zip")
    outer = packed([(own_zip, inner)], zipfile.ZIP_STORED)
    for number in range(PER_TEST):
        archive = damaged(rng, outer, (mutate, noise)) if number % 2 else packed(
            [(own_zip, damaged(rng, inner, (mutate, noise)))], zipfile.ZIP_DEFLATED)
        check(tmp_path / "a.zip", name, archive, tally, (own_zip, name))
    tally.close(f"{name}, zipped twice")


def test_gzip_is_refused_whole_or_damaged(tmp_path):
    rng, tally = random.Random(0), Tally()
    whole = {name: gzip.compress(content, mtime=0) for name, (content, _) in SEEDS.items()}
    for _ in range(PER_TEST):
        name = rng.choice(list(SEEDS))
        content = damaged(rng, whole[name], (mutate, noise))
        check(tmp_path / name, name, content, tally)
        content = gzip.compress(damaged(rng, SEEDS[name][0]), mtime=0)
        check(tmp_path / name, name, content, tally)
    assert tally.accepted == 0
    tally.close("gzip under a CSV's name")
