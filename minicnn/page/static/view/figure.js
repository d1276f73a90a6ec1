import { $, canvas, element, short } from "./dom.js";
import { paint, ramps } from "./colours.js";
import { changed, label, show, stage as stageNamed, state, target } from "./state.js";
import { unitAt } from "./stages.js";
import { ScaledTanh } from "../engine/layers/activations.js";

/** @typedef {{ stage: string, map: number, canvas: HTMLCanvasElement }} Plane one map on the page */

/** @type {Plane[]} */
export const planes = [];

/** @type {WeakMap<Element, Plane>} */
const planeOf = new WeakMap();

const { A } = ScaledTanh;

/**
 * @param {string} name
 * @param {number} map
 */
export function planeAt(name, map) {
  const found = planes.find(
    (plane) => plane.stage === name && (plane.map === map || plane.stage === "C5" || plane.stage === "F6"),
  );
  if (!found) throw RangeError(`${name} has no map ${map}`);
  return found.canvas;
}

/** Build every stage's maps, once the network is there. */
export function buildFigure() {
  for (const { name, maps, height, width, title, size } of state.stages) {
    const box = $(`stage-${name}`);
    box.setAttribute("aria-label", `${name}: ${title}, ${size}`);
    const head = element(
      "h3",
      {},
      element("button", { type: "button", className: "name", textContent: name }),
      element("span", { className: "size", textContent: name !== "output" ? size : maps <= ROWS ? "shortest wins" : `nearest of ${maps}` }),
    );
    head.children[0].setAttribute("data-term", name);
    head.children[0].setAttribute("aria-label", `${name}: what is that?`);
    box.prepend(head);
    const place = box.querySelector(".maps");
    if (!place || name === "output") continue;
    for (let map = 0; map < maps; map++) {
      const picture = element("canvas", {
        width,
        height,
        role: "img",
        "aria-label": maps > 1 ? `${name} map ${map}` : name,
      });
      planes.push({ stage: name, map, canvas: picture });
      planeOf.set(picture, planes[planes.length - 1]);
      place.append(picture);
    }
  }
  buildOutput();
  show(drawFigure);
}

/** Classes that have room below each other. */
const ROWS = 10;

function buildOutput() {
  const { words } = state,
    longest = Math.max(...words.classes.map((name) => name.length));
  const box = $("classes");
  box.classList.toggle("named", !words.short);
  if (words.noun !== "digit")
    box.style.setProperty("--name", words.short ? "1.1em" : `${0.4 + 0.46 * Math.min(longest, 12)}em`);
  for (let row = 0; row < Math.min(words.count, ROWS); row++) {
    box.append(
      element(
        "div",
        { className: "class", id: `row-${row}` },
        element("b"),
        element("canvas", { width: 7, height: 12, role: "img" }),
        element("span", { className: "track" }, element("i"), element("u", { hidden: true })),
        element("span", { className: "number" }),
      ),
    );
  }
}

/**
 * The classes that have a row, from above: all of them, or where they are too many the nearest, the nearest first. The
 * target and the unit that is looked at have one in any case.
 */
export function listed() {
  const { look, unit } = state,
    { ranking } = look;
  if (ranking.length <= ROWS) return ranking.map((_, label) => label);
  const wanted = new Set();
  if (aims()) wanted.add(target());
  if (unit?.stage === "output") wanted.add(unit.map);
  const nearest = new Set(ranking.filter((label) => !wanted.has(label)).slice(0, ROWS - wanted.size));
  return ranking.filter((label) => wanted.has(label) || nearest.has(label));
}

/**
 * The row of a class that has one.
 *
 * @param {number} label
 */
export function rowOf(label) {
  return $(`row-${listed().indexOf(label)}`);
}

/** Whether the target is marked: on the way back, or where the user has picked one. */
function aims() {
  return state.mode !== "forward" || state.chosen !== null;
}

/**
 * The unit at a place of the screen; null where there is none.
 *
 * @param {MouseEvent} event
 */
export function unitUnder(event) {
  const on = /** @type {Element} */ (event.target),
    row = on.closest(".class");
  if (row) return unitAt(stageNamed("output"), Number(row.getAttribute("data-label")), 0, 0);
  const plane = planeOf.get(on);
  if (!plane) return null;
  const of = stageNamed(plane.stage),
    at = on.getBoundingClientRect();
  const place = (/** @type {number} */ share, /** @type {number} */ count) =>
    Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return unitAt(
    of,
    plane.map,
    place((event.clientY - at.top) / at.height, of.height),
    place((event.clientX - at.left) / at.width, of.width),
  );
}

/** What the maps show now, and by which scale. */
export function shown() {
  const { mode, back, change, look } = state;
  if (mode === "backward" && back) return { maps: back.maps, largest: back.largest, ramp: ramps.gradient };
  if (mode === "change" && change) return { maps: change.maps, largest: change.largest, ramp: ramps.gradient };
  return { maps: look.maps, largest: null, ramp: ramps.signal };
}

