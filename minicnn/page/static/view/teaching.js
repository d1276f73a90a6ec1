import { $, button, element, say, select, short } from "./dom.js";
import { load, imageAt } from "./data.js";
import { classList } from "./samples.js";
import { changed, label, show, state, target } from "./state.js";
import { settle, update } from "./reading.js";
import { Curve } from "./curve.js";

/** @typedef {import("../engine/data/arrays.js").Arrays} Arrays */

const BUDGET = 22; // milliseconds of training in each frame
const PACE = 120; // milliseconds from step to step on a single image, slow enough to be followed

const curve = new Curve();

/** What Play is at; null: at rest. @type {{ held: number[], right: number, next: number } | null} */
let playing = null;
let seed = 1,
  seen = 0,
  result = "";

/** The target, one step, many steps, and from random weights. */
export function buildTeaching() {
  buildTargets();
  select("criterion").addEventListener("change", () => {
    state.criterion = select("criterion").value === "softmax" ? "softmax" : "rbf";
    update();
  });
  select("lr").addEventListener("change", () => {
    state.lr = Number(select("lr").value);
  });
  button("step").addEventListener("click", step);
  button("play").addEventListener("click", () => {
    if (playing) stop();
    else play();
  });
  button("reset").addEventListener("click", reset);
  button("random").addEventListener("click", fromRandom);
  new ResizeObserver(() => curve.draw("curve")).observe($("curve"));
  show(draw);
}

/** What it should read: a button a class, or a list where they are many. */
function buildTargets() {
  const { words } = state,
    box = $("targets");
  const choose = (/** @type {number} */ label) => {
    state.chosen = label;
    update();
  };
  if (!words.few) {
    const list = classList("what it should read", choose);
    list.id = "target";
    box.className = "list";
    box.append(list);
    return;
  }
  box.className = "ten";
  for (const [label, name] of words.classes.entries()) {
    const radio = element("input", {
      type: "radio",
      name: "target",
      value: String(label),
      onchange: () => choose(label),
    });
    box.append(element("label", {}, radio, element("span", { textContent: name })));
  }
}

/** Mark the class that it should read. */
function drawTarget() {
  if (!state.words.few) {
    select("target").value = String(target());
    return;
  }
  const radio = /** @type {HTMLInputElement} */ (document.querySelector(`input[name=target][value="${target()}"]`));
  radio.checked = true;
}

function step() {
  settle();
  if (state.empty) {
    say(`There is nothing to learn from an empty pad: draw a ${state.words.noun} first.`);
    return;
  }
  say("");
  state.change = state.model.step(state.image, target(), state.criterion, state.lr);
  state.steps++;
  curve.add(state.change.loss[0]);
  update();
}

function reset() {
  stop();
  state.model.reset();
  Object.assign(state, { steps: 0, random: false, change: null });
  if (state.mode === "change") state.mode = "forward";
  curve.clear();
  seen = 0;
  result = "";
  say("");
  update();
}

/** Watch it learn to read: all weights random, then pass after pass over the images that came along. */
function fromRandom() {
  reset();
  state.model.forget(seed++);
  state.random = true;
  select("what").value = "samples";
  update();
  play();
}

export function stop() {
  playing = null;
  changed();
}

async function play() {
  settle();
  const samples = select("what").value === "samples";
  if (!samples && state.empty) {
    say(`There is nothing to learn from an empty pad: draw a ${state.words.noun} first.`);
    return;
  }
  say("");
  const mine = { held: /** @type {number[]} */ ([]), right: 0, next: 0 };
  playing = mine;
  changed();
  let data;
  try {
    data = samples ? await load("samples.bin") : null;
  } catch (error) {
    stop();
    say(String(error));
    return;
  }
  const frame = () => {
    if (playing !== mine) return;
    if (data) someSteps(data, mine);
    else if (performance.now() >= mine.next) {
      mine.next = performance.now() + PACE;
      step();
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/**
 * As many steps as fit in a frame; after each pass the held-out images are read, a few at a time.
 *
 * @param {Arrays} data
 * @param {{ held: number[], right: number }} mine
 */
function someSteps({ bytes }, mine) {
  const until = performance.now() + BUDGET,
    count = bytes.training_labels.data.length,
    held = bytes.testing_labels.data.length;
  do {
    if (mine.held.length) {
      const { image, label: right } = imageAt(
        bytes.testing_images.data,
        bytes.testing_labels.data,
        Number(mine.held.pop()),
      );
      mine.right += Number(state.model.read(image) === right);
      if (!mine.held.length) result = `reads ${mine.right} of ${held} unseen ${state.words.noun}s`;
    } else {
      const { image, label: right } = imageAt(bytes.training_images.data, bytes.training_labels.data, seen++ % count);
      const loss = state.model.train(image, right, state.criterion, state.lr);
      if (!Number.isFinite(loss)) {
        stop();
        say("The weights have gone astray: take a smaller lr, then Reset.");
        return;
      }
      curve.add(loss);
      state.steps++;
      if (seen % count === 0) Object.assign(mine, { held: Array.from({ length: held }, (_, i) => i), right: 0 });
    }
  } while (performance.now() < until);
  state.change = null;
  if (state.mode === "change") state.mode = "forward";
  update();
}

function draw() {
  drawTarget();
  $("target-why").textContent =
    state.chosen !== null ? "(your choice)" : label() === null ? "(its own answer)" : `(${state.words.theirs("label")})`;
  button("play").textContent = playing ? "Stop" : "Play";
  button("play").setAttribute("aria-pressed", String(Boolean(playing)));
  button("step").disabled = state.empty;
  const begun = state.random ? "random weights" : "the shipped weights",
    { steps, change } = state;
  $("steps").textContent =
    `${steps ? `${steps.toLocaleString("en")} step${steps > 1 ? "s" : ""} from ` : "These are "}${begun}` +
    (result ? `; ${result}` : "");
  const summary = $("change-summary");
  summary.textContent = change ? `E ${short(change.loss[0])} → ${short(change.loss[1])}` : "";
  if (!curve.drawn) curve.draw("curve");
  drawMoved();
}

/** How far the last step moved each stage's weights. */
function drawMoved() {
  const { change, mode } = state,
    box = $("moved");
  box.hidden = mode !== "change" || !change;
  if (box.hidden || !change) return;
  const most = Math.max(...Object.values(change.weights)) || 1;
  box.replaceChildren(
    element("h3", { textContent: "how far the weights moved" }),
    ...Object.entries(change.weights).map(([name, share]) => {
      const bar = element("i");
      bar.style.width = `${(100 * share) / most}%`;
      return element(
        "div",
        {},
        element("b", { textContent: name }),
        element("span", { className: "track" }, bar),
        element("span", { className: "number", textContent: `${(100 * share).toPrecision(2)} %` }),
      );
    }),
  );
}
