import { distance } from "../engine/data/drawing.js";

/** @typedef {import("../engine/data/drawing.js").Point} Point */
/** @typedef {import("../engine/data/drawing.js").Line} Line */

const STEP = 0.01; // no two points of a line are farther apart, so that a piece can be rubbed out
const ERASER = 0.06;
const UNDOS = 100,
  POINTS = 6000;

/**
 * A drawing as lines on a pad of side 1, with undo. Kept in bounds: so many steps back, so many points; beyond, the
 * oldest lines go.
 */
export class Strokes {
  /** @type {Line[]} */
  lines = [];

  /** @type {Line[][]} */
  past = [];

  /** @type {Line | null} the line that is being drawn */
  open = null;

  /** @param {Point} point */
  begin(point) {
    this.remember();
    this.open = [point];
    this.lines = [...this.lines, this.open];
    let points = this.lines.reduce((sum, line) => sum + line.length, 0),
      old = 0;
    while (points > POINTS && old < this.lines.length - 1) points -= this.lines[old++].length;
    if (old) this.lines = this.lines.slice(old);
  }

  /** @param {Point} point */
  extend(point) {
    if (!this.open) return;
    const last = this.open[this.open.length - 1],
      length = Math.hypot(point.x - last.x, point.y - last.y);
    const pieces = Math.ceil(length / STEP);
    for (let i = 1; i <= pieces; i++) {
      this.open.push({ x: last.x + ((point.x - last.x) * i) / pieces, y: last.y + ((point.y - last.y) * i) / pieces });
    }
  }

  end() {
    this.open = null;
  }

  /**
   * Rub out what is near a point, and near the way to it from where the eraser was; a line may fall into two.
   *
   * @param {Point} point
   * @param {Point} [from]
   */
  erase(point, from = point) {
    const far = (/** @type {Point} */ p) => distance(p.x, p.y, from, point) > ERASER;
    this.lines = this.lines.flatMap((line) => {
      /** @type {Line[]} */
      const pieces = [];
      let open = false;
      for (const p of line) {
        if (!far(p)) open = false;
        else if (open) pieces[pieces.length - 1].push(p);
        else {
          pieces.push([p]);
          open = true;
        }
      }
      return pieces;
    });
  }

  remember() {
    this.past = [...this.past, this.lines].slice(-UNDOS);
  }

  undo() {
    this.open = null;
    this.lines = this.past.pop() ?? [];
  }

  clear() {
    if (this.lines.length) this.remember();
    this.open = null;
    this.lines = [];
  }
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * Lines as text for an address: four letters a point, a dot between lines, points that add nothing left out.
 *
 * @param {Line[]} lines
 */
export function encode(lines) {
  const number = (/** @type {number} */ share) => {
    const n = Math.round(Math.min(1, Math.max(0, share)) * 4095);
    return DIGITS[n >> 6] + DIGITS[n & 63];
  };
  return lines
    .map((line) =>
      thinned(line)
        .map(({ x, y }) => number(x) + number(y))
        .join(""),
    )
    .join(".");
}

/** @param {Line} line */
function thinned(line) {
  return line.filter((_, i) => i % 3 === 0 || i === line.length - 1);
}

/**
 * The lines again; null for text that is none.
 *
 * @param {string} text
 * @returns {Line[] | null}
 */
export function decode(text) {
  if (!/^([\w-]{4})+(\.([\w-]{4})+)*$/.test(text) || text.length > 20000) return null;
  const value = (/** @type {string} */ two) => (DIGITS.indexOf(two[0]) * 64 + DIGITS.indexOf(two[1])) / 4095;
  return text
    .split(".")
    .map((line) => (line.match(/.{4}/g) ?? []).map((p) => ({ x: value(p.slice(0, 2)), y: value(p.slice(2)) })));
}
