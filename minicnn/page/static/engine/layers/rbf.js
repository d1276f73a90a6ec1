import { Layer } from "./layer.js";
import { Tensor } from "./tensor.js";

/**
 * y[i] = sum_j (x[j] - w[i, j])²: how far x is from the prototype of class i. The class is the smallest y.
 *
 * x (features) -> y (classes); prototypes w (classes, features), fixed (LeCun et al. 1998, equation 7).
 *
 * backward: dx[j] = 2 sum_i dy[i] (x[j] - w[i, j]).
 */
export class RBF extends Layer {
  /** @param {Tensor} prototypes */
  constructor(prototypes) {
    super();
    this.prototypes = prototypes;
    this.x = new Tensor([0]);
  }

  /** @param {Tensor} x */
  forward(x) {
    this.x = x;
    const [classes, features] = this.prototypes.shape,
      w = this.prototypes.data,
      y = new Tensor([classes]);
    for (let i = 0; i < classes; i++) {
      let distance = 0;
      for (let j = 0; j < features; j++) distance += (x.data[j] - w[i * features + j]) ** 2;
      y.data[i] = distance;
    }
    return y;
  }

  /** @param {Tensor} dy */
  backward(dy) {
    const [classes, features] = this.prototypes.shape,
      w = this.prototypes.data,
      dx = new Tensor([features]);
    for (let j = 0; j < features; j++) {
      let sum = 0;
      for (let i = 0; i < classes; i++) sum += dy.data[i] * (this.x.data[j] - w[i * features + j]);
      dx.data[j] = 2 * sum;
    }
    return dx;
  }
}
