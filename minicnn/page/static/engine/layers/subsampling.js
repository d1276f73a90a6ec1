import { Layer } from "./layer.js";
import { Parameter } from "./parameter.js";
import { Tensor } from "./tensor.js";

/**
 * y[c] = coefficient[c] · s[c] + bias[c], where s is the sum over each size x size block of x[c].
 *
 * x (C, H, W) -> y (C, H/size, W/size).
 *
 * backward: dcoefficient[c] = sum of s[c] dy[c],  dbias[c] = sum of dy[c],  and every pixel of a block receives
 * dx = coefficient[c] dy.
 */
export class Subsampling extends Layer {
  /**
   * @param {number} channels
   * @param {number} [size]
   */
  constructor(channels, size = 2) {
    super();
    this.size = size;
    this.coefficient = new Parameter("coefficient", [channels]);
    this.bias = new Parameter("bias", [channels]);
    this.sums = new Tensor([channels, 0, 0]);
  }

  /** @param {Tensor} x */
  forward(x) {
    const { size } = this,
      [channels, height, width] = x.shape,
      H = height / size,
      W = width / size;
    const y = new Tensor([channels, H, W]);
    this.sums = new Tensor([channels, H, W]);
    for (let c = 0, at = 0; c < channels; c++) {
      for (let h = 0; h < H; h++) {
        for (let w = 0; w < W; w++, at++) {
          let s = 0;
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < size; j++) s += x.data[(c * height + h * size + i) * width + w * size + j];
          }
          this.sums.data[at] = s;
          y.data[at] = this.coefficient.value.data[c] * s + this.bias.value.data[c];
        }
      }
    }
    return y;
  }

  /** @param {Tensor} dy */
  backward(dy) {
    const { size } = this,
      [channels, H, W] = dy.shape,
      height = H * size,
      width = W * size;
    const dx = new Tensor([channels, height, width]);
    for (let c = 0, at = 0; c < channels; c++) {
      const coefficient = this.coefficient.value.data[c];
      let dCoefficient = 0,
        dBias = 0;
      for (let h = 0; h < H; h++) {
        for (let w = 0; w < W; w++, at++) {
          const d = dy.data[at];
          dCoefficient += this.sums.data[at] * d;
          dBias += d;
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < size; j++)
              dx.data[(c * height + h * size + i) * width + w * size + j] = coefficient * d;
          }
        }
      }
      this.coefficient.grad.data[c] = dCoefficient;
      this.bias.grad.data[c] = dBias;
    }
    return dx;
  }

  parameters() {
    return [this.coefficient, this.bias];
  }

  fanIn() {
    return this.bias.value.shape.flatMap((channels) => Array(channels).fill(this.size ** 2));
  }
}
