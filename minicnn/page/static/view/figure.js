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
      element("span", { className: "size", textContent: name === "output" ? "shortest wins" : size }),
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

function buildOutput() {
  for (let digit = 0; digit < 10; digit++) {
    const drawing = element("canvas", { width: 7, height: 12, role: "img", "aria-label": `drawing of ${digit}` });
    const row = element(
      "div",
      { className: "class", id: `class-${digit}` },
      element("b", { textContent: digit }),
      drawing,
      element("span", { className: "track" }, element("i"), element("u", { hidden: true })),
      element("span", { className: "number" }),
    );
    row.setAttribute("data-digit", String(digit));
    $("classes").append(row);
  }
}

/**
 * The unit at a place of the screen; null where there is none.
 *
 * @param {MouseEvent} event
 */
export function unitUnder(event) {
  const on = /** @type {Element} */ (event.target),
    row = on.closest(".class");
  if (row) return unitAt(stageNamed("output"), Number(row.getAttribute("data-digit")), 0, 0);
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
  const { look, change, model } = state,
    earlier = state.mode === "change" ? change?.distances[0] : undefined;
  const longest = Math.max(...look.distances, ...(earlier ?? []));
  look.distances.forEach((distance, digit) => {
    const row = $(`class-${digit}`),
      bar = /** @type {HTMLElement} */ (row.querySelector("i"));
    const mark = /** @type {HTMLElement} */ (row.querySelector("u")),
      number = /** @type {HTMLElement} */ (row.querySelector(".number"));
    paint(
      /** @type {HTMLCanvasElement} */ (row.querySelector("canvas")),
      model.prototypes,
      digit * 84,
      -1,
      1,
      ramps.ink,
    );
    bar.style.width = `${(100 * distance) / longest}%`;
    mark.hidden = !earlier;
    if (earlier) mark.style.left = `${(100 * earlier[digit]) / longest}%`;
    number.textContent = short(distance);
    row.classList.toggle("nearest", !state.empty && digit === look.ranking[0]);
    row.classList.toggle("target", (state.mode !== "forward" || state.chosen !== null) && digit === target());
  });
}

/** The network draws what it sees: F6 beside the nearest drawing, and where they differ. */
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
  show(() => {
    const { look, empty } = state,
      [first, second] = look.ranking,
      known = label();
    const digit = $("answer-digit"),
      detail = $("answer-detail");
    $("answer").classList.toggle("doubt", look.doubt && !empty);
    $("why").hidden = empty || !look.doubt;
    digit.textContent = empty ? "–" : look.doubt ? `${first}?` : String(first);
    $("answer-label").textContent = empty
      ? "Draw a digit"
      : look.doubt
        ? `${first} or ${second}? In doubt`
        : `It reads a ${first}`;
    detail.textContent = empty
      ? "with mouse, pen, finger or keys"
      : `distance ${short(look.distances[first])}, next ${second} at ${short(look.distances[second])}` +
        (known === null ? "" : `. MNIST says ${known}.`);
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
