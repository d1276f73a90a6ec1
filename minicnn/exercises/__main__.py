"""Check the exercises: ``minicnn exercises [FOLDER]``; docs/exercises.md says what else it can do.

Exit status: 0 if all that were checked have passed, 1 if not, 2 if there was nothing to check.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from minicnn import sources
from minicnn.cli import ends
from minicnn.exercises import EXERCISES, check
from minicnn.exercises.copies import EXAMPLES, copy, said
from minicnn.exercises.judge import PASSED
from minicnn.exercises.report import students, summary, write_report
from minicnn.exercises.sandbox import TIME_LIMIT
from minicnn.exercises.table import as_json, hints, table
from minicnn.exercises.watch import check_all, watch
from minicnn.terminal import fitted

HOME = EXAMPLES / "exercises"


def main(arguments=None, prog="python -m minicnn.exercises"):
    args = parse(arguments, prog)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that cannot show every sign of a student's line
    exercises = [e for e in EXERCISES if not args.only or e.number in args.only]
    if args.copy:
        print(fitted(said(args.copy, *copy(args.copy), prog), sys.stdout, indent="    "))
        return 0
    if args.hint:
        print(hints(exercises, args.hint, width()))
        return 0
    if args.report:
        return report(args, exercises)
    folder = find(args.folder, prog)
    if folder is None:
        return 2

    def judge(exercise):
        if sys.stderr.isatty() and not args.json:
            print(f"\rchecking {exercise.file} ...", end="\033[K", file=sys.stderr, flush=True)
        return check(exercise, folder, args.time_limit, args.strict)

    def show(verdicts):
        if sys.stderr.isatty() and not args.json:
            print("\r", end="\033[K", file=sys.stderr, flush=True)
        if args.json:
            print(as_json(verdicts, folder), flush=True)
            return
        terminal = sys.stdout.isatty()
        if args.watch and terminal:
            print("\033[2J\033[H", end="")
        print(table(verdicts, width(), colour=terminal and "NO_COLOR" not in os.environ), flush=True)
        if args.watch:
            print(f"Watching {folder}. Save a file to check it again, Ctrl-C to stop.", flush=True)

    verdicts = check_all(exercises, folder, judge)
    show([verdict for _, verdict in verdicts.values()])
    if args.watch:
        watch(exercises, folder, verdicts, judge, show)
    return 0 if all(verdict.status == PASSED for _, verdict in verdicts.values()) else 1


def width():
    """Columns to print in."""
    return max(60, min(120, shutil.get_terminal_size((110, 40)).columns - 1))


def report(args, exercises):
    """Check every student's folder within FOLDER, and write a line for each."""
    folders = students(args.folder) if args.folder is not None and args.folder.is_dir() else []
    if not folders:
        complain(f"--report needs FOLDER with a folder for each student in it, each with {EXERCISES[0].file} and the "
                 f"others; {args.folder} has none.")  # fmt: skip
        return 2
    verdicts = {}
    for folder in folders:
        if sys.stderr.isatty():
            print(f"\rchecking {folder.name} ...", end="\033[K", file=sys.stderr, flush=True)
        verdicts[folder.name] = [check(exercise, folder, args.time_limit, args.strict) for exercise in exercises]
    if sys.stderr.isatty():
        print("\r", end="\033[K", file=sys.stderr, flush=True)
    write_report(args.report, exercises, verdicts)
    print(f"{summary(exercises, verdicts)}\n{args.report} has a line for each student.")
    return 0 if all(v.status == PASSED for of_one in verdicts.values() for v in of_one) else 1


def find(given, prog):
    """The folder to check, or None, having said on stderr what to do."""
    if given is not None:
        if not given.is_dir():
            complain(f"There is no folder {given}. Give the folder that holds {EXERCISES[0].file} and the others.")
            return None
        if not any((given / e.file).exists() for e in EXERCISES):
            complain(f"{given} holds none of the exercises ({EXERCISES[0].file} to {EXERCISES[-1].file}). Give another "
                     f"folder, or copy them out of the package first:\n    {prog} --copy")  # fmt: skip
            return None
        return given
    checkout = sources.checkout()
    for candidate in (Path(), HOME, *([checkout / HOME] if checkout else [])):
        if any((candidate / e.file).exists() for e in EXERCISES):
            return candidate
    complain(f"Found no exercises here, nor in {HOME}. They come with minicnn; to copy them to {EXAMPLES}:\n"
             f"    {prog} --copy")  # fmt: skip
    return None


def complain(text):
    """Say what is wrong, on stderr."""
    print(fitted(text, sys.stderr), file=sys.stderr)


def parse(arguments, prog):
    numbers = [e.number for e in EXERCISES]
    parser = argparse.ArgumentParser(
        prog=prog, allow_abbrev=False,
        description="Check the exercises of minicnn and say what is wrong.",
        epilog="Exit status: 0 if all that were checked have passed, 1 if not, 2 if there was nothing to check.",
    )  # fmt: skip
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="where the exercise files are (default: "
                        "the current directory, examples/exercises, or the checkout that minicnn is in)")  # fmt: skip
    parser.add_argument("--copy", nargs="?", type=Path, const=EXAMPLES, metavar="FOLDER", help="check nothing, copy "
                        "the exercises, the lecture and the other examples out of the package to this folder "
                        "(default: %(const)s); what is there already is kept")  # fmt: skip
    parser.add_argument("--only", nargs="+", type=int, choices=numbers, metavar="N", help="check these exercises only")
    parser.add_argument("--watch", action="store_true", help="check a file again whenever it is saved")
    parser.add_argument("--hint", type=int, choices=(1, 2, 3), metavar="LEVEL", help="with --only: check nothing, say "
                        "something that helps; 1 is a nudge, 3 the formula")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--report", type=Path, metavar="CSV", help="check every student's folder within FOLDER, and "
                        "write a line for each to this file")  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="for grading: minicnn itself does not count as an "
                        "answer, and the cases are new ones")  # fmt: skip
    parser.add_argument("--time-limit", type=seconds, default=TIME_LIMIT, metavar="S",
                        help="seconds that one exercise may compute (default: %(default)g)")  # fmt: skip
    args = parser.parse_args(arguments)
    if args.hint and not args.only:
        parser.error("--hint needs --only N: which exercise?")
    if args.report and (args.watch or args.json):
        parser.error("--report goes with neither --watch nor --json")
    return args


def seconds(text):
    value = float(text)
    if not 0.5 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"must lie between 0.5 and 3600, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(ends(main))
