import { $, button, canvas, context2d, element, say } from "./dom.js";
import { inkColour } from "./colours.js";
import { ARROWS } from "./pointing.js";
import { show, state } from "./state.js";
import { Strokes } from "./strokes.js";
import { take } from "./reading.js";

/** @typedef {import("../engine/data/drawing.js").Point} Point */

const strokes = new Strokes();
const cursor = { x: 0.5, y: 0.5, down: false };
const STEP = 0.035; // how far an arrow key moves
const WIDTH = 0.075; // of a line on the pad
let erasing = false;

/** Where pen or eraser was. */
let last = { x: 0, y: 0 };

/** The one finger that draws. @type {number | null} */
let pointer = null;

let greeting = false;

/** Whether the pad shows the drawing that greets, which the first stroke replaces. */
export function greets() {
  return greeting;
}

/** @param {(key: string) => boolean} takeKey what the key of a class does; false if it is none's */
export function buildPad(takeKey) {
  const pad = canvas("pad");
  pad.addEventListener("pointerdown", (event) => {
    if (event.button || pointer !== null) return;
    pointer = event.pointerId;
    pad.setPointerCapture(pointer);
    begin(at(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) go(at(each));
    send();
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
    pad.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      strokes.end();
    });
  }
  pad.addEventListener("keydown", (event) => byKey(event, takeKey));
  pad.addEventListener("focus", showCursor);
  pad.addEventListener("blur", showCursor);
  button("clear").addEventListener("click", clear);
  button("undo").addEventListener("click", undo);
  button("eraser").addEventListener("click", () => setErasing(!erasing));
  new ResizeObserver(() => {
    fit(pad);
    paint();
  }).observe(pad);
  show(paint);
}

/**
 * Lines as if drawn: those of an address, or the drawing that greets.
 *
 * @param {import("../engine/data/drawing.js").Line[]} lines
 * @param {boolean} asGreeting
 */
export function putLines(lines, asGreeting) {
  strokes.clear();
  strokes.lines = lines;
  send();
  greeting = asGreeting;
}

/**
 * @param {PointerEvent} event
 * @returns {Point}
 */
function at(event) {
  const box = canvas("pad").getBoundingClientRect();
  const share = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
  return { x: share((event.clientX - box.left) / box.width), y: share((event.clientY - box.top) / box.height) };
}

/** @param {Point} point */
function begin(point) {
  say("");
  if (!("lines" in state.source)) {
    strokes.clear();
    setErasing(false);
  } else if (greeting && !erasing) strokes.clear();
  greeting = false;
  last = point;
  if (erasing) {
    strokes.remember();
    strokes.erase(point);
  } else strokes.begin(point);
  send();
}

/** @param {Point} point */
function go(point) {
  if (erasing) strokes.erase(point, last);
  else strokes.extend(point);
  last = point;
}

function send() {
  take({ lines: strokes.lines });
}

export function clear() {
  strokes.clear();
  setErasing(false);
  greeting = false;
  cursor.down = false;
  say("");
  send();
  showCursor();
}

function undo() {
  strokes.undo();
  greeting = false;
  send();
}

/** @param {boolean} on */
function setErasing(on) {
  erasing = on;
  button("eraser").setAttribute("aria-pressed", String(on));
}

/**
 * @param {KeyboardEvent} event
 * @param {(key: string) => boolean} takeKey
 */
function byKey(event, takeKey) {
  const move = ARROWS[event.key],
    command = event.ctrlKey || event.metaKey;
  if (move) {
    cursor.x = Math.min(1, Math.max(0, cursor.x + STEP * move[1]));
    cursor.y = Math.min(1, Math.max(0, cursor.y + STEP * move[0]));
    if (cursor.down) {
      go({ ...cursor });
      send();
    }
  } else if (event.key === " ") {
    cursor.down = !cursor.down;
    if (cursor.down) begin({ ...cursor });
    else strokes.end();
  } else if (event.key === "Delete" || event.key === "Backspace") clear();
  else if (event.key === "z" && command) undo();
  else if (command || event.altKey || !takeKey(event.key)) return;
  event.preventDefault();
  showCursor();
}

function showCursor() {
  const mark = $("cursor"),
    pad = canvas("pad");
  mark.hidden = document.activeElement !== pad || !pad.matches(":focus-visible");
  mark.className = cursor.down ? "down" : "";
  mark.style.left = `${100 * cursor.x}%`;
  mark.style.top = `${100 * cursor.y}%`;
}

/**
 * As many pixels as the screen has.
 *
 * @param {HTMLCanvasElement} pad
 */
function fit(pad) {
  const side = Math.round(pad.clientWidth * devicePixelRatio);
  if (pad.width !== side) pad.width = pad.height = side;
}

function paint() {
  const pad = canvas("pad"),
    pen = context2d(pad),
    side = pad.width;
  if (!state.look) return;
  pen.clearRect(0, 0, side, side);
  button("undo").disabled = !strokes.past.length || !("lines" in state.source);
  if (!("lines" in state.source)) {
    paintImage(pen, side, state.source.image);
    return;
  }
  Object.assign(pen, { lineWidth: WIDTH * side, lineCap: "round", lineJoin: "round", strokeStyle: `rgb(${inkColour.join(" ")})` });
  pen.beginPath();
  for (const line of state.source.lines) {
    pen.moveTo(line[0].x * side, line[0].y * side);
    for (const { x, y } of line) pen.lineTo(x * side, y * side);
  }
  pen.stroke();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} side
 * @param {Uint8Array} image
 */
function paintImage(pen, side, image) {
  const small = element("canvas", { width: 28, height: 28 }),
    context = context2d(small);
  const picture = context.createImageData(28, 28);
  const [r, g, b] = inkColour;
  image.forEach((alpha, i) => picture.data.set([r, g, b, alpha], 4 * i));
  context.putImageData(picture, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, side, side);
}
