"""Each exercise fails as it is handed out, and passes when its gap is filled: by hand, and by the engine."""

import itertools

import pytest
from solutions import BY_HAND, ENGINE, FOLDER, fill

from minicnn.exercises import EXERCISES, check
from minicnn.exercises.mistakes import same

every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.file)


def test_the_folder_holds_the_exercises_and_nothing_else():
    assert sorted(path.name for path in FOLDER.iterdir() if path.suffix == ".py") == [e.file for e in EXERCISES]
    assert [e.number for e in EXERCISES] == list(range(1, len(EXERCISES) + 1))


@every_exercise
def test_the_untouched_exercise_is_not_started(exercise):
    verdict = check(exercise, FOLDER)
    assert (verdict.status, verdict.message) == ("not started", "")


@every_exercise
def test_the_solution_by_hand_passes(exercise, check_text):
    verdict = check_text(exercise.number, fill(exercise.file, BY_HAND[exercise.file]), strict=True)
    assert verdict.status == "passed", verdict
    assert not verdict.uses_engine


@pytest.mark.parametrize("exercise", [e for e in EXERCISES if e.file in ENGINE], ids=lambda exercise: exercise.file)
def test_the_engine_own_code_passes(exercise, check_text):
    verdict = check_text(exercise.number, fill(exercise.file, ENGINE[exercise.file]))
    assert verdict.status == "passed", verdict
    assert verdict.uses_engine


@every_exercise
def test_no_known_mistake_would_pass(exercise):
    """Every mistake gives a wrong number in some case, whatever the seed; else it would teach nonsense."""
    for mistake, cases in itertools.product(exercise.mistakes, (exercise.cases, exercise.anew(2026).cases)):
        off = []
        for case in cases:
            right = exercise.expected(case)
            predicted = mistake.predict(case, right)
            off += [not same(predicted[name], right[name], 1e-3) for name in predicted]
        assert any(off), mistake.text


@pytest.mark.parametrize("file, missing", [(f, name) for f, b in BY_HAND.items() if len(b) > 1 for name in b])
def test_one_of_two_functions_is_not_enough(file, missing, check_text):
    bodies = {name: body for name, body in BY_HAND[file].items() if name != missing}
    verdict = check_text(int(file[2:4]), fill(file, bodies))
    assert (verdict.status, verdict.reason) == ("unfinished", "unwritten")
    assert missing in verdict.message
