"""Numbers on a command line."""

import argparse


def number(kind, text, fits):
    """For argparse: a converter to int or float that refuses what does not fit."""

    def convert(value):
        result = kind(value)
        if not fits(result):
            raise argparse.ArgumentTypeError(f"must be {text}, got {value}")
        return result

    convert.__name__ = kind.__name__  # argparse names it in its message
    return convert
