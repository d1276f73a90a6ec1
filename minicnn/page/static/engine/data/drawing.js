/**
 * From a drawing or a picture to an image as MNIST has them: scaled to fit a 20x20 box, its proportions kept, in 28x28
 * pixels so that the centre of mass of the ink lies in the middle (LeCun et al. 1998, section III.A). Ink is 255,
 * background 0. The pictures' part is minicnn/data/drawing.py once more; lines are the page's own.
 *
 * @typedef {{ x: number, y: number }} Point
 * @typedef {Point[]} Line
 * @typedef {{ width: number, height: number, data: ArrayLike<number> }} Picture
 */

const SIDE = 28,
  BOX = 20;
const PEN = 2.7; // as thick as MNIST's strokes are, in pixels
const SMALLEST = 0.04; // a drawing smaller than this share of the pad is a dot, and stays one
const FAINT = 0.15,
  CONTRAST = 40,
  REACH = 4,
  ROUNDS = 4;

/**
 * Lines on a pad of side 1 -> an image. Its strokes have MNIST's width however large or small they were drawn.
 *
 * @param {Line[]} lines
 * @returns {Uint8Array} (28, 28)
 */
export function fromLines(lines) {
  const points = lines.flat();
  if (!points.length) return new Uint8Array(SIDE * SIDE);
  const [left, right] = range(points.map((p) => p.x)),
    [top, bottom] = range(points.map((p) => p.y));
  const scale = (BOX - PEN) / Math.max(right - left, bottom - top, SMALLEST);
  /**
   * @param {number} x
   * @param {number} y where the middle of the drawing goes
   */
  const placed = (x, y) =>
    lines.map((line) =>
      line.map((p) => ({
        x: x + scale * (p.x - (left + right) / 2),
        y: y + scale * (p.y - (top + bottom) / 2),
      })),
    );
  const middle = SIDE / 2,
    centre = centreOfMass(rasterised(placed(middle, middle)));
  return rasterised(placed(2 * middle - centre.x, 2 * middle - centre.y));
}

/** @param {number[]} values */
function range(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

/**
 * Ink by distance: full within the pen's radius, none half a pixel outside.
 *
 * @param {Line[]} lines
 */
function rasterised(lines) {
  const image = new Uint8Array(SIDE * SIDE),
    reach = PEN / 2 + 0.5;
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) {
      const a = line[Math.max(0, i - 1)],
        b = line[i];
      const [left, right] = span(a.x, b.x, reach),
        [top, bottom] = span(a.y, b.y, reach);
      for (let row = top; row <= bottom; row++) {
        for (let column = left; column <= right; column++) {
          const ink = 255 * Math.min(1, reach - distance(column + 0.5, row + 0.5, a, b)),
            at = row * SIDE + column;
          if (ink > image[at]) image[at] = Math.round(ink);
        }
      }
    }
  }
  return image;
}

/**
 * @param {number} a
 * @param {number} b
 * @param {number} reach
 */
function span(a, b, reach) {
  return [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + reach))];
}

/**
 * From a point to the nearest of a segment.
 *
 * @param {number} x
 * @param {number} y
 * @param {Point} a
 * @param {Point} b
 */
export function distance(x, y, a, b) {
  const dx = b.x - a.x,
    dy = b.y - a.y,
    length = dx * dx + dy * dy;
  const share = length ? Math.min(1, Math.max(0, ((x - a.x) * dx + (y - a.y) * dy) / length)) : 0;
  return Math.hypot(x - a.x - share * dx, y - a.y - share * dy);
}

