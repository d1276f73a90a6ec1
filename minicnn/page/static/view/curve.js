import { canvas, context2d } from "./dom.js";

const POINTS = 120;

/** A curve of E that grows while it trains: each point the mean of so many steps that all of it has room. */
export class Curve {
  /** @type {number[]} */
  points = [];
  each = 1;
  sum = 0;
  count = 0;
  /** Whether it was drawn as it is. */ drawn = false;

  clear() {
    this.drawn = false;
    this.points = [];
    this.each = 1;
    this.sum = this.count = 0;
  }

  /** @param {number} value */
  add(value) {
    this.sum += value;
    if (++this.count < this.each) return;
    this.points.push(this.sum / this.count);
    this.drawn = false;
    this.sum = this.count = 0;
    if (this.points.length < POINTS) return;
    this.points = this.points.filter((_, i) => i % 2).map((right, i) => (this.points[2 * i] + right) / 2);
    this.each *= 2;
  }

  /**
   * On a logarithmic scale, so that the end can be seen too.
   *
   * @param {string} id
   */
  draw(id) {
    this.drawn = true;
    const on = canvas(id),
      pen = context2d(on),
      ratio = devicePixelRatio,
      style = getComputedStyle(on);
    const width = Math.round(on.clientWidth * ratio),
      height = Math.round(on.clientHeight * ratio);
    if (on.width !== width || on.height !== height) Object.assign(on, { width, height });
    pen.clearRect(0, 0, width, height);
    if (!this.points.length) return;
    const logs = this.points.map((value) => Math.log10(Math.max(value, 0.01)));
    const low = Math.floor(Math.min(...logs)),
      high = Math.max(Math.ceil(Math.max(...logs)), low + 1),
      pad = 4 * ratio;
    const y = (/** @type {number} */ log) => pad + ((height - 2 * pad) * (high - log)) / (high - low);
    pen.font = `${0.8 * parseFloat(style.fontSize) * ratio}px ${style.fontFamily}`;
    pen.fillStyle = pen.strokeStyle = style.color;
    for (let power = low; power <= high; power++) {
      pen.globalAlpha = 0.25;
      pen.fillRect(0, y(power), width, ratio);
      pen.globalAlpha = 0.9;
      pen.textBaseline = power === high ? "top" : "bottom";
      pen.fillText(
        String(Number((10 ** power).toPrecision(1))),
        2 * ratio,
        y(power) + (power === high ? 2 : -1) * ratio,
      );
    }
    pen.globalAlpha = 1;
    Object.assign(pen, { lineWidth: 2.5 * ratio, lineJoin: "round", strokeStyle: style.getPropertyValue("--accent") });
    pen.beginPath();
    const step = (width - 2 * pad - 34 * ratio) / Math.max(1, logs.length - 1);
    logs.forEach((log, i) => pen.lineTo(pad + 34 * ratio + i * step, y(log)));
    if (logs.length === 1) pen.lineTo(pad + 38 * ratio, y(logs[0]));
    pen.stroke();
  }
}
