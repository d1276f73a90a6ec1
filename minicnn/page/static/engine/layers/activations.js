import { Layer } from "./layer.js";
import { Tensor } from "./tensor.js";

/**
 * f(x) = A tanh(S x), the squashing function: f(1) = 1, f(-1) = -1 (LeCun et al. 1998, section II.B, appendix A).
 *
 * backward: f'(x) = S/A (A² - y²).
 */
export class ScaledTanh extends Layer {
  static A = 1.7159;
  static S = 2 / 3;

  y = new Tensor([0]);

  /** @param {Tensor} x */
  forward(x) {
    this.y = new Tensor(
      x.shape,
      x.data.map((each) => ScaledTanh.A * Math.tanh(ScaledTanh.S * each)),
    );
    return this.y;
  }

  /** @param {Tensor} dy */
  backward(dy) {
    const y = this.y.data;
    return new Tensor(
      dy.shape,
      dy.data.map((d, i) => ScaledTanh.slope(y[i]) * d),
    );
  }

  /**
   * f'(x), from y = f(x).
   *
   * @param {number} y
   */
  static slope(y) {
    const { A, S } = ScaledTanh;
    return (S / A) * (A ** 2 - y ** 2);
  }
}