/** @param {Uint8Array} image */
function centreOfMass(image) {
  let mass = 0,
    x = 0,
    y = 0;
  image.forEach((ink, i) => {
    mass += ink;
    x += ink * ((i % SIDE) + 0.5);
    y += ink * (Math.floor(i / SIDE) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

/**
 * Ink of any size -> an image: its means over a 20x20 box.
 *
 * @param {Picture} ink
 * @returns {Uint8Array} (28, 28)
 */
export function fromInk({ width, height, data }) {
  const digit = new Uint8Array(SIDE * SIDE);
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, data[i]);
  let left = width,
    right = -1,
    top = height,
    bottom = -1;
  for (let i = 0; i < data.length; i++) {
    if (data[i] <= FAINT * most) continue;
    const x = i % width,
      y = Math.floor(i / width);
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  if (right < 0) return digit;
  const wide = right - left + 1,
    high = bottom - top + 1,
    longest = Math.max(wide, high);
  const columns = means(wide, Math.max(1, even((BOX * wide) / longest)));
  const rows = means(high, Math.max(1, even((BOX * high) / longest)));
  const small = rows.map((row) =>
    columns.map((column) => {
      let sum = 0;
      for (const [y, wy] of row) for (const [x, wx] of column) sum += wy * wx * data[(top + y) * width + left + x];
      return sum;
    }),
  );
  const firstRow = place(small.map((row) => row.reduce((a, b) => a + b)));
  const firstColumn = place(columns.map((_, x) => small.reduce((sum, row) => sum + row[x], 0)));
  small.forEach((row, y) =>
    row.forEach((ink, x) => {
      digit[(firstRow + y) * SIDE + firstColumn + x] = even(ink);
    }),
  );
  return digit;
}

/**
 * For each of `fewer` equal stretches of a line of pixels the pixels in it, with their shares of its mean.
 *
 * @param {number} count
 * @param {number} fewer
 */
function means(count, fewer) {
  return Array.from({ length: fewer }, (_, i) => {
    const start = (i * count) / fewer,
      end = ((i + 1) * count) / fewer;
    /** @type {[number, number][]} */
    const shares = [];
    for (let pixel = Math.floor(start); pixel < Math.min(count, Math.ceil(end)); pixel++) {
      shares.push([pixel, ((Math.min(end, pixel + 1) - Math.max(start, pixel)) * fewer) / count]);
    }
    return shares;
  });
}

/**
 * Where pixels with these masses must start for their centre of mass to lie in the middle.
 *
 * @param {number[]} mass
 */
function place(mass) {
  const total = mass.reduce((a, b) => a + b),
    centre = mass.reduce((sum, each, i) => sum + each * i, 0) / total;
  return Math.min(Math.max(even(SIDE / 2 - centre), 0), SIDE - mass.length);
}

/**
 * Rounded, halves to the even neighbour, as Python and NumPy do.
 *
 * @param {number} value
 */
function even(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/**
 * A photograph or scan, grey levels 0 to 255 -> its ink, wherever the light came from.
 *
 * A local threshold: the background at a pixel is the mean of the paper around it, so that shade does not matter, and
 * paper is what differs from that by less than 1.5 standard deviations; a few rounds settle what is paper. Of what is
 * darker and what is lighter than the background the stronger is ink. Throws RangeError for a picture of nothing.
 *
 * @param {Picture} picture
 * @returns {Picture}
 */
export function inkOfPicture({ width, height, data }) {
  const grey = Float64Array.from(data),
    reach = Math.max(1, Math.floor(Math.min(width, height) / REACH));
  let paper = new Float64Array(grey.length).fill(1),
    difference = grey;
  for (let round = 0; round < ROUNDS; round++) {
    const count = box(paper, width, height, reach);
    const levels = grey.map((level, i) => level * paper[i]),
      nearby = box(levels, width, height, reach);
    const everywhere = sum(levels) / sum(paper);
    difference = grey.map((level, i) => level - (count[i] > 0 ? nearby[i] / count[i] : everywhere));
    const deviation = Math.sqrt(sum(difference.map((d, i) => d * d * paper[i])) / sum(paper));
    paper = difference.map((d) => Number(Math.abs(d) <= 1.5 * deviation));
  }
  const darker = difference.map((d) => Math.max(-d, 0)),
    lighter = difference.map((d) => Math.max(d, 0));
  const ink = sum(darker.map((d) => d * d)) >= sum(lighter.map((d) => d * d)) ? darker : lighter;
  const most = ink.reduce((a, b) => Math.max(a, b));
  if (most < CONTRAST) throw RangeError("The picture shows nothing: its light and dark parts hardly differ.");
  return { width, height, data: ink.map((d) => even(255 * Math.min(1, Math.max(0, (d / most - 0.25) / 0.75)))) };
}

/** @param {Float64Array} values */
function sum(values) {
  return values.reduce((a, b) => a + b, 0);
}

/**
 * The sum of all values at most `reach` rows and columns away from each, by differences of running sums.
 *
 * @param {Float64Array} values
 * @param {number} width
 * @param {number} height
 * @param {number} reach
 */
function box(values, width, height, reach) {
  const rows = along(values, width, height, width, 1, reach);
  return along(rows, height, width, 1, width, reach);
}

/**
 * The same along lines only: `length` values `step` apart in each of `lines` lines, `next` apart.
 *
 * @param {Float64Array} values
 * @param {number} length
 * @param {number} lines
 * @param {number} next
 * @param {number} step
 * @param {number} reach
 */
function along(values, length, lines, next, step, reach) {
  const result = new Float64Array(values.length),
    sums = new Float64Array(length + 1);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) sums[i + 1] = sums[i] + values[line * next + i * step];
    for (let i = 0; i < length; i++) {
      result[line * next + i * step] = sums[Math.min(i + reach + 1, length)] - sums[Math.max(i - reach, 0)];
    }
  }
  return result;
}
