import { Layer } from "./layer.js";
import { ParameterVector } from "./parameter.js";

/** @typedef {import("./tensor.js").Tensor} Tensor */

/** y = f_n(... f_2(f_1(x))); backward is the chain rule, from the last layer to the first. */
export class Sequential extends Layer {
  /** @param {Record<string, Layer>} layers */
  constructor(layers) {
    super();
    this.layers = Object.values(layers);
    for (const [name, layer] of Object.entries(layers)) {
      layer.name = name;
      for (const p of layer.parameters()) p.name = `${name}.${p.name}`;
    }
    this.vector = new ParameterVector(this.parameters());
  }

  /** @param {Tensor} x */
  forward(x) {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }

  /** @param {Tensor} dy */
  backward(dy) {
    return this.layers.reduceRight((d, layer) => layer.backward(d), dy);
  }

  parameters() {
    return this.layers.flatMap((layer) => layer.parameters());
  }

  /**
   * The layer of that name.
   *
   * @param {string} name
   */
  get(name) {
    const found = this.layers.find((layer) => layer.name === name);
    if (!found) throw RangeError(`no layer is called ${name}`);
    return found;
  }
}
