import { Tensor } from "./layers/tensor.js";

/**
 * Criteria: a number to make small, and its derivative with respect to the network's outputs.
 *
 * E = y_D, the distance to the prototype of the right class (LeCun et al. 1998, equation 8).
 * backward: dE/dy_i = 1 where i is the label, else 0.
 */
export class RBFLoss {
  shape = [0];
  label = 0;

  /**
   * @param {Tensor} outputs
   * @param {number} label
   */
  forward(outputs, label) {
    this.shape = outputs.shape;
    this.label = label;
    return outputs.data[label];
  }

  backward() {
    const gradient = new Tensor(this.shape);
    gradient.data[this.label] = 1;
    return gradient;
  }
}

/**
 * E = y_D + log(exp(-j) + sum_i exp(-y_i)): pushes the other classes away too (equation 9). j infinite: softmax on -y.
 *
 * backward: dE/dy_i = [i = D] - p_i,  p_i = exp(-y_i) / (exp(-j) + sum_k exp(-y_k)).
 *
 * The smallest of all exponents is taken out of the logarithm first, so that nothing overflows.
 */
export class MAPLoss {
  likelihood = new Float32Array(0);
  normaliser = 1;
  label = 0;

  constructor(j = Infinity) {
    this.j = j;
  }

  /**
   * @param {Tensor} outputs
   * @param {number} label
   */
  forward(outputs, label) {
    const smallest = Math.min(this.j, ...outputs.data);
    this.label = label;
    this.likelihood = outputs.data.map((y) => Math.exp(smallest - y));
    this.normaliser = this.likelihood.reduce((sum, p) => sum + p, Math.exp(smallest - this.j));
    return outputs.data[label] - smallest + Math.log(this.normaliser);
  }

  backward() {
    const gradient = new Tensor(
      [this.likelihood.length],
      this.likelihood.map((p) => -p / this.normaliser),
    );
    gradient.data[this.label] += 1;
    return gradient;
  }
}
