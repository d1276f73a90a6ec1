import { $, button, element, short } from "./dom.js";
import { cell, paint, ramps } from "./colours.js";
import { choose } from "./figure.js";
import { before, changed, show, stage as stageNamed, state } from "./state.js";
import { nameOf, sources, unitAt } from "./stages.js";
import { inWords } from "./words.js";
import { ScaledTanh } from "../engine/layers/activations.js";

/** @typedef {import("./stages.js").Unit} Unit */
/** @typedef {import("./stages.js").Stage} Stage */

const { A } = ScaledTanh;

/** Which of the maps that a unit reads is shown in numbers. */
let part = 0;
let shownUnit = "";

/** The arithmetic of the unit that is held: forwards, and how a gradient comes back through it. */
export function buildInspector() {
  show(draw);
  button("slide").addEventListener("click", slide);
}

function draw() {
  const { unit, pinned } = state,
    box = $("inspector");
  box.hidden = !unit || !pinned;
  if (!unit || box.hidden) return;
  const of = stageNamed(unit.stage),
    key = `${unit.stage} ${unit.map}`;
  if (key !== shownUnit) part = 0;
  shownUnit = key;
  box.classList.toggle("high", ["S4", "C5", "F6", "output"].includes(unit.stage));
  $("unit-title").textContent = nameOf(of, unit);
  button("slide").hidden = !["C1", "C3"].includes(unit.stage);
  button("slide").textContent = state.sliding ? "Stop" : "Slide the kernel";
  const parts = () => /** @type {HTMLButtonElement[]} */ ([...box.querySelectorAll(".parts button")]);
  const focused = parts().findIndex((each) => each === document.activeElement);
  $("arithmetic").replaceChildren(
    ...(state.mode === "backward" && state.back ? backwards(of, unit) : forwards(of, unit)),
  );
  parts()[focused]?.focus({ preventScroll: true }); // the new one has the old one's focus
}

/**
 * The numbers of the stage before that a unit reads of one map.
 *
 * @param {Stage} of
 * @param {Unit} unit
 */
function patches(of, unit) {
  const from = before(of),
    values = state.look.maps[from.name];
  if (of.name === "C5") return sources(of, from, unit).map(({ map }) => values.subarray(25 * map, 25 * map + 25));
  return sources(of, from, unit).map((square) => {
    const first = square.map * from.height * from.width;
    return Float32Array.from(
      { length: square.height * square.width },
      (_, i) =>
        values[first + (square.row + Math.floor(i / square.width)) * from.width + square.column + (i % square.width)],
    );
  });
}

/** @param {ArrayLike<number>} values */
const total = (values) => Array.from(values).reduce((a, b) => a + b, 0);

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
const products = (a, b) => a.map((each, i) => each * b[i]);

/**
 * @param {Stage} of
 * @param {Unit} unit
 * @returns {Node[]}
 */
