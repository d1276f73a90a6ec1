/**
 * What the page is about at the moment. A module that changes it calls `changed`; every module that shows something has
 * registered what to do then. All changes within a frame are shown at once, in the next one.
 *
 * @typedef {import("../engine/data/drawing.js").Line} Line
 * @typedef {import("./stages.js").Unit} Unit
 * @typedef {import("./stages.js").Stage} Stage
 * @typedef {import("./model.js").Model} Model
 * @typedef {{ lines: Line[] } | { image: Uint8Array, label: number | null, from: string }} Source
 *   from: where an image comes from, as the address says it; empty for a picture of the user's own
 */

export const state = {
  /** @type {Model} */ model: /** @type {any} */ (null),
  /** @type {Stage[]} */ stages: [],
  /** @type {import("./words.js").Words} */ words: /** @type {any} */ (null),
  /** @type {Source} */ source: { lines: [] },
  /** What the network reads, 28x28. @type {Uint8Array} */ image: new Uint8Array(784),
  empty: true,
  /** @type {import("./model.js").Look} */ look: /** @type {any} */ (null),
  /** @type {import("./model.js").Back | null} */ back: null,
  /** @type {import("./model.js").Change | null} */ change: null,
  /** @type {"forward" | "backward" | "change"} */ mode: "forward",
  /** The class that the user wants it to read; null: the label, or else the answer. @type {number | null} */ chosen:
    null,
  /** @type {import("./model.js").Criterion} */ criterion: "rbf",
  lr: 0.001,
  /** @type {Unit | null} */ unit: null,
  pinned: false,
  /** While a kernel slides, its unit is the last that is painted. */ sliding: false,
  steps: 0,
  random: false,
};

/** @type {(() => void)[]} */
const views = [];
let compute = () => {};
let waiting = false;

/**
 * What must be computed before anything is shown.
 *
 * @param {() => void} job
 */
export function computeBy(job) {
  compute = job;
}

/**
 * Call `view` after every change.
 *
 * @param {() => void} view
 */
export function show(view) {
  views.push(view);
}

export function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(showNow);
}

export function showNow() {
  waiting = false;
  compute();
  if (state.look) for (const view of views) view(); // nothing to show before the first image
}

export function label() {
  return "lines" in state.source ? null : state.source.label;
}

/** What it should read: the user's choice, the image's label, or its own answer. */
export function target() {
  return state.chosen ?? label() ?? state.look.ranking[0];
}

/**
 * @param {string} name
 * @returns {Stage}
 */
export function stage(name) {
  const found = state.stages.find((each) => each.name === name);
  if (!found) throw RangeError(`there is no stage ${name}`);
  return found;
}

/**
 * The stage before.
 *
 * @param {Stage} of
 */
export function before(of) {
  return state.stages[Math.max(0, state.stages.indexOf(of) - 1)];
}