function drawFigure() {
  const {
      look,
      back,
      mode,
      model: { pixels },
    } = state,
    { maps, largest, ramp } = shown();
  for (const { stage, map, canvas: picture } of planes) {
    const first = map * picture.width * picture.height;
    if (stage === "input") paint(picture, look.maps.input, 0, pixels.background, pixels.ink, ramps.ink);
    else paint(picture, maps[stage], first, -(largest?.[stage] ?? A), largest?.[stage] ?? A, ramp);
    if (state.sliding && state.unit?.stage === stage && state.unit.map === map) hideAfter(picture, state.unit);
  }
  const gradients = mode === "backward" && back;
  $("gradients").hidden = !gradients;
  if (gradients) {
    const limit = gradients.largest.input;
    paint(canvas("input-gradient"), gradients.maps.input, 0, -limit, limit, ramps.gradient);
    paint(canvas("input-saliency"), gradients.maps.input.map(Math.abs), 0, 0, limit, ramps.size);
  }
  drawLegend();
  drawOutput();
  drawComparison();
}

/**
 * A kernel that slides has not been there yet.
 *
 * @param {HTMLCanvasElement} picture
 * @param {import("./stages.js").Unit} unit
 */
function hideAfter(picture, { row, column }) {
  const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
  context.clearRect(column + 1, row, picture.width, 1);
  context.clearRect(0, row + 1, picture.width, picture.height);
}

const TITLES = {
  forward: "each unit's output",
  backward: "dE / d output",
  change: "the last step's change",
};

function drawLegend() {
  const { ramp, largest } = shown();
  paint(
    canvas("legend-bar"),
    Array.from({ length: 96 }, (_, i) => i),
    0,
    0,
    95,
    ramp,
  );
  $("legend-low").textContent = largest ? "− layer's largest" : `−${A.toFixed(1)}`;
  $("legend-high").textContent = largest ? "+" : `+${A.toFixed(1)}`;
  $("legend-title").textContent = TITLES[state.mode];
}

function drawOutput() {
  const { look, change, model, words } = state,
    earlier = state.mode === "change" ? change?.distances[0] : undefined,
    labels = listed();
  const longest = Math.max(...labels.flatMap((label) => [look.distances[label], earlier?.[label] ?? 0]));
  labels.forEach((label, place) => {
    const row = $(`row-${place}`),
      part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
    const drawing = /** @type {HTMLCanvasElement} */ (part("canvas")),
      mark = part("u");
    row.setAttribute("data-label", String(label));
    row.title = words.short ? "" : words.classes[label];
    part("b").textContent = words.classes[label];
    drawing.setAttribute("aria-label", `${words.prototype} of ${words.name(label)}`);
    paint(drawing, model.prototypes, label * 84, -1, 1, ramps.ink);
    part("i").style.width = `${(100 * look.distances[label]) / longest}%`;
    mark.hidden = !earlier;
    if (earlier) mark.style.left = `${(100 * earlier[label]) / longest}%`;
    part(".number").textContent = short(look.distances[label]);
    row.classList.toggle("nearest", !state.empty && label === look.ranking[0]);
    row.classList.toggle("target", aims() && label === target());
  });
}

/** The network draws what it sees: F6 beside the nearest drawing or code, and where they differ. */
function drawComparison() {
  const { look, model } = state,
    [nearest] = look.ranking,
    drawing = model.prototypes.subarray(84 * nearest, 84 * nearest + 84);
  paint(canvas("nearest-drawing"), drawing, 0, -1, 1, ramps.ink);
  paint(
    canvas("difference"),
    look.maps.F6.map((x, j) => (x - drawing[j]) ** 2),
    0,
    0,
    4,
    ramps.size,
  );
}

/** What the answer is, and how sure. */
export function buildAnswer() {
  const { words } = state;
  $("answer").classList.toggle("letters", words.short && words.noun !== "digit");
  $("answer").classList.toggle("named", !words.short);
  show(() => {
    const { look, empty } = state,
      [first, second] = look.ranking,
      known = label();
    const detail = $("answer-detail");
    $("answer").classList.toggle("doubt", look.doubt && !empty);
    $("why").hidden = empty || !look.doubt;
    $("answer-class").textContent = empty ? "–" : `${words.classes[first]}${look.doubt ? "?" : ""}`;
    $("answer-label").textContent = empty
      ? `Draw a ${words.noun}`
      : look.doubt
        ? `${words.name(first)} or ${words.name(second)}? In doubt`
        : `It reads ${words.one(first)}`;
    detail.textContent = empty
      ? "with mouse, pen, finger or keys"
      : `distance ${short(look.distances[first])}, next ${words.name(second)} at ${short(look.distances[second])}` +
        (known === null ? "" : words.samples?.title === "MNIST" ? `. MNIST says ${known}.` : `. Its label: ${words.name(known)}.`);
  });
}

/**
 * Point at a unit, hold it, or (null) let go.
 *
 * @param {import("./stages.js").Unit | null} unit
 * @param {boolean} [pin]
 */
export function choose(unit, pin = state.pinned) {
  state.unit = unit;
  state.pinned = Boolean(unit) && pin;
  state.sliding = false;
  changed();
}