function forwards(of, unit) {
  const { look, model, words } = state;
  if (unit.stage === "input")
    return [
      line(
        `A pixel of the ${words.noun}, in a frame: background is ${short(model.pixels.background)}, full ink ` +
          `${short(model.pixels.ink)}, so that the mean is about 0. This one is ${short(look.maps.input[unit.index])}.`,
      ),
    ];
  const { kernels, bias } = model.weights(unit.stage, unit.map),
    inputs = patches(of, unit);
  if (unit.stage === "output") {
    const differences = inputs[0].map((x, j) => (x - kernels[0][j]) ** 2);
    return [
      row(
        picture("F6", inputs[0], 7, ramps.signal, A),
        sign("−"),
        picture(`${words.prototype} of ${words.name(unit.map)}`, kernels[0], 7, ramps.ink, 1),
        sign("squared:"),
        picture("where they differ", differences, 7, ramps.size, 4, 0),
      ),
      line(
        `The 84 squared differences add up to ${short(look.distances[unit.map])}: the distance y. ` +
          `The shortest of the ${inWords(words.count)} wins. F6 was trained to ` +
          (words.drawn
            ? "draw what it sees, so the answer is the drawing that it resembles most."
            : "answer by a code, so the answer is the class whose code is nearest."),
      ),
    ];
  }
  const sum = look.sums[unit.stage][unit.index],
    output = look.maps[unit.stage][unit.index];
  const squash = (/** @type {string} */ terms) =>
    line(`${terms} = ${short(sum)}.  Squashed: ${short(A)} · tanh(⅔ · ${short(sum)}) = `, short(output));
  if (of.name === "S2" || of.name === "S4") {
    const s = total(inputs[0]);
    return [
      row(grid(`${before(of).name} map ${unit.map}`, inputs[0], 2, A, ramps.signal), sign(`sum ${short(s)}`)),
      squash(`${short(s)} · coefficient ${short(kernels[0][0])} + bias ${short(bias)}`),
    ];
  }
  if (of.name === "F6") {
    return [
      row(
        picture("C5", inputs[0], 15, ramps.signal, A),
        sign("×"),
        picture("weights", kernels[0], 15, ramps.signal),
        sign("="),
        picture("products", products(inputs[0], kernels[0]), 15, ramps.signal),
      ),
      squash(`The 120 products add up to ${short(total(products(inputs[0], kernels[0])))}, + bias ${short(bias)}`),
    ];
  }
  const sums = inputs.map((x, i) => total(products(x, kernels[i]))),
    limit = largest(kernels),
    chosen = Math.min(part, sums.length - 1);
  return [
    parts(of, unit, sums, chosen),
    row(
      grid(
        `${before(of).name}${of.name === "C1" ? "" : ` map ${sources(of, before(of), unit)[chosen].map}`}`,
        inputs[chosen],
        5,
        A,
        ramps.signal,
      ),
      sign("×"),
      grid("kernel", kernels[chosen], 5, limit, ramps.signal),
      sign("="),
      grid("products", products(inputs[chosen], kernels[chosen]), 5, limit, ramps.signal),
    ),
    squash(
      `${sums.length > 1 ? `The ${sums.length} sums` : "The 25 products"} add up to ${short(total(sums))}, + bias ${short(bias)}`,
    ),
  ];
}

/**
 * A gradient comes back: through the squashing, then through the same kernels.
 *
 * @param {Stage} of
 * @param {Unit} unit
 * @returns {Node[]}
 */
function backwards(of, unit) {
  const back = /** @type {import("./model.js").Back} */ (state.back),
    { look, model, words } = state,
    inputs = patches(of, unit);
  if (unit.stage === "input")
    return [line(`dE / d pixel = ${short(back.maps.input[unit.index])}: so much E grows for each bit of ink here.`)];
  const { kernels } = model.weights(unit.stage, unit.map);
  if (unit.stage === "output") {
    const dy = back.maps.output[unit.map],
      gradient = inputs[0].map((x, j) => 2 * dy * (x - kernels[0][j]));
    return [
      row(
        picture(
          `F6 − ${words.prototype}`,
          inputs[0].map((x, j) => x - kernels[0][j]),
          7,
          ramps.gradient,
        ),
        sign(`× 2 · ${short(dy)} =`),
        picture("to F6", gradient, 7, ramps.gradient),
      ),
      line(
        `dE / dy = ${short(dy)} for this distance. Each unit of F6 is told 2 · dE/dy · (x − w): towards the ${words.prototype}, or away.`,
      ),
    ];
  }
  const dy = back.maps[unit.stage][unit.index],
    y = look.maps[unit.stage][unit.index],
    slope = ScaledTanh.slope(y),
    delta = dy * slope;
  const through = line(
    `From above dE/dy = ${short(dy)}. Through the squashing, whose slope here is ${short(slope)}: δ = `,
    short(delta),
  );
  if (of.name === "S2" || of.name === "S4") {
    return [
      through,
      line(
        `Each of the four inputs gets coefficient · δ = ${short(kernels[0][0] * delta)}; the coefficient's gradient ` +
          `gets sum · δ = ${short(total(inputs[0]) * delta)} from this unit, added to those of its whole map.`,
      ),
    ];
  }
  const chosen = Math.min(part, kernels.length - 1),
    side = of.name === "F6" ? 15 : 5;
  const scaled = (/** @type {Float32Array} */ values) => values.map((each) => each * delta);
  const draw =
    of.name === "F6"
      ? (/** @type {string} */ title, /** @type {Float32Array} */ values) =>
          picture(title, values, side, ramps.gradient)
      : (/** @type {string} */ title, /** @type {Float32Array} */ values) =>
          grid(title, values, side, largest([values]), ramps.gradient);
  return [
    through,
    ...(kernels.length > 1 ? [parts(of, unit, null, chosen)] : []),
    row(
      draw("δ · weights, to the inputs", scaled(kernels[chosen])),
      draw("δ · inputs, the gradient", scaled(inputs[chosen])),
    ),
    line(
      of.name === "F6" || of.name === "C5"
        ? "The same weights carry the signal forwards and the gradient back."
        : "A kernel is shared: the gradients of all units of this map add up, and so do the pixels' where windows overlap.",
    ),
  ];
}

