"""Mistakes that students make, as code: each is found where it is and called by its name."""

import re

import pytest
from solutions import BY_HAND, FOLDER

from minicnn.exercises import EXERCISES

CONV = BY_HAND["ex05_conv_backward.py"]["backward"]
MAP = BY_HAND["ex08_discriminative_gradient.py"]["discriminative_gradient"]
IM2COL = BY_HAND["ex03_im2col.py"]["im2col"]
COL2IM = BY_HAND["ex04_col2im.py"]["col2im"]
SUMS = "s = x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]\n"


def linear(dW="dy @ self.x.T", db="dy.sum(axis=1)", dx="self.W.T @ dy", assign="="):
    return {"backward": f"self.dW {assign} {dW}\nself.db {assign} {db}\nreturn {dx}"}


def edited(body, old, new):
    assert old in body
    return body.replace(old, new)


def slope(factor):
    return {"squash_backward": f"import numpy as np\nreturn {factor} * dy"}


def change(number, *pairs):
    """The solution by hand with each old text replaced by the new one that follows it, in whichever function has it."""
    bodies = dict(BY_HAND[EXERCISES[number - 1].file])
    for old, new in zip(pairs[::2], pairs[1::2]):
        name = next(name for name, body in bodies.items() if old in body)
        bodies[name] = bodies[name].replace(old, new)
    return bodies


