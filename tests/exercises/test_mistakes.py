"""Mistakes that students make, as code: each is found where it is and called by its name."""

import pytest
from solutions import BY_HAND

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
    assert all(len(exercise.mistakes) >= 3 for exercise in EXERCISES)
