/** @typedef {import("../layers/parameter.js").ParameterVector} ParameterVector */

/** Stochastic gradient descent: w <- w - lr · dE/dw, for all parameters of a network at once. */
export class SGD {
  /**
   * @param {ParameterVector} vector
   * @param {number} lr
   */
  constructor(vector, lr) {
    this.vector = vector;
    this.lr = lr;
  }

  step() {
    const { values, grads } = this.vector,
      { lr } = this;
    for (let i = 0; i < values.length; i++) values[i] -= lr * grads[i];
  }
}