CASES = [
    # exercise, bodies, wrong array, what the likely mistake must say
    (1, linear(dW="dy @ self.x"), "dW", "x is not transposed"),
    (1, linear(dW="dy.T @ self.x"), "dW", "wrong factor is transposed"),
    (1, linear(dW="self.x @ dy.T"), "dW", "it is transposed"),
    (1, linear(dx="self.W @ dy"), "dx", "W is not transposed"),
    (1, linear(db="dy.sum(axis=0)"), "db", "outputs instead of the samples"),
    (1, linear(db="dy.sum(axis=1, keepdims=True)"), "db", "only the shape is not"),
    (1, linear(db="dy"), "db", "sum over the samples is missing"),
    (1, linear(db="dy[:, 0]"), "db", "only the first sample"),
    (1, linear(dW="dy[:, -1:] @ self.x[:, -1:].T"), "dW", "only the last sample"),
    (1, linear(dW="dy @ self.x.T / dy.shape[1]"), "dW", "divided by their number"),
    (1, linear(db="dy.mean(axis=1)"), "db", "divided by their number"),
    (1, linear(db="-dy.sum(axis=1)"), "db", "sign"),
    (1, linear(assign="+="), "dW", "overwrite"),
    (1, linear(dW="0.5 * dy @ self.x.T"), "dW", "0.5 times"),
    (1, {"backward": "return self.W.T @ dy"}, "dW", "all zeros"),
    (1, {"backward": "self.db = dy.sum(axis=1)\nself.dW = dy @ self.x.T\n"
                     "self.first = getattr(self, 'first', self.W.T @ dy)\nreturn self.first"}, "dx", "first one did"),
    (2, slope("A * S * (1 - y**2)"), "da", "y is not divided by A"),
    (2, slope("(1 - y**2)"), "da", "slope of tanh itself"),
    (2, slope("S * (1 - (y / A) ** 2)"), "da", "factor A is missing"),
    (2, slope("A * (1 - (y / A) ** 2)"), "da", "factor S is missing"),
    (2, slope("A * S * (1 - np.tanh(S * y) ** 2)"), "da", "tanh is taken again"),
    (2, {"squash_backward": "return A * S * (1 - (y / A) ** 2)"}, "da", "multiply it by dy"),
    (3, {"im2col": edited(edited(IM2COL, "i + stride * h_out : stride", "i + h_out"),
                          "j + stride * w_out : stride", "j + w_out")}, "cols", "stride is ignored"),
    (3, {"im2col": "stride = 1" + IM2COL.replace("\n        ", "\n")}, "cols", "stride is ignored"),
    (3, {"im2col": edited(IM2COL, "cols[:, i, j]", "cols[:, j, i]")}, "cols", "i and j are exchanged"),
    (3, {"im2col": edited(IM2COL, "cols[:, i, j] =", "cols[:, i, j] +=")}, "cols", "np.empty"),
    (3, {"im2col": edited(IM2COL, "return cols.reshape(C * size * size, h_out * w_out * N)", "return cols")},
     "cols", "only the shape is not"),
    (3, {"im2col": edited(IM2COL, "return cols", "return cols.transpose(1, 2, 0, 3, 4, 5)")}, "cols", "(c, i, j)"),
    (3, {"im2col": edited(IM2COL, "return cols", "return cols.transpose(0, 1, 2, 5, 3, 4)")}, "cols", "(h, w, n)"),
    (3, {"im2col": edited(IM2COL, "return cols.reshape(C * size * size, h_out * w_out * N)",
                          "return cols.transpose(0, 3, 4, 1, 2, 5).reshape(C * h_out * w_out, size * size * N)")},
     "cols", "a row is a pixel of the window"),
    (4, {"col2im": edited(COL2IM, "+=", "=")}, "dx", "+= in place of ="),
    (4, {"col2im": edited(COL2IM, "dcols[:, i, j]", "dcols[:, j, i]")}, "dx", "i and j are exchanged"),
    (4, {"col2im": edited(edited(COL2IM, "i + stride * h_out : stride", "i + h_out"),
                          "j + stride * w_out : stride", "j + w_out")}, "dx", "stride is ignored"),
    (5, {"backward": edited(CONV, "self.connections[o]", "range(self.x.shape[0])")}, "dW", "table is ignored"),
    (5, {"backward": edited(edited(CONV, "self.stride * h_out, self.stride", "h_out"),
                            "self.stride * w_out, self.stride", "w_out")}, "dW", "stride is ignored"),
    (5, {"backward": edited(CONV, "] += self.W", "] = self.W")}, "dx", "+= in place of ="),
    (5, {"backward": edited(CONV, "+= self.W[o, c, i, j]", "+= self.W[o, c, size - 1 - i, size - 1 - j]")},
     "dx", "flipped"),
    (5, {"backward": edited(CONV, "self.dW, dx = np.zeros_like(self.W), ", "dx = ").replace(
        "self.dW[o, c, i, j] =", "self.dW[o, c, i, j] +=")}, "dW", "overwrite"),
    (5, {"backward": edited(CONV, "dy.sum(axis=(1, 2, 3))", "dy.sum(axis=(1, 2))")}, "db", "sum over the samples"),
    (6, {"subsampling_gradients": SUMS + "return (dy * s).mean(axis=3).sum(axis=(1, 2)), dy.sum(axis=(1, 2, 3))"},
     "dcoefficient", "divided by their number"),
    (6, {"subsampling_gradients": SUMS + "return (dy * s / 4).sum(axis=(1, 2, 3)), dy.sum(axis=(1, 2, 3))"},
     "dcoefficient", "averaged"),
    (6, {"subsampling_gradients": SUMS + "return (dy * s).sum(axis=(1, 2)), dy.sum(axis=(1, 2))"},
     "dcoefficient", "sum over the samples is missing"),
    (6, {"subsampling_gradients": SUMS + "return (dy * s).sum(axis=3), dy.sum(axis=3)"},
     "dcoefficient", "sums over h and w"),
    (6, {"subsampling_gradients": SUMS + "return (dy * s).sum(), dy.sum()"}, "dcoefficient", "maps are added up"),
    (6, {"subsampling_gradients": SUMS + "return dy.sum(axis=(1, 2, 3)), (dy * s).sum(axis=(1, 2, 3))"},
     "dcoefficient", "wrong way round"),
    (7, {"rbf_forward": "return ((x[None] - w[:, :, None]) ** 2).sum(axis=1) ** 0.5"}, "y", "square root"),
    (7, {"rbf_forward": "return ((x[None] - w[:, :, None]) ** 2).mean(axis=1)"}, "y", "mean over the features"),
    (7, {**BY_HAND["ex07_rbf.py"], "rbf_backward": "return (dy[:, None] * (x[None] - w[:, :, None])).sum(axis=0)"},
     "dx", "factor 2"),
    (7, {**BY_HAND["ex07_rbf.py"], "rbf_backward": "return 2 * (dy[:, None] * (w[:, :, None] - x[None])).sum(axis=0)"},
     "dx", "sign"),
    (7, {**BY_HAND["ex07_rbf.py"], "rbf_backward": "return 2 * (x - w.T @ dy)"}, "dx", "sum of dy"),
    (8, {"discriminative_gradient": edited(MAP, "m = np.minimum(y.min(axis=0), j)", "m = 0")}, "dy", "0/0"),
    (8, {"discriminative_gradient": edited(MAP, "np.exp(m - j) + ", "")}, "dy", "exp(-j) is missing"),
    (8, {"discriminative_gradient": edited(MAP, "return dy / len(labels)", "return dy")}, "dy", "1/N is missing"),
    (8, {"discriminative_gradient": edited(MAP, "+= 1", "+= 0")}, "dy", "[i = D], is missing"),
    (8, {"discriminative_gradient": edited(MAP, "return dy /", "return -dy /")}, "dy", "sign"),
    (9, {"momentum_step": "v = momentum * v + g\nreturn w + lr * v, v"}, "w_new", "up the slope"),
    (9, {"momentum_step": "return w - lr * g, g"}, "w_new", "momentum is left out"),
    (9, {"momentum_step": "return w - lr * v, momentum * v + g"}, "w_new", "old velocity"),
    (9, {"momentum_step": "v = momentum * v + (1 - momentum) * g\nreturn w - lr * v, v"}, "w_new", "1 - momentum"),
    (9, {"momentum_step": "v = momentum * v + lr * g\nreturn w - v, v"}, "w_new", "lr is inside"),
    (9, {"momentum_step": "v = momentum * v + g\nreturn v, w - lr * v"}, "w_new", "wrong way round"),
    (10, {"linear_second": "return d2y @ x.T, d2y.sum(axis=1), (W**2).T @ d2y"}, "h_W", "x is not squared"),
    (10, {"linear_second": "return d2y @ (x**2).T, d2y.sum(axis=1), W.T @ d2y"}, "d2x", "W is not squared"),
    (10, {**BY_HAND["ex10_second_derivative.py"], "squash_second": "return A * S * (1 - (y / A) ** 2) * d2y"},
     "d2a", "not squared"),
    (11, change(11, "up = loss(moved)\n                moved[i] = x[i] - h\n",
                "up = loss(moved)\n                moved[i] = x[i]\n", "/ (2 * h)", "/ h"), "gradient", "one-sided"),
    (11, change(11, "/ (2 * h)", "/ h"), "gradient", "2h apart"),
    (11, change(11, "np.where(scale == 0, 1, scale)", "np.abs(n + (n == 0))"), "error", "|n| alone"),
    (12, change(12, "dy * (x > 0)", "dy * (x < 0)"), "dx of ReLU", "turned round"),
    (12, change(12, "dy * (x > 0)", "np.maximum(dy, 0)"), "dx of ReLU", "negative gradients"),
    (12, change(12, "return np.where(x == spread[0], spread[1], 0)", "return spread[1] / size**2"),
     "dx of max pooling", "shared out evenly"),
    (12, change(12, ".max(axis", ".min(axis"), "dx of max pooling", "smallest pixel"),
    (13, change(13, "terms = np.exp(z - z.max(axis=0))\n            return", "terms = np.exp(z)\n            return"),
     "p", "overflows"),
    (13, change(13, "return dz / len(labels)", "return dz"), "dz", "1/N is missing"),
    (13, change(13, "] -= 1", "] -= 0"), "dz", "softmax alone"),
    (14, change(14, "g * dy + W.T @ da", "W.T @ da"), "dx", "directly too"),
    (14, change(14, "g * dy + W.T @ da", "(g * dy + W.T @ da) / 2"), "dx", "averaged"),
    (14, change(14, "* x * dy", "* dy"), "dW", "factor x"),
    (15, change(15, "@ dh + dy", "@ dh"), "dx", "way past the layers"),
    (15, change(15, " * (h > 0)", ""), "dW1", "mask is missing"),
    (15, change(15, "np.maximum(h, 0).T", "h.T"), "dW2", "before ReLU"),
    (16, change(16, "(g - g.mean(axis=1, keepdims=True) - z * (g * z).mean(axis=1, keepdims=True)) / deviation",
                "g / deviation"), "dx", "taken for constants"),
    (16, change(16, " - z * (g * z).mean(axis=1, keepdims=True)", ""), "dx", "way by the variance"),
    (16, change(16, "g = gamma[:, None] * dy", "g = dy"), "dx", "gamma is missing"),
    (17, change(17, "W - lr", "W + lr", "b - lr", "b + lr"), "W_new", "uphill"),
    (17, change(17, "dz = dz / len(chosen)", "dz = dz / size"), "W_new", "divided by size"),
    (17, change(17, "dz = dz / len(chosen)", "pass"), "W_new", "batch's sum"),
    (17, change(17, "range(0, len(row), size)", "range(0, len(row) - size + 1, size)"), "W_new", "shorter batch"),
    (18, change(18, "x[c, h + i, w + j, n]", "x[c, h + j, w + i, n]"), "y", "exchanged"),
    (18, change(18, "total += k", "total = k"), "y", "must grow"),
]  # fmt: skip


