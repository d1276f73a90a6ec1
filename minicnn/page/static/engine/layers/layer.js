/** @typedef {import("./tensor.js").Tensor} Tensor */
/** @typedef {import("./parameter.js").Parameter} Parameter */

/**
 * A differentiable function of one sample.
 *
 *     forward(x) -> y     keeps what backward needs
 *     backward(dy) -> dx  given dy = dE/dy, writes dE/dp into every p.grad (never adds to it), returns dx = dE/dx
 */
export class Layer {
  name = "";

  /** @returns {Parameter[]} weight before bias */
  parameters() {
    return [];
  }

  /**
   * How many inputs one unit of each map adds up, bias aside; what initial weights are scaled by.
   *
   * @returns {number[]}
   */
  fanIn() {
    return [];
  }

  /**
   * @param {Tensor} _x
   * @returns {Tensor}
   */
  forward(_x) {
    throw Error(`${this.name} has no forward`);
  }

  /**
   * @param {Tensor} _dy
   * @returns {Tensor}
   */
  backward(_dy) {
    throw Error(`${this.name} has no backward`);
  }
}
