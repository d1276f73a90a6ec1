"""Makes this folder's helper modules importable, and a way to check any text as an exercise's file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from solutions import fill

from minicnn.exercises import EXERCISES, check


@pytest.fixture
def check_text(tmp_path):
    """``check_text(number, text)`` -> the Verdict on a file with this text (or these bytes)."""

    def judge(number, text, time_limit=10.0, strict=False):
        exercise = EXERCISES[number - 1]
        contents = text if isinstance(text, bytes) else text.encode()
        (tmp_path / exercise.file).write_bytes(contents)
        return check(exercise, tmp_path, time_limit, strict)

    return judge


@pytest.fixture
def check_bodies(check_text):
    """``check_bodies(number, function=body, ...)`` -> the Verdict on the exercise with these gaps filled."""

    def judge(number, **bodies):
        return check_text(number, fill(EXERCISES[number - 1].file, bodies))

    return judge
