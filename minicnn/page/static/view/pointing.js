import { $, button } from "./dom.js";
import { choose, listed, shown, unitUnder } from "./figure.js";
import { before, show, stage as stageNamed, state } from "./state.js";
import { field, nameOf, unitAt } from "./stages.js";
import { short } from "./dom.js";

/** Pointing at units, by mouse, finger and keys; a few words about the one pointed at. */
export function buildPointing() {
  const network = $("network");
  network.addEventListener("pointermove", (event) => {
    if (state.pinned || event.pointerType === "touch") return;
    const unit = unitUnder(event);
    if (unit?.index !== state.unit?.index || unit?.stage !== state.unit?.stage) choose(unit);
  });
  network.addEventListener("pointerleave", () => {
    if (!state.pinned) choose(null);
  });
  network.addEventListener("click", (event) => {
    if (/** @type {Element} */ (event.target).closest("button")) return;
    const unit = unitUnder(event),
      same = unit && state.pinned && unit.stage === state.unit?.stage && unit.index === state.unit.index;
    choose(same ? null : unit, Boolean(unit) && !same);
  });
  for (const node of document.querySelectorAll(".stage")) {
    const stage = node.id.replace("stage-", "");
    node.addEventListener("keydown", (event) => byKey(stage, /** @type {KeyboardEvent} */ (event)));
    node.addEventListener("focus", () => {
      if (node.matches(":focus-visible") && !state.pinned) choose(move(stage, ""));
    });
    node.addEventListener("blur", () => {
      if (!state.pinned) choose(null);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.unit) choose(null);
  });
  button("unpin").addEventListener("click", () => choose(null));
  show(describe);
}

/**
 * @param {string} stage
 * @param {KeyboardEvent} event
 */
function byKey(stage, event) {
  if (/** @type {Element} */ (event.target).matches("button")) return;
  if (event.key.startsWith("Arrow")) choose(move(stage, event.key));
  else if ((event.key === "Enter" || event.key === " ") && state.unit) choose(state.unit, !state.pinned);
  else return;
  event.preventDefault();
}

/** @type {Record<string, [number, number]>} */
export const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * From unit to unit, and over a map's edge into the next map.
 *
 * @param {string} name
 * @param {string} key
 */
function move(name, key) {
  const of = stageNamed(name),
    unit = state.unit?.stage === name ? state.unit : null,
    [dr, dc] = ARROWS[key] ?? [0, 0];
  if (name === "output") {
    const rows = listed(),
      row = rows.indexOf(unit ? unit.map : state.look.ranking[0]);
    return unitAt(of, rows[(row + (unit ? dr + dc : 0) + rows.length) % rows.length], 0, 0);
  }
  if (!unit) return unitAt(of, 0, of.height >> 1, of.width >> 1);
  const columns = of.maps === 16 ? 4 : of.maps === 6 ? 3 : 1,
    row = unit.row + dr,
    column = unit.column + dc;
  let map = of.flat ? 0 : unit.map;
  if (row < 0 || row >= of.height) map += dr * columns;
  if (column < 0 || column >= of.width) map += dc;
  return unitAt(of, (map + of.maps) % of.maps, (row + of.height) % of.height, (column + of.width) % of.width);
}

const HELP = {
  forward: "Point at a unit: what it sees is outlined. Click for its arithmetic.",
  backward: "More output here: green raises E, purple lowers it.",
  change: "Green went up, purple down.",
};

/** The unit pointed at in a line or two, in a place of fixed size. */
function describe() {
  const { unit, look, words } = state;
  document.body.classList.toggle("pinned", state.pinned);
  if (!unit) {
    $("readout").textContent = HELP[state.mode];
    return;
  }
  const of = stageNamed(unit.stage),
    name = nameOf(of, unit),
    value = short(shown().maps[unit.stage]?.[unit.index] ?? 0);
  if (state.mode !== "forward") {
    $("readout").textContent = `${state.mode === "backward" ? "dE/dy" : "changed by"} ${value} at ${name}`;
    return;
  }
  const facts = [`${name}: ${unit.stage === "output" ? short(look.distances[unit.map]) : value}.`];
  if (unit.stage === "output") facts.push(`So far is F6 from the ${words.prototype} of ${words.name(unit.map)}.`);
  if (unit.stage === "C3") facts.push(`Reads S2 maps ${of.reads[unit.map].join(", ")}.`);
  if (!of.flat && before(of).name !== "input") {
    const seen = field(state.stages, unit);
    facts.push(`Sees ${seen.height}×${seen.width} of the input.`);
  }
  $("readout").textContent = facts.join(" ");
}
