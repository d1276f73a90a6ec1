"""What tests read off the page, and the digits that it knows."""

import re

import numpy as np


def held_out(digits, digit, number=0):
    """The page's own digits: MNIST's of the sample's second part."""
    return digits.images[np.flatnonzero(digits.labels == digit)[number]]


def numbers(text):
    return [float(word.replace("−", "-")) for word in re.findall(r"−?[\d.]*\d(?:e−?\d+)?", text)]


def target(page):
    return page.find("input[name=target]:checked").get_attribute("value")
