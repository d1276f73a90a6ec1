"""The coefficients of kernels/cpu/squash.py: tanh(x) = x P(x²) / Q(x²) on [0, END], with the smallest relative error.

Lawson's method: a weighted least-squares fit of x P - tanh(x) (Q - 1) to tanh(x), repeated with more weight where the
error is large, until it is nearly the same everywhere. Prints the coefficients, the error of the quotient itself, and
that of its float32 form in units of the last place.

    python tests/benchmarks/fit_tanh.py
"""

import argparse

import numpy as np

END = 8.0
"""Where tanh is 1 to within float32's rounding."""


def fit(p_degree, q_degree, rounds=400):
    """(P, Q, largest relative error), coefficients from the lowest power of x² on, Q[0] = 1."""
    x = np.concatenate([END / 2 * (1 + np.cos(np.linspace(0, np.pi, 4001)[:-1])), np.linspace(1e-3, END, 4000)])
    y, u = np.tanh(x), (x / END) ** 2
    up, uq = (np.vander(u, degree + 1, increasing=True) for degree in (p_degree, q_degree))
    weight, q, best = np.ones_like(x), np.ones_like(x), (np.inf, None, None)
    for _ in range(rounds):
        scale = weight / (y * q)
        columns = np.concatenate([up * (x * scale)[:, None], uq[:, 1:] * (-y * scale)[:, None]], axis=1)
        norms = np.linalg.norm(columns, axis=0)
        solution = np.linalg.lstsq(columns / norms, y * scale, rcond=None)[0] / norms
        P, Q = solution[: p_degree + 1], np.concatenate([[1], solution[p_degree + 1 :]])
        q = uq @ Q
        error = np.abs(x * (up @ P) / q / y - 1)
        if error.max() < best[0]:
            best = error.max(), P / END ** (2 * np.arange(p_degree + 1)), Q / END ** (2 * np.arange(q_degree + 1))
        weight = weight * (error / error.max() + 1e-3) ** 0.5
        weight /= weight.max()
    return best[1], best[2], best[0]


def float32_error(P, Q):
    """The largest relative error of the quotient computed in float32, in units of the last place (2^-23)."""
    x = np.linspace(1e-6, END + 1, 1_000_001).astype("float32")
    clipped = np.minimum(x, np.float32(END))
    u = clipped * clipped
    p, q = (np.polyval(coefficients[::-1].astype("float32"), u) for coefficients in (P, Q))
    return np.abs(clipped * p / q / np.tanh(x.astype("float64")) - 1).max() / np.finfo("float32").eps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--degrees", type=int, nargs=2, default=(5, 3), metavar=("P", "Q"), help="default: 5 3")
    P, Q, error = fit(*parser.parse_args().degrees)
    print("P", ", ".join(f"{c:.9g}" for c in P))
    print("Q", ", ".join(f"{c:.9g}" for c in Q))
    print(f"relative error {error:.1e}, in float32 {float32_error(P, Q):.1f} units of the last place")


if __name__ == "__main__":
    main()