/**
 * Buttons for the maps that a unit reads, each with its sum.
 *
 * @param {Stage} of
 * @param {Unit} unit
 * @param {number[] | null} sums
 * @param {number} chosen
 */
function parts(of, unit, sums, chosen) {
  const maps = sources(of, before(of), unit).map(({ map }) => map);
  if (maps.length < 2) return element("div", { className: "parts" });
  return element(
    "div",
    { className: "parts", role: "group", "aria-label": `${before(of).name} maps that it reads` },
    ...maps.map((map, i) =>
      element("button", {
        type: "button",
        "aria-pressed": i === chosen,
        title: `${before(of).name} map ${map}`,
        textContent: sums ? `${map}: ${short(sums[i])}` : `map ${map}`,
        onclick: () => {
          part = i;
          changed();
        },
      }),
    ),
  );
}

/** @param {Float32Array[]} arrays */
function largest(arrays) {
  return arrays.reduce((most, values) => values.reduce((m, v) => Math.max(m, Math.abs(v)), most), 1e-12);
}

/**
 * @param {string} text
 * @param {string} [result]
 */
function line(text, result) {
  return element("p", {}, text, ...(result ? [element("strong", { textContent: result })] : []));
}

/** @param {...Node} nodes */
const row = (...nodes) => element("div", { className: "terms" }, ...nodes);

/** @param {string} text */
const sign = (text) => element("span", { className: "sign", textContent: text });

/**
 * Numbers in cells of their colours; small ones by a common power of ten, which the title names.
 *
 * @param {string} title
 * @param {ArrayLike<number>} values
 * @param {number} columns
 * @param {number} limit
 * @param {import("./colours.js").Ramp} ramp
 */
function grid(title, values, columns, limit, ramp) {
  const cells = element("div", { className: columns > 2 ? "cells" : "cells large" });
  cells.style.setProperty("--columns", String(columns));
  const power = limit < 0.1 ? -Math.floor(Math.log10(limit)) : 0;
  const caption = power ? `${title}, in 10⁻${superscript(power)}` : title;
  for (const value of Array.from(values)) {
    const { background, text } = cell(value, limit, ramp);
    const one = element("span", {
      textContent: twoDigits(value * 10 ** power),
    });
    one.style.background = background;
    one.style.color = text;
    cells.append(one);
  }
  return element("figure", {}, element("figcaption", { textContent: caption }), cells);
}

/** @param {number} value */
function twoDigits(value) {
  const text = value.toFixed(Math.abs(value) < 0.995 ? 2 : 1).replace(/^-(0\.00)$/, "$1");
  return text.replace("-", "−").replace(/^(−?)0\./, "$1.");
}

/** @param {number} digits */
function superscript(digits) {
  return [...String(digits)].map((each) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(each)]).join("");
}

/**
 * Numbers as a picture.
 *
 * @param {string} title
 * @param {Float32Array} values
 * @param {number} columns
 * @param {import("./colours.js").Ramp} ramp
 * @param {number} [limit]
 * @param {number} [low]
 */
function picture(title, values, columns, ramp, limit = largest([values]), low = -limit) {
  const of = element("canvas", { width: columns, height: values.length / columns, role: "img", "aria-label": title });
  paint(of, values, 0, low, limit, ramp);
  return element("figure", {}, element("figcaption", { textContent: title }), of);
}

/** The unit moves over its whole map, in some eight seconds, and the map is painted as it goes. */
function slide() {
  const { unit } = state;
  if (!unit || state.sliding) {
    state.sliding = false;
    changed();
    return;
  }
  const of = stageNamed(unit.stage),
    count = of.height * of.width,
    started = performance.now();
  state.sliding = true;
  const next = (/** @type {number} */ now) => {
    const place = Math.floor((Math.max(0, now - started) / 8000) * count);
    if (!state.sliding || state.unit?.map !== unit.map || state.unit.stage !== unit.stage) return;
    if (place >= count) {
      choose(unit, true);
      return;
    }
    state.unit = unitAt(of, unit.map, Math.floor(place / of.width), place % of.width);
    changed();
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}
