import { button, say } from "./dom.js";
import { label, show, stage, state } from "./state.js";
import { choose } from "./figure.js";
import { unitAt } from "./stages.js";
import { setMode } from "./modes.js";
import { decode, encode } from "./strokes.js";
import { greets, putLines } from "./pad.js";
import { takeNumber } from "./samples.js";
import { settle, update } from "./reading.js";

/**
 * What is looked at, in the address after #: the image, called as what the network reads (digit=mnist.17, =misread.3 or
 * =ink.<lines>; letter=sample.17), the unit that is held, the view, the target that was picked. Weights are not in it.
 */
export function buildAddress() {
  let timer = 0;
  show(() => {
    clearTimeout(timer);
    timer = setTimeout(write, 300);
  });
  window.addEventListener("hashchange", () => {
    open(location.hash);
  });
  button("link").addEventListener("click", async () => {
    write();
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied.");
    } catch {
      say("The address of this page is the link: copy it from the browser's bar.");
    }
  });
}

function write() {
  const parts = new URLSearchParams(),
    { source, unit, mode, chosen, words } = state;
  if (!("lines" in source)) {
    if (source.from) parts.set(words.noun, source.from);
  } else if (source.lines.length && !greets()) parts.set(words.noun, `ink.${encode(source.lines)}`);
  if (unit && state.pinned) parts.set("unit", [unit.stage, unit.map, unit.row, unit.column].join("."));
  if (mode === "backward") parts.set("view", mode);
  if (chosen !== null && chosen !== label()) parts.set("target", String(chosen));
  const hash = `#${parts}`;
  if (hash === location.hash || (hash === "#" && !location.hash)) return;
  try {
    history.replaceState(null, "", hash);
  } catch {
    /* a browser that allows no such thing in a file */
  }
}

/**
 * Show what an address says; false if it names no image.
 *
 * @param {string} hash
 */
export async function open(hash) {
  const { words } = state,
    parts = new URLSearchParams(hash.slice(1)),
    [from, number] = (parts.get(words.noun) ?? "").split(/\.(.*)/s);
  let found = false;
  if (from === "ink") {
    const lines = decode(number);
    if (lines) {
      putLines(lines, false);
      found = true;
    }
  } else if (["mnist", "sample", "misread"].includes(from) && /^\d{1,4}$/.test(number)) {
    try {
      await takeNumber(from, Number(number));
      found = !("lines" in state.source);
    } catch (error) {
      say(String(error));
    }
  }
  settle();
  if (!state.look) return found;
  const target = Number(parts.get("target") ?? NaN);
  if (target >= 0 && target < words.count) {
    state.chosen = Math.floor(target);
    update();
  }
  if (parts.get("view") === "backward") setMode("backward");
  const unit = parts.get("unit")?.match(/^(input|C1|S2|C3|S4|C5|F6|output)\.(\d+)\.(\d+)\.(\d+)$/);
  if (unit) {
    const of = stage(unit[1]),
      [map, row, column] = unit.slice(2).map(Number);
    if (row < of.height && column < of.width && (of.flat && of.name !== "output" ? true : map < of.maps)) {
      choose(unitAt(of, of.flat && of.name !== "output" ? 0 : map, row, column), true);
    }
  }
  return found;
}
