import { Layer } from "./layer.js";
import { Tensor, size } from "./tensor.js";

/** Maps (C, H, W) as one vector (C·H·W); backward gives the gradient its shape again. */
export class Flatten extends Layer {
  shape = [0];

  /** @param {Tensor} x */
  forward(x) {
    this.shape = x.shape;
    return new Tensor([size(x.shape)], x.data);
  }

  /** @param {Tensor} dy */
  backward(dy) {
    return new Tensor(this.shape, dy.data);
  }
}
