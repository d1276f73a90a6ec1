"""Files that loop, flood, crash or lie must not take the checker down, and are told what to do next."""

import os
import signal
import sys
import time

import pytest

from minicnn.exercises import EXERCISES

HEAD = "import os, sys, time\nimport numpy as np\nA, S = 1.7159, 2 / 3\n"
RIGHT = "A * S * (1 - (y / A) ** 2) * dy"


def squash(body, before=""):
    """A file for exercise 2 with this body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"{HEAD}{before}\ndef squash_backward(y, dy):\n{lines}\n"


# what the file is, the reason, words of the message
FILES = {
    "syntax error": ("def squash_backward(y, dy)\n    return y\n", "syntax", "expected ':'"),
    "indentation": ("def squash_backward(y, dy):\nreturn y\n", "syntax", "indentation"),
    "empty body": ("def squash_backward(y, dy):\n    # return y\n", "syntax", "indentation"),
    "tabs and spaces": ("def squash_backward(y, dy):\n    a = 1\n\treturn y\n", "syntax", "tabs and spaces"),
    "not text": (b"\xff\xfe\x00\x01", "syntax", "not a Python text file"),
    "zero bytes": (b"x = 1\n\x00\x00", "syntax", "null bytes"),
    "nested": ("x = " + "(" * 5000 + ")" * 5000, "syntax", "nest"),
    "nothing in it": ("", "missing", "does not define squash_backward"),
    "renamed": ("def squash(y, dy):\n    return y\n", "missing", "does not define squash_backward"),
    "not a function": ("squash_backward = 3\n", "missing", "does not define squash_backward"),
    "wrong signature": ("def squash_backward(y):\n    return y\n", "signature", "squash_backward(y, dy)"),
    "one more argument": ("def squash_backward(a, y, dy):\n    return y\n", "signature", "keep that line"),
    "no return": (squash("da = " + RIGHT), "type", "does it end with return?"),
    "list": (squash(f"return list({RIGHT})"), "type", "must be a NumPy array, but is a list"),
    "comma": (squash(f"return {RIGHT},"), "type", "a comma too much"),
    "string": (squash("return 'done'"), "type", "str"),
    "complex": (squash("return 1j * dy"), "type", "complex128"),
    "objects": (squash("return np.array([None, y], dtype=object)"), "type", "object"),
    "function": (squash("return squash_backward"), "type", "is a function"),
    "number": (squash("return 0.5"), "shape", "must have shape"),
    "shape": (squash(f"return ({RIGHT})[..., None]"), "shape", "must have shape"),
    "enormous": (squash("return np.broadcast_to(1.0, (10**6, 10**6))"), "shape", "far too large"),
    "nan": (squash("return dy * np.nan"), "value", "got nan"),
    "infinite": (squash("return dy * np.inf"), "value", "inf"),
    "exception": (squash("return dy[10**9]"), "error", "IndexError"),
    "exception of its own": (squash("class Odd(BaseException): pass\nraise Odd('hm')"), "error", "Odd"),
    "name": (squash("return z * dy"), "error", "name 'z' is not defined"),
    "recursion": (squash("return squash_backward(y, dy)"), "error", "calls itself without end"),
    "keyboard": (squash("input('y? ')"), "error", "keyboard"),
    "ctrl-c": (squash("raise KeyboardInterrupt"), "error", "KeyboardInterrupt"),
    "exit": (squash("sys.exit(0)"), "exit", "calls exit()"),
    "exit outside": (squash("return y", before="sys.exit(0)\n"), "exit", "calls exit()"),
    "quit": (squash("quit()"), "exit", "calls exit()"),
    "hard exit": (squash("os._exit(0)"), "crash", "os._exit()"),
    "abort": (squash("os.abort()"), "crash", "Python itself ended"),
    "error outside": (squash("return y", before="1 / 0\n"), "error", "ZeroDivisionError"),
    "import": (squash("return y", before="import no_such_module\n"), "error", "no_such_module"),
    "gap outside": (squash("return y", before="raise NotImplementedError\n"), "error", "NotImplementedError"),
    "flood": (squash("while True:\n    print('y' * 1000)"), "output", "printed more than"),
    "flood of errors": (squash("while True:\n    print('y' * 1000, file=sys.stderr)"), "output", "printed more than"),
    "megabytes": (squash("print('y' * 5_000_000)\ntime.sleep(20)"), "output", "printed more than"),
}


@pytest.mark.parametrize("text, reason, words", FILES.values(), ids=FILES)
def test_a_broken_file_gets_a_reason_and_words(text, reason, words, check_text):
    verdict = check_text(2, text)
    assert (verdict.status, verdict.reason) == ("wrong", reason), verdict
    assert words in verdict.message, verdict.message


@pytest.mark.parametrize("body", [
    "while True:\n    pass",
    *(pytest.param(body, marks=pytest.mark.slow) for body in ("time.sleep(1000)", "sum(iter(int, 1))")),
])  # fmt: skip
def test_an_endless_loop_is_stopped_and_its_line_named(body, check_text):
    verdict = check_text(2, squash(body), time_limit=1.5)
    assert (verdict.status, verdict.reason) == ("wrong", "time")
    assert "1.5 seconds" in verdict.message or "6 seconds" in verdict.message  # on a busy machine the clock comes first
    text = squash(body).splitlines()
    assert text[verdict.line - 1].strip() in body


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no limit but that of the clock")
def test_the_time_that_counts_is_what_the_code_computes(check_text):
    rest = "while time.process_time() - started < 0.2:\n    pass\ntime.sleep(0.9)\nreturn " + RIGHT
    verdict = check_text(2, squash(f"started = time.process_time()\n{rest}"), time_limit=3.0)
    assert verdict.status == "passed", verdict
    assert verdict.seconds > 3  # all cases together: by the clock on the wall it would have been stopped


def test_a_loop_outside_the_function_is_stopped_too(check_text):
    assert check_text(2, squash("return y", before="while True: pass\n"), time_limit=1.5).reason == "time"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die of")
def test_a_signal_is_named(check_text):
    verdict = check_text(2, squash("import signal\nos.kill(os.getpid(), signal.SIGSEGV)\ntime.sleep(5)"))
    assert verdict.reason == "crash"
    assert "SIGSEGV" in verdict.message
    assert verdict.line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits memory reliably")
@pytest.mark.parametrize("body", ["np.ones(10**10)", "a = []\nwhile True:\n    a.append(bytes(10**7))"])
def test_too_much_memory_is_refused(body, check_text):
    verdict = check_text(2, squash(body))
    assert (verdict.status, verdict.reason) == ("wrong", "memory")
    assert verdict.line


def test_a_process_left_behind_does_not_hold_the_checker(check_text):
    text = squash("import subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(900)'])\n"
                  f"return {RIGHT}")  # fmt: skip
    started = time.monotonic()
    assert check_text(2, text).status == "passed"
    assert time.monotonic() - started < 600


@pytest.mark.parametrize("extra", [
    "import threading\nthreading.Thread(target=time.sleep, args=(60,)).start()",
    "sys.stdout.close()", "sys.stdout = None", "np.load = None", "print('a lot\\n' * 1000)", "os.chdir('/')",
    "json = open('report.json', 'w').write('{}')", "sys.setrecursionlimit(50)",
])  # fmt: skip
def test_odd_but_right_files_pass(extra, check_text):
    verdict = check_text(2, squash(f"{extra}\nreturn {RIGHT}"))
    assert verdict.status == "passed", verdict


def test_a_file_may_import_its_neighbours_but_not_hide_the_library(check_text, tmp_path):
    (tmp_path / "helper.py").write_text("def twice(a):\n    return 2 * a\n")
    (tmp_path / "random.py").write_text("raise RuntimeError('the wrong random')\n")
    (tmp_path / "json.py").write_text("raise RuntimeError('the wrong json')\n")
    assert check_text(2, squash(f"return twice({RIGHT}) / 2", before="from helper import twice\n")).status == "passed"


def test_an_untouched_loop_body_is_still_not_started(check_text):
    for body in ("pass", "...", '"""Say more."""', "raise NotImplementedError"):
        assert check_text(2, squash(body)).status == "not started"


def test_a_stub_that_is_called_from_elsewhere_is_unwritten(check_text):
    text = squash("return slope(y) * dy", before="def slope(y):\n    raise NotImplementedError\n")
    assert check_text(2, text).status == "not started"


def test_a_wrong_number_of_arrays(check_text):
    head = "def momentum_step(w, v, g, lr, momentum):\n    "
    assert "2 arrays, but returns only an array" in check_text(9, head + "return w\n").message
    assert "2 arrays, but returns 3" in check_text(9, head + "return w, v, g\n").message
    assert "v_new must be a NumPy array, but is None" in check_text(9, head + "return w, None\n").message


def test_a_class_without_backward(check_text):
    text = "class Linear:\n    def __init__(self, W, b):\n        pass\n    def forward(self, x):\n        return x\n"
    verdict = check_text(1, text)
    assert (verdict.status, verdict.reason) == ("wrong", "missing")
    assert "Linear.backward" in verdict.message


def test_a_class_that_does_not_keep_its_gradients(check_text):
    text = ("class Linear:\n    def __init__(self, W, b):\n        self.W = W\n    def forward(self, x):\n"
            "        self.x = x\n    def backward(self, dy):\n        return self.W.T @ dy\n")  # fmt: skip
    assert "must write self.dW" in check_text(1, text).message


def test_what_the_code_prints_is_kept_and_cut(check_text):
    verdict = check_text(2, squash("print('here', y.shape)\nreturn y"))
    assert verdict.printed.startswith("here (4, 3)")
    assert len(check_text(2, squash("print('x' * 100_000)\nreturn y")).printed) <= 4000


def test_a_missing_file_says_where_to_get_it(tmp_path):
    from minicnn.exercises import EXERCISES, check

    verdict = check(EXERCISES[0], tmp_path)
    assert verdict.status == "missing"
    assert "minicnn exercises --copy brings a new one" in verdict.message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_file_that_may_not_be_read(check_text, tmp_path):
    check_text(2, squash("return y"))
    from minicnn.exercises import EXERCISES, check

    (tmp_path / EXERCISES[1].file).chmod(0)
    assert "cannot be read" in check(EXERCISES[1], tmp_path).message


REPORT = {"problem": "", "kind": "", "line": None, "text": "", "unwritten": [], "finished": 0, "changed": [],
          "uses_engine": False}  # fmt: skip


@pytest.mark.parametrize("report", [
    REPORT, {**REPORT, "finished": 99}, {**REPORT, "finished": "3"}, {**REPORT, "changed": [1]}, {"finished": 0}, [], 3,
    None,
])  # fmt: skip
def test_a_file_that_writes_the_report_itself_does_not_pass(report, check_text):
    text = squash("return y", before=f"""
