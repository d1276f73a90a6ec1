import { Tensor, size } from "./tensor.js";

/** Numbers that are trained: value and grad, of the same shape; in a network, parts of its vectors. */
export class Parameter {
  /**
   * @param {string} name
   * @param {number[]} shape
   */
  constructor(name, shape) {
    this.name = name;
    this.value = new Tensor(shape);
    this.grad = new Tensor(shape);
  }
}

/**
 * All parameters of a network in two contiguous vectors, values and grads, in the order of the layers and in each of
 * weight before bias: the order of minicnn's ParameterVector, and of the file of weights.
 */
export class ParameterVector {
  /** @param {Parameter[]} parameters */
  constructor(parameters) {
    const total = parameters.reduce((sum, { value }) => sum + value.data.length, 0);
    this.values = new Float32Array(total);
    this.grads = new Float32Array(total);
    let start = 0;
    for (const p of parameters) {
      const end = start + size(p.value.shape);
      p.value = new Tensor(p.value.shape, this.values.subarray(start, end));
      p.grad = new Tensor(p.grad.shape, this.grads.subarray(start, end));
      start = end;
    }
  }
}
