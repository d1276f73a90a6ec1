import { $, button, canvas, context2d, element } from "./dom.js";
import { state } from "./state.js";

/** A picture of the figure, as PNG, twice as fine as the screen. */
export function buildSnapshot() {
  button("picture").addEventListener("click", () => {
    snapshot().toBlob((blob) => {
      if (!blob) return;
      const address = URL.createObjectURL(blob),
        answer = state.empty ? "empty" : state.words.classes[state.look.ranking[0]].replace(/[^\p{L}\p{N}]/gu, "_");
      element("a", { href: address, download: `lenet5-${answer}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    });
  });
}

/** Every canvas, bar and word of the figure where it stands on the page; pad and answer above it or beside. */
export function snapshot() {
  const areas = [$("paper"), $("answer"), $("network")].map((node) => node.getBoundingClientRect()),
    margin = 16;
  const left = Math.min(...areas.map((a) => a.left)) - margin,
    top = Math.min(...areas.map((a) => a.top)) - margin;
  const right = Math.max(...areas.map((a) => a.right)) + margin,
    bottom = Math.max(...areas.map((a) => a.bottom)) + margin;
  const whole = element("canvas", { width: 2 * (right - left), height: 2 * (bottom - top) }),
    pen = context2d(whole);
  pen.scale(2, 2);
  pen.fillStyle = getComputedStyle(document.body).backgroundColor;
  pen.fillRect(0, 0, right - left, bottom - top);
  pen.imageSmoothingEnabled = false;
  for (const of of document.querySelectorAll("#paper canvas, #network canvas")) {
    const at = of.getBoundingClientRect();
    if (!at.width) continue;
    pen.drawImage(/** @type {HTMLCanvasElement} */ (of), at.left - left, at.top - top, at.width, at.height);
    pen.strokeStyle = getComputedStyle(of).outlineColor;
    pen.strokeRect(at.left - left, at.top - top, at.width, at.height);
  }
  const paper = canvas("pad").getBoundingClientRect();
  pen.strokeRect(paper.left - left, paper.top - top, paper.width, paper.height);
  for (const bar of document.querySelectorAll("#classes i")) {
    const at = bar.getBoundingClientRect();
    pen.fillStyle = getComputedStyle(bar).backgroundColor;
    pen.fillRect(at.left - left, at.top - top, at.width, at.height);
  }
  for (const node of [$("answer"), $("network")]) words(node, pen, left, top);
  return whole;
}

/**
 * Each piece of text at its own place, in its own font; what is wrapped, line by line.
 *
 * @param {Node} node
 * @param {CanvasRenderingContext2D} pen
 * @param {number} left
 * @param {number} top
 */
function words(node, pen, left, top) {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT),
    range = document.createRange();
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const of = /** @type {Element} */ (text.parentElement),
      style = getComputedStyle(of);
    if (!of.getClientRects().length) continue;
    pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    pen.fillStyle = style.color;
    pen.textBaseline = "middle";
    for (const word of (text.textContent ?? "").matchAll(/\S+/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const at = range.getBoundingClientRect();
      pen.fillText(word[0], at.left - left, (at.top + at.bottom) / 2 - top);
    }
  }
}
