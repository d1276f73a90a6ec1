import { Layer } from "./layer.js";
import { Parameter } from "./parameter.js";
import { Tensor } from "./tensor.js";

/**
 * y = W x + b: x (in) -> y (out), W (out, in), b (out).
 *
 * backward: dW = dy x^T,  db = dy,  dx = W^T dy.
 */
export class Linear extends Layer {
  /**
   * @param {number} inFeatures
   * @param {number} outFeatures
   */
  constructor(inFeatures, outFeatures) {
    super();
    this.weight = new Parameter("weight", [outFeatures, inFeatures]);
    this.bias = new Parameter("bias", [outFeatures]);
    this.x = new Tensor([0]);
  }

  /** @param {Tensor} x */
  forward(x) {
    this.x = x;
    const [rows, columns] = this.weight.value.shape,
      W = this.weight.value.data,
      y = new Tensor([rows]);
    for (let o = 0; o < rows; o++) {
      let z = this.bias.value.data[o];
      for (let i = 0; i < columns; i++) z += W[o * columns + i] * x.data[i];
      y.data[o] = z;
    }
    return y;
  }

  /** @param {Tensor} dy */
  backward(dy) {
    const [rows, columns] = this.weight.value.shape,
      W = this.weight.value.data,
      dW = this.weight.grad.data;
    const dx = new Tensor([columns]);
    for (let o = 0; o < rows; o++) {
      const d = dy.data[o];
      for (let i = 0; i < columns; i++) {
        dW[o * columns + i] = d * this.x.data[i];
        dx.data[i] += W[o * columns + i] * d;
      }
    }
    this.bias.grad.data.set(dy.data);
    return dx;
  }

  parameters() {
    return [this.weight, this.bias];
  }

  fanIn() {
    return Array(this.weight.value.shape[0]).fill(this.weight.value.shape[1]);
  }
}