@pytest.mark.parametrize("number, bodies, array, words", CASES, ids=[f"{n}-{words}" for n, _, _, words in CASES])
def test_the_mistake_is_named(number, bodies, array, words, check_bodies):
    verdict = check_bodies(number, **bodies)
    assert (verdict.status, verdict.array) == ("wrong", array), verdict.message
    assert words in verdict.likely, verdict


def test_a_wrong_element_is_given_with_both_values(check_bodies):
    verdict = check_bodies(9, momentum_step="v = momentum * v + g\nu = v.copy()\nu[2] += 1\nreturn w - lr * v, u")
    assert (verdict.array, verdict.index) == ("v_new", (2,))
    assert verdict.got == pytest.approx(verdict.expected + 1)
    assert f"v_new[2] must be {verdict.expected:.6g}, got {verdict.got:.6g}" in verdict.message


@pytest.mark.parametrize("number, bodies", [
    (9, {"momentum_step": "v = momentum * v + g\nv[0] += 0.1\nreturn w - lr * v, v"}),
    (9, {"momentum_step": "import numpy as np\nreturn np.cos(w), np.sin(v)"}),
    (2, {"squash_backward": "return dy * (1 + y**3)"}),
    (3, {"im2col": edited(IM2COL, "return cols", "cols[0, 0, 0, 0, 0, 0] += 1\n        return cols")}),
    (7, {"rbf_forward": "return ((x[None] - w[:, :, None]) ** 2).sum(axis=1) + 0.01"}),
])  # fmt: skip
def test_where_no_known_pattern_fits_nothing_is_guessed(number, bodies, check_bodies):
    verdict = check_bodies(number, **bodies)
    assert (verdict.status, verdict.reason, verdict.likely) == ("wrong", "value", "")


