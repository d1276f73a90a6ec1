import { fromLines } from "../engine/data/drawing.js";
import { changed, computeBy, state, target } from "./state.js";

/** Whether there is something on the pad, or a choice, that the network has not been asked about. */
let asked = false;

/** What is on the pad becomes an image and the network reads it: once in a frame, however many strokes it brought. */
export function buildReading() {
  computeBy(settle);
}

/**
 * Read something new; what the last step changed belongs to the image before.
 *
 * @param {import("./state.js").Source} source
 */
export function take(source) {
  state.source = source;
  state.change = null;
  if (state.mode === "change") state.mode = "forward";
  update();
}

/** Weights, target, criterion or view are others: everything anew. */
export function update() {
  asked = true;
  changed();
}

/** Compute what was asked for, now. */
export function settle() {
  if (!asked) return;
  asked = false;
  const { source, model } = state;
  state.image = "lines" in source ? fromLines(source.lines) : source.image;
  state.empty = !state.image.some((ink) => ink > 0);
  state.look = model.look(state.image);
  state.back = state.mode === "backward" ? model.lookBack(state.image, target(), state.criterion) : null;
}
