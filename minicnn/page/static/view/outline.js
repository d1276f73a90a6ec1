import { $ } from "./dom.js";
import { planeAt, planes, rowOf } from "./figure.js";
import { before, show, stage as stageNamed, state } from "./state.js";
import { field, sources } from "./stages.js";

/** Outlines of a unit, of what it adds up, and of what it sees of the input, with lines between them. */
export function buildOutlines() {
  show(draw);
  new ResizeObserver(draw).observe($("network"));
}

/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

function draw() {
  const svg = $("lines"),
    { unit } = state;
  svg.replaceChildren();
  for (const { canvas } of planes) canvas.classList.remove("reads");
  if (!unit) return;
  const frame = $("network").getBoundingClientRect();
  /**
   * @param {Element} node
   * @param {{ row: number, column: number, height: number, width: number }} square
   * @param {number} rows
   * @param {number} columns
   * @returns {Box}
   */
  const place = (node, square, rows, columns) => {
    const at = node.getBoundingClientRect(),
      sx = at.width / columns,
      sy = at.height / rows;
    return {
      x: at.left - frame.left + square.column * sx,
      y: at.top - frame.top + square.row * sy,
      width: square.width * sx,
      height: square.height * sy,
    };
  };
  const of = stageNamed(unit.stage),
    from = before(of),
    one = { row: unit.row, column: unit.column, height: 1, width: 1 };
  const own =
    of.name === "output"
      ? place(rowOf(unit.map), { row: 0, column: 0, height: 1, width: 1 }, 1, 1)
      : place(planeAt(of.name, unit.map), one, of.height, of.width);
  const squares = sources(of, from, unit);
  for (const square of squares) {
    if (from.name === "C5") continue; // the whole of it: its frame is enough
    const node = planeAt(from.name, square.map);
    if (squares.length > 1) node.classList.add("reads");
    const box = place(node, square, from.height, from.width);
    add(svg, "rect", { ...box, class: "read" });
    if (squares.length <= 6) join(svg, box, own);
  }
  if (from.name === "C5") {
    const box = place(planeAt("C5", 0), { row: 0, column: 0, height: 1, width: 1 }, 1, 1);
    add(svg, "rect", { ...box, class: "read" });
  }
  if (from.name !== "input" && of.name !== "input") {
    add(svg, "rect", { ...place(planeAt("input", 0), field(state.stages, unit), 32, 32), class: "field" });
  }
  add(svg, "rect", { ...own, class: "own" });
}

/**
 * Two lines from a square to the unit that reads it.
 *
 * @param {Element} svg
 * @param {Box} box
 * @param {Box} own
 */
function join(svg, box, own) {
  const right = box.x + box.width,
    below = box.y + box.height;
  const ends =
    right <= own.x
      ? [
          [right, box.y, own.x, own.y],
          [right, below, own.x, own.y + own.height],
        ]
      : [
          [box.x, below, own.x, own.y],
          [right, below, own.x + own.width, own.y],
        ];
  for (const [x1, y1, x2, y2] of ends) add(svg, "line", { x1, y1, x2, y2, class: "" });
}

/**
 * A shape twice: a halo that parts it from what is below, and itself.
 *
 * @param {Element} svg
 * @param {string} tag
 * @param {Record<string, number | string>} attributes
 */
function add(svg, tag, attributes) {
  for (const layer of ["halo", "line"]) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    node.classList.add(layer);
    svg.append(node);
  }
}
