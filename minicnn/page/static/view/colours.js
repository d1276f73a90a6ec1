/**
 * Numbers as colours: blue to orange for signals, purple to green for gradients and changes, paper to ink for pixels.
 * The colours themselves stand in style.css, once for light and once for dark.
 *
 * @typedef {Uint32Array} Ramp 255 colours, as an image has them
 */

/** @type {Record<"signal" | "gradient" | "ink" | "size", Ramp>} */
export const ramps = {
  signal: new Uint32Array(255),
  gradient: new Uint32Array(255),
  ink: new Uint32Array(255),
  size: new Uint32Array(255),
};

/** Of lines on the pad: red, green, blue. */
export const inkColour = [0, 0, 0];

/** Take the colours from the style sheet again, after the theme has changed. */
export function readColours() {
  const css = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) =>
    (css.getPropertyValue(name).trim().match(/\w\w/g) ?? []).map((pair) => parseInt(pair, 16));
  const [paper, ink] = [colour("--paper"), colour("--ink")];
  inkColour.splice(0, 3, ...ink);
  const middle = paper.map((c, i) => (c + ink[i]) / 2);
  ramps.signal = ramp(colour("--negative"), colour("--zero"), colour("--positive"));
  ramps.gradient = ramp(colour("--down"), colour("--zero"), colour("--up"));
  ramps.ink = ramp(paper, middle, ink);
  ramps.size = ramp(colour("--zero"), colour("--warm"), colour("--hot"));
}

/**
 * @param {number[]} low
 * @param {number[]} middle
 * @param {number[]} high
 * @returns {Ramp}
 */
function ramp(low, middle, high) {
  return Uint32Array.from({ length: 255 }, (_, i) => {
    const [from, to, share] = i < 127 ? [low, middle, i / 127] : [middle, high, (i - 127) / 127];
    const [r, g, b] = from.map((c, k) => Math.round(c + (to[k] - c) * share));
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @param {Ramp} of
 */
function pick(value, low, high, of) {
  const share = high > low ? (value - low) / (high - low) : 0.5;
  return of[Math.round(254 * Math.min(1, Math.max(0, share)))];
}

/** @typedef {{ context: CanvasRenderingContext2D, picture: ImageData, pixels: Uint32Array }} Painting */

/** @type {WeakMap<HTMLCanvasElement, Painting>} */
const pictures = new WeakMap();

/**
 * Paint a canvas, one number a pixel.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} values
 * @param {number} first
 * @param {number} low
 * @param {number} high
 * @param {Ramp} of
 */
export function paint(canvas, values, first, low, high, of) {
  let at = pictures.get(canvas);
  if (!at) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const picture = context.createImageData(canvas.width, canvas.height);
    at = { context, picture, pixels: new Uint32Array(picture.data.buffer) };
    pictures.set(canvas, at);
  }
  for (let i = 0; i < at.pixels.length; i++) at.pixels[i] = pick(values[first + i], low, high, of);
  at.context.putImageData(at.picture, 0, 0);
}

/**
 * A value's colour and that of text on it, for a cell with a number.
 *
 * @param {number} value
 * @param {number} limit
 * @param {Ramp} of
 */
export function cell(value, limit, of) {
  const colour = pick(value, -limit, limit, of),
    [r, g, b] = [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const light = [r, g, b].map((c) => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return { background: `rgb(${r} ${g} ${b})`, text: luminance > 0.18 ? "#000" : "#fff" };
}
