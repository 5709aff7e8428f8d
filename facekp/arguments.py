"""Types of command line arguments for argparse; errors tell what was found and expected."""
import argparse
import re

from facekp.text import shown


def whole_number(low, high):
    """An argparse type: a whole number from `low` to `high`."""
    def parse(text):
        # int() would read 1_0 as ten, and accept the digits of any script
        value = int(text) if re.fullmatch("[0-9]{1,19}", text) else None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"found {shown(repr(text))}, expected a whole number "
                                             f"from {low} to {high}")
        return value
    return parse


def whole_numbers(text):
    """An argparse type: seeds separated by commas, each only once."""
    values = [whole_number(0, 2**32 - 1)(part) for part in text.split(",")]
    for value in values:
        if values.count(value) > 1:
            raise argparse.ArgumentTypeError(f"found {value} twice, expected each seed once")
    return values


def path_name(text):
    """An argparse type: the name of a file or folder; not empty, as from an empty make variable."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a name; give one, or leave "
                                         "the option out")
    return text
