import { Layer } from "./layer.js";
import { Parameter } from "./parameter.js";
import { Tensor } from "./tensor.js";

/**
 * y[o, h, w] = bias[o] + sum over c, ky, kx of weight[o, c, ky, kx] · x[c, h + ky, w + kx].
 *
 * x (C_in, H, W) -> y (C_out, H - K + 1, W - K + 1). reads: for each output map the input maps it is connected to
 * (Table I of LeCun et al. 1998), without it all. weight holds one K x K kernel for each connected pair, in that order.
 *
 * backward, by the same loops:  dweight[o, c, ky, kx] = sum over h, w of dy[o, h, w] · x[c, h + ky, w + kx]
 *                               dbias[o] = sum of dy[o]
 *                               dx[c, h + ky, w + kx] += weight[o, c, ky, kx] · dy[o, h, w]
 */
export class Conv2d extends Layer {
  /**
   * @param {number} inChannels
   * @param {number} outChannels
   * @param {number} kernelSize
   * @param {number[][]} [reads]
   */
  constructor(inChannels, outChannels, kernelSize, reads) {
    super();
    const all = Array.from({ length: inChannels }, (_, c) => c);
    this.reads = reads ?? Array.from({ length: outChannels }, () => all);
    this.kernelSize = kernelSize;
    const pairs = this.reads.reduce((sum, maps) => sum + maps.length, 0);
    const shape = reads ? [pairs, kernelSize, kernelSize] : [outChannels, inChannels, kernelSize, kernelSize];
    this.weight = new Parameter("weight", shape);
    this.bias = new Parameter("bias", [outChannels]);
    this.x = new Tensor([0, 0, 0]);
  }

  /** @param {Tensor} x */
  forward(x) {
    this.x = x;
    const K = this.kernelSize,
      [, height, width] = x.shape,
      H = height - K + 1,
      W = width - K + 1;
    const y = new Tensor([this.reads.length, H, W]);
    const input = x.data,
      output = y.data,
      weight = this.weight.value.data;
    let k = 0;
    for (let o = 0; o < this.reads.length; o++) {
      output.fill(this.bias.value.data[o], o * H * W, (o + 1) * H * W);
      for (const c of this.reads[o]) {
        for (let ky = 0; ky < K; ky++) {
          for (let kx = 0; kx < K; kx++) {
            const w = weight[k++];
            for (let h = 0; h < H; h++) {
              const to = (o * H + h) * W,
                from = (c * height + h + ky) * width + kx;
              for (let i = 0; i < W; i++) output[to + i] += w * input[from + i];
            }
          }
        }
      }
    }
    return y;
  }

  /** @param {Tensor} dy */
  backward(dy) {
    const K = this.kernelSize,
      [, height, width] = this.x.shape,
      [, H, W] = dy.shape;
    const dx = new Tensor(this.x.shape);
    const input = this.x.data,
      dInput = dx.data,
      dOutput = dy.data;
    const weight = this.weight.value.data,
      dWeight = this.weight.grad.data;
    let k = 0;
    for (let o = 0; o < this.reads.length; o++) {
      this.bias.grad.data[o] = sum(dOutput, o * H * W, (o + 1) * H * W);
      for (const c of this.reads[o]) {
        for (let ky = 0; ky < K; ky++) {
          for (let kx = 0; kx < K; kx++) {
            const w = weight[k];
            let dw = 0;
            for (let h = 0; h < H; h++) {
              const to = (o * H + h) * W,
                from = (c * height + h + ky) * width + kx;
              for (let i = 0; i < W; i++) {
                const d = dOutput[to + i];
                dw += d * input[from + i];
                dInput[from + i] += w * d;
              }
            }
            dWeight[k++] = dw;
          }
        }
      }
    }
    return dx;
  }

  parameters() {
    return [this.weight, this.bias];
  }

  fanIn() {
    return this.reads.map((maps) => maps.length * this.kernelSize ** 2);
  }
}

/**
 * @param {Float32Array} values
 * @param {number} start
 * @param {number} end
 */
function sum(values, start, end) {
  let total = 0;
  for (let i = start; i < end; i++) total += values[i];
  return total;
}
