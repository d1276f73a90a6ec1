import { Conv2d } from "../engine/layers/conv.js";
import { Linear } from "../engine/layers/linear.js";
import { Subsampling } from "../engine/layers/subsampling.js";
import { Flatten } from "../engine/layers/flatten.js";
import { ScaledTanh } from "../engine/layers/activations.js";
import { Pixels } from "../engine/data/transforms.js";
import { uniformFanIn } from "../engine/initialisers.js";
import { MAPLoss, RBFLoss } from "../engine/losses.js";
import { lenet5 } from "../engine/models/lenet5.js";
import { SGD } from "../engine/optim/sgd.js";

/**
 * What the page shows of the network, and what it does to it. Everything comes from the engine's layers.
 *
 * @typedef {import("../engine/data/arrays.js").Arrays} Arrays
 * @typedef {Record<string, Float32Array>} Maps by stage
 * @typedef {{ sums: Maps, maps: Maps, distances: Float32Array, ranking: number[], doubt: boolean }} Look
 * @typedef {{ maps: Maps, sums: Maps, largest: Record<string, number>, loss: number }} Back
 * @typedef {{ loss: number[], distances: Float32Array[], answers: number[], weights: Record<string, number>,
 *             maps: Maps, largest: Record<string, number> }} Change
 * @typedef {"rbf" | "softmax"} Criterion
 */

/** Where the nearest prototype is farther than this share of the next one's distance, the answer is in doubt. */
export const DOUBT = 0.6;

export class Model {
  /** @param {Arrays} file the file of weights */
  constructor({ facts, floats }) {
    this.facts = facts;
    this.shipped = floats.parameters.data;
    this.net = lenet5({ tableI: facts.tableI, prototypes: floats.prototypes, values: this.shipped });
    this.prototypes = floats.prototypes.data;
    this.pixels = new Pixels(facts.pixels);
  }

  /**
   * The answer to an image (28, 28) and everything on the way.
   *
   * @param {Uint8Array} image
   * @returns {Look}
   */
  look(image) {
    let x = this.pixels.input(image);
    /** @type {Maps} */
    const sums = {};
    /** @type {Maps} */
    const maps = { input: x.data };
    for (const layer of this.net.layers) {
      x = layer.forward(x);
      if (layer instanceof ScaledTanh) maps[stageOf(layer.name)] = x.data;
      else if (!(layer instanceof Flatten)) sums[layer.name] = x.data;
    }
    const distances = x.data,
      ranking = [...distances.keys()].sort((a, b) => distances[a] - distances[b]);
    const doubt = distances[ranking[0]] > DOUBT * distances[ranking[1]];
    return { sums, maps, distances, ranking, doubt };
  }

  /**
   * The gradient of the criterion at every stage, after `look`; every parameter's is in its grad afterwards.
   *
   * @param {Uint8Array} image
   * @param {number} target
   * @param {Criterion} criterion
   * @returns {Back} maps: dE/d(output of a stage), sums: dE/d(its sum, before squashing)
   */
  lookBack(image, target, criterion) {
    const loss = criterion === "rbf" ? new RBFLoss() : new MAPLoss();
    const value = loss.forward(this.net.forward(this.pixels.input(image)), target);
    let gradient = loss.backward();
    /** @type {Maps} */
    const maps = {};
    /** @type {Maps} */
    const sums = {};
    for (const layer of [...this.net.layers].reverse()) {
      if (layer instanceof ScaledTanh) maps[stageOf(layer.name)] = gradient.data;
      else if (layer.name === "output") maps.output = gradient.data;
      else if (!(layer instanceof Flatten)) sums[layer.name] = gradient.data;
      gradient = layer.backward(gradient);
    }
    maps.input = gradient.data;
    return { maps, sums, largest: largest(maps), loss: value };
  }

  /**
   * One step of SGD on one image, and what it changed.
   *
   * @param {Uint8Array} image
   * @param {number} target
   * @param {Criterion} criterion
   * @param {number} lr
   * @returns {Change}
   */
  step(image, target, criterion, lr) {
    const before = this.look(image),
      { loss } = this.lookBack(image, target, criterion);
    const old = this.net.vector.values.slice();
    new SGD(this.net.vector, lr).step();
    const after = this.look(image);
    /** @type {Maps} */
    const maps = {};
    for (const stage of Object.keys(after.maps))
      maps[stage] = after.maps[stage].map((y, i) => y - before.maps[stage][i]);
    return {
      loss: [loss, this.lookBack(image, target, criterion).loss],
      maps,
      largest: largest(maps),
      distances: [before.distances, after.distances],
      answers: [before.ranking[0], after.ranking[0]],
      weights: this.moved(old),
    };
  }

  /**
   * A step without looking, for training -> E before it.
   *
   * @param {Uint8Array} image
   * @param {number} target
   * @param {Criterion} criterion
   * @param {number} lr
   */
  train(image, target, criterion, lr) {
    const loss = criterion === "rbf" ? new RBFLoss() : new MAPLoss();
    const value = loss.forward(this.net.forward(this.pixels.input(image)), target);
    this.net.backward(loss.backward());
    new SGD(this.net.vector, lr).step();
    return value;
  }

  /**
   * The class that an image is read as.
   *
   * @param {Uint8Array} image
   */
  read(image) {
    const { data } = this.net.forward(this.pixels.input(image));
    return data.indexOf(data.reduce((a, b) => Math.min(a, b)));
  }

  reset() {
    this.net.vector.values.set(this.shipped);
  }

  /** @param {number} seed */
  forget(seed) {
    uniformFanIn(this.net, seed);
  }

  /**
   * How far each stage's weights are from `old`, in their own length.
   *
   * @param {Float32Array} old
   */
  moved(old) {
    /** @type {Record<string, number>} */
    const shares = {};
    let at = 0;
    for (const layer of this.net.layers) {
      let change = 0,
        size = 0;
      for (const {
        value: { data },
      } of layer.parameters()) {
        for (const w of data) {
          change += (w - old[at]) ** 2;
          size += old[at++] ** 2;
        }
      }
      if (size) shares[layer.name] = Math.sqrt(change / size);
    }
    return shares;
  }

  /**
   * What a unit multiplies its inputs with: one kernel for each map it reads; its coefficient; its prototype.
   *
   * @param {string} stage
   * @param {number} map
   * @returns {{ kernels: Float32Array[], bias: number }}
   */
  weights(stage, map) {
    const layer = this.net.get(stage);
    if (layer instanceof Conv2d) {
      const first = layer.reads.slice(0, map).reduce((sum, maps) => sum + maps.length, 0);
      const kernels = layer.reads[map].map((_, i) =>
        layer.weight.value.data.subarray(25 * (first + i), 25 * (first + i + 1)),
      );
      return { kernels, bias: layer.bias.value.data[map] };
    }
    if (layer instanceof Subsampling) {
      return { kernels: [layer.coefficient.value.data.subarray(map, map + 1)], bias: layer.bias.value.data[map] };
    }
    if (layer instanceof Linear) {
      return {
        kernels: [layer.weight.value.data.subarray(120 * map, 120 * (map + 1))],
        bias: layer.bias.value.data[map],
      };
    }
    return { kernels: [this.prototypes.subarray(84 * map, 84 * (map + 1))], bias: 0 };
  }
}

/** @param {string} name of a layer */
function stageOf(name) {
  return name.replace(" squash", "");
}

/** @param {Maps} maps */
function largest(maps) {
  return Object.fromEntries(
    Object.entries(maps).map(([stage, values]) => [
      stage,
      values.reduce((most, each) => Math.max(most, Math.abs(each)), 0),
    ]),
  );
}