import json
folder = sys.argv[1]
json.dump({report!r}, open(os.path.join(folder, "report.json"), "w"))
os._exit(0)
""")
    verdict = check_text(2, text)
    assert (verdict.status, verdict.reason) == ("wrong", "crash")
    assert "write the report itself" in verdict.message or "os._exit()" in verdict.message


def test_results_that_are_not_numbers_do_not_pass(check_text):
    text = squash("return y", before=f"""
import json
folder = sys.argv[1]
np.savez(os.path.join(folder, "result0.npz"), da=np.array(["right"]))
json.dump({REPORT | {'finished': 1}!r}, open(os.path.join(folder, "report.json"), "w"))
os._exit(0)
""")
    assert check_text(2, text).status == "wrong"


def test_a_file_that_deletes_itself_is_judged_all_the_same(check_text):
    verdict = check_text(2, squash("os.remove(__file__)\nreturn y[10**9]"))
    assert (verdict.status, verdict.reason) == ("wrong", "error")
    verdict = check_text(2, squash("os.remove(__file__)\nos.abort()"))
    assert (verdict.status, verdict.reason) == ("wrong", "crash")


def test_using_the_engine_passes_and_is_said(check_text):
    by_engine = "import minicnn as mc\nf = mc.ScaledTanh()\nf.forward(np.arctanh(y / A) / S)\nreturn f.backward(dy)"
    verdict = check_text(2, squash(by_engine))
    assert (verdict.status, verdict.uses_engine) == ("passed", True)
    for words in ("# as minicnn does", "'as minicnn does'", '"""minicnn does it like that."""'):
        assert not check_text(2, squash(f"{words}\nreturn {RIGHT}")).uses_engine


@pytest.mark.parametrize("body", [
    "import minicnn as mc\nf = mc.ScaledTanh()\nf.forward(np.arctanh(y / A) / S)\nreturn f.backward(dy)",
    "mc = __import__('mini' + 'cnn')\nf = mc.ScaledTanh()\nf.forward(np.arctanh(y / A) / S)\nreturn f.backward(dy)",
])  # fmt: skip
def test_strict_refuses_the_engine(body, check_text):
    verdict = check_text(2, squash(body), strict=True)
    assert verdict.status == "wrong"
    assert verdict.reason == "engine" or "does not count here" in verdict.message


def test_strict_draws_the_cases_anew(check_text):
    """A file that knows the usual cases by heart is found out."""
    firsts = [float(case["y"].ravel()[0]) for case in EXERCISES[1].cases]
    body = f"return {RIGHT} if any(abs(y.ravel()[0] - first) < 1e-12 for first in {firsts}) else y"
    assert check_text(2, squash(body)).status == "passed"
    assert check_text(2, squash(body), strict=True).status == "wrong"
    assert check_text(2, squash(f"return {RIGHT}"), strict=True).status == "passed"
