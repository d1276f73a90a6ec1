import { ScaledTanh } from "../layers/activations.js";
import { Conv2d } from "../layers/conv.js";
import { Flatten } from "../layers/flatten.js";
import { Linear } from "../layers/linear.js";
import { RBF } from "../layers/rbf.js";
import { Sequential } from "../layers/sequential.js";
import { Subsampling } from "../layers/subsampling.js";

/** @typedef {import("../layers/tensor.js").Tensor} Tensor */

/**
 * LeNet-5 as published (LeCun et al. 1998, section II.B): 32x32 pixels (1, 32, 32) to distances (classes).
 *
 * @param {{ tableI: number[][], prototypes: Tensor, values: Float32Array }} given values: all 60,000 parameters
 */
export function lenet5({ tableI, prototypes, values }) {
  const net = new Sequential({
    C1: new Conv2d(1, 6, 5),
    "C1 squash": new ScaledTanh(),
    S2: new Subsampling(6),
    "S2 squash": new ScaledTanh(),
    C3: new Conv2d(6, 16, 5, tableI),
    "C3 squash": new ScaledTanh(),
    S4: new Subsampling(16),
    "S4 squash": new ScaledTanh(),
    C5: new Conv2d(16, 120, 5),
    "C5 squash": new ScaledTanh(),
    flatten: new Flatten(),
    F6: new Linear(120, 84),
    "F6 squash": new ScaledTanh(),
    output: new RBF(prototypes),
  });
  net.vector.values.set(values);
  return net;
}
