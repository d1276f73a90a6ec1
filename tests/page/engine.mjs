// Runs the page's engine on arrays that minicnn wrote, and writes what it computed: node engine.mjs STATIC IN OUT.
// IN is a file of arrays (minicnn/page/arrays.py), facts.tasks says what to do; OUT is JSON, a list of numbers each.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, given, result] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/engine/${name}`).href);
const { Arrays } = await load("data/arrays.js");
const { fromInk, fromLines, inkOfPicture } = await load("data/drawing.js");
const { Pixels } = await load("data/transforms.js");
const { ScaledTanh } = await load("layers/activations.js");
const { Conv2d } = await load("layers/conv.js");
const { Flatten } = await load("layers/flatten.js");
const { Linear } = await load("layers/linear.js");
const { RBF } = await load("layers/rbf.js");
const { Subsampling } = await load("layers/subsampling.js");
const { MAPLoss, RBFLoss } = await load("losses.js");
const { lenet5 } = await load("models/lenet5.js");
const { SGD } = await load("optim/sgd.js");
const { uniformFanIn } = await load("initialisers.js");

const file = readFileSync(given);
const { facts, floats, bytes } = new Arrays(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const out = {};
const keep = (name, values) => { out[name] = Array.from(values); };

const MAKE = {
  Conv2d: (c, o, k, reads) => new Conv2d(c, o, k, reads), Subsampling: (c, size) => new Subsampling(c, size),
  Linear: (i, o) => new Linear(i, o), ScaledTanh: () => new ScaledTanh(), Flatten: () => new Flatten(),
  RBF: (name) => new RBF(floats[name]), RBFLoss: () => new RBFLoss(), MAPLoss: (j) => new MAPLoss(j ?? Infinity),
};

const TASKS = {
  layer({ name, kind, settings, parameters }) {
    const layer = MAKE[kind](...settings);
    layer.parameters().forEach((p, i) => p.value.data.set(floats[parameters[i]].data));
    keep(`${name}.y`, layer.forward(floats[`${name}.x`]).data);
    keep(`${name}.dx`, layer.backward(floats[`${name}.dy`]).data);
    layer.parameters().forEach((p) => keep(`${name}.d${p.name}`, p.grad.data));
  },
  loss({ name, kind, settings, label }) {
    const loss = MAKE[kind](...settings);
    keep(`${name}.E`, [loss.forward(floats[`${name}.y`], label)]);
    keep(`${name}.dy`, loss.backward().data);
  },
  read({ name }) {
    const net = network(name), images = bytes.images.data, outputs = [];
    for (let i = 0; i < images.length; i += 784) outputs.push(...net.forward(input(images.subarray(i, i + 784))).data);
    keep(`${name}.outputs`, outputs);
  },
  train({ name, kind, settings, lr, steps }) {
    const net = network(name), loss = MAKE[kind](...settings), optimizer = new SGD(net.vector, lr), losses = [];
    for (let i = 0; i < steps; i++) {
      losses.push(loss.forward(net.forward(input(bytes.images.data.subarray(784 * i, 784 * (i + 1)))), bytes.labels.data[i]));
      keep(`${name}.dx`, net.backward(loss.backward()).data);
      if (i === 0) keep(`${name}.gradients`, net.vector.grads);
      optimizer.step();
      if (i === 0) keep(`${name}.1`, net.vector.values);
    }
    keep(`${name}.losses`, losses);
    keep(`${name}.${steps}`, net.vector.values);
  },
  begin({ name, seed }) {
    const net = network(name);
    uniformFanIn(net, seed);
    keep(`${name}.begin`, net.vector.values);
  },
  picture({ name }) {
    const { shape: [height, width], data } = bytes[name];
    const ink = inkOfPicture({ width, height, data });
    keep(`${name}.ink`, ink.data);
    keep(`${name}.digit`, fromInk(ink));
  },
  ink({ name }) {
    const { shape: [height, width], data } = bytes[name];
    keep(`${name}.digit`, fromInk({ width, height, data }));
  },
  lines({ name, lines }) {
    keep(`${name}.digit`, fromLines(lines.map((line) => line.map(([x, y]) => ({ x, y })))));
  },
};

function network(name) {
  return lenet5({ tableI: facts.tableI, prototypes: floats.prototypes, values: floats[name].data });
}

function input(image) {
  return new Pixels(facts.pixels).input(image);
}

for (const task of facts.tasks) TASKS[task.do](task);
writeFileSync(result, JSON.stringify(out));