def test_a_pattern_must_fit_in_every_case(check_bodies):
    """Transposed where the matrix is square, random where it is not: not one mistake, so none is named."""
    verdict = check_bodies(1, backward="""
        self.dW, self.db = dy @ self.x.T, dy.sum(axis=1)
        self.dW = self.dW.T if self.dW.shape == (3, 3) else self.dW + 1
        return self.W.T @ dy
    """)
    assert (verdict.array, verdict.likely) == ("dW", "")


def test_values_of_an_early_case_come_before_an_exception_in_a_later_one(check_bodies):
    """Only the square case survives a missing transpose; what it shows is more use than NumPy's message."""
    verdict = check_bodies(1, backward="self.dW = dy @ self.x\nself.db = dy.sum(axis=1)\nreturn self.W.T @ dy")
    assert verdict.reason == "value"
    assert verdict.index is not None


def test_float32_results_are_told_apart_from_wrong_ones(check_bodies):
    verdict = check_bodies(2, squash_backward="return (A * S * (1 - (y / A) ** 2) * dy).astype('float32')")
    assert (verdict.status, verdict.reason) == ("wrong", "dtype")
    assert "float32" in verdict.message


def test_writing_to_an_input_is_found_although_the_results_are_right(check_bodies):
    verdict = check_bodies(9, momentum_step="v *= momentum\nv += g\nreturn w - lr * v, v")
    assert (verdict.status, verdict.reason) == ("wrong", "changed")
    assert "v has been changed" in verdict.message


def test_every_exercise_has_known_mistakes():
    assert all(len(exercise.mistakes) >= 3 for exercise in EXERCISES if not exercise.secret)


def test_every_exercise_has_three_hints_and_only_the_last_is_the_formula():
    for exercise in EXERCISES:
        assert len(exercise.hints) == 3
        task = (FOLDER / exercise.file).read_text(encoding="utf-8")
        assert f"--only {exercise.number} --hint 1" in task
        assert exercise.hints[2] not in task


def test_what_is_secret_is_not_given_away(check_bodies):
    body = "lines, reasons = np.zeros(12, int), np.zeros(12, int)\nlines[0] = 3\nreturn lines, reasons"
    verdict = check_bodies(19, answers=body)
    assert verdict.message == "1 of 12 lines are right; that of number 2 is not"
    assert (verdict.expected, verdict.got, verdict.likely) == (None, None, "")


def test_numbers_are_printed_until_they_differ(check_bodies):
    verdict = check_bodies(2, squash_backward="return (1 + 3e-8) * A * S * (1 - (y / A) ** 2) * dy")
    must, got = re.findall(r"must be (\S+), got (\S+?)(?:  |$)", verdict.message)[0]
    assert must != got


def test_a_weight_that_is_changed_in_place_is_not_taken_for_a_wrong_dx(check_bodies):
    verdict = check_bodies(1, backward="""
        self.dW, self.db = dy @ self.x.T, dy.sum(axis=1)
        self.W -= 0.1 * self.dW
        return self.W.T @ dy
    """)
    assert (verdict.status, verdict.reason) == ("wrong", "changed")
    assert "W has been changed" in verdict.message
