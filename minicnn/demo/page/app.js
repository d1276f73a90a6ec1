// The page's side of minicnn.demo: it draws what the server's engine computed, and computes nothing of it again.
"use strict";

const $ = (id) => document.getElementById(id);
const state = {
  net: null,        // the network's description
  view: null,       // the last reply with maps
  change: null,     // what the last step changed, while it still fits the drawing
  source: null,     // what is to be read next, as the server takes it
  mode: "forward", target: null, steps: 0, numbers: Array(10).fill(0), example: true,
  label: null, unit: null, pinned: false, kernels: new Map(),
};

// ------------------------------------------------------------------------------------------ asking the server

async function ask(name, body) {
  for (let attempt = 0; ; attempt++) {
    let response, reply;
    try {
      response = await fetch(`api/${name}`, body === undefined ? {} :
        { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      reply = await response.json();
    } catch {
      throw Error("The program that serves this page does not answer. Start it again: python examples/draw_digit.py");
    }
    if (response.status === 429 && attempt < 5) { await new Promise((go) => setTimeout(go, 500)); continue; }
    if (!response.ok) throw Error(reply.error);
    if (reply.steps < state.steps && name !== "reset") {
      say("This page was idle so long that its network was forgotten; the shipped one is back.");
      forget();
    }
    state.steps = reply.steps;
    return unpack(reply);
  }
}

function unpack(value) {
  // {"shape", "data"} anywhere in a reply becomes {shape, data, values}: bytes for an image, else floats.
  if (Array.isArray(value) || value === null || typeof value !== "object") return value;
  if (typeof value.data === "string") {
    const bytes = Uint8Array.from(atob(value.data), (c) => c.charCodeAt(0));
    const count = value.shape.reduce((a, b) => a * b, 1);
    return { ...value, values: bytes.length === count ? bytes : new Float32Array(bytes.buffer) };
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpack(each)]));
}

let queue = Promise.resolve(), lookWaits = false;

function inTurn(job) {
  // One request after the other, so that replies arrive in order.
  queue = queue.then(job).catch((error) => say(error.message));
  return queue;
}

function look() {
  // While one request is on its way any number of strokes wait for the next one, which reads the latest drawing.
  if (lookWaits) return queue;
  lookWaits = true;
  return inTurn(async () => {
    lookWaits = false;
    const source = state.source, request = { source };
    if (state.mode === "backward") Object.assign(request, { target: state.target, criterion: $("criterion").value });
    let reply;
    try {
      reply = await ask("look", request);
    } catch (error) {
      if (state.view && state.source === source) state.source = seen(state.view);  // as if it had not been tried
      throw error;
    }
    say("");
    if (state.source === source) {
      state.label = reply.label ?? ("seen" in source ? state.label : null);
      if (!("drawing" in source)) state.source = seen(reply);
      if (!("drawing" in source || "seen" in source)) paintPad(reply.image);
    }
    show(reply);
  });
}

function take(source, example = false) {
  // Read something new; what the last step changed belongs to the drawing before.
  state.source = source;
  state.label = null;
  state.example = example;
  state.change = null;
  if (state.mode === "change") setMode("forward");
  return look();
}

const seen = (reply) => ({ seen: { width: 28, height: 28, pixels: reply.image.data } });

function say(text) { $("message").textContent = text; }

function forget() { state.kernels.clear(); state.change = null; $("changes").replaceChildren(); }

// ---------------------------------------------------------------------------------------------------- colours

let colours = {};

function readColours() {
  const css = getComputedStyle(document.documentElement);
  const rgb = (name) => css.getPropertyValue(name).trim().match(/\w\w/g).map((h) => parseInt(h, 16));
  const ramp = (low, middle, high) => Array.from({ length: 255 }, (_, i) => {
    const [from, to, share] = i < 127 ? [low, middle, i / 127] : [middle, high, (i - 127) / 127];
    return from.map((c, k) => Math.round(c + (to[k] - c) * share));
  });
  const [paper, ink] = [rgb("--paper"), rgb("--ink")];
  colours = {
    forward: ramp(rgb("--negative"), rgb("--zero"), rgb("--positive")),
    backward: ramp(rgb("--down"), rgb("--zero"), rgb("--up")),
    ink: ramp(paper, paper.map((c, k) => Math.round((c + ink[k]) / 2)), ink),
    saliency: ramp(rgb("--zero"), rgb("--warm"), rgb("--hot")),
  };
  colours.change = colours.backward;
}

function paint(canvas, values, first, low, high, ramp) {
  const context = canvas.getContext("2d"), picture = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < canvas.width * canvas.height; i++) {
    const share = high > low ? (values[first + i] - low) / (high - low) : 0.5;
    picture.data.set(ramp[Math.round(254 * Math.min(1, Math.max(0, share)))], 4 * i);
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

// ---------------------------------------------------------------------------------------- building the figure

const planes = [];  // every picture of units: {stage, map, first, height, width, canvas}

const FLAT = { C5: [12, 10], F6: [12, 7] };  // how the page lays out units that have no place of their own

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function picture(height, width, className = "") {
  const canvas = element("canvas", { width, height, className });
  canvas.style.setProperty("--n", width);
  canvas.style.aspectRatio = `${width} / ${height}`;
  return canvas;
}

function buildStage(name, text, size) {
  const maps = element("div", { className: "maps" });
  const stage = element("div", { className: "stage", id: `stage-${name}`, tabIndex: 0 },
    element("h3", { textContent: name }), element("p", { textContent: size }), maps,
    element("p", { className: "kind", textContent: text }));
  stage.setAttribute("role", "group");
  stage.setAttribute("aria-label", `${name}: ${text}, ${size}`);
  $("network").append(stage);
  return maps;
}

function addPlane(maps, stage, map, first, height, width) {
  const canvas = picture(height, width);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", map === null ? stage : `${stage} map ${map}`);
  planes.push({ stage, map, first, height, width, canvas });
  canvas.plane = planes.at(-1);
  maps.append(canvas);
}

function build() {
  const { net } = state, [, height, width] = net.input.shape;
  const input = buildStage("input", "the digit as the network gets it", `${height}×${width}`);
  addPlane(input, "input", null, 0, height, width);
  for (const [id, title] of [["gradient", "dE / d pixel"], ["saliency", "saliency: its size"]]) {
    const extra = picture(height, width);
    extra.id = `input-${id}`;
    extra.setAttribute("role", "img");
    extra.setAttribute("aria-label", title);
    input.parentNode.append(element("figure", { className: "extra", hidden: true },
      element("figcaption", { textContent: title }), extra));
  }
  for (const { name, text, shape } of net.stages) {
    const short = text.split(",")[0];
    if (name === "output") { buildOutput(short); continue; }
    if (FLAT[name]) {
      const [rows, columns] = FLAT[name];
      addPlane(buildStage(name, short, `${shape[0]} units`), name, null, 0, rows, columns);
      continue;
    }
    const [count, rows, columns] = shape, maps = buildStage(name, short, `${count}@${rows}×${columns}`);
    for (let map = 0; map < count; map++) addPlane(maps, name, map, map * rows * columns, rows, columns);
  }
  buildDigits("samples", "button", (digit) => takeDigit(digit));
  buildDigits("targets", "radio", (digit) => { state.target = digit; update(); });
  buildTable();
  const { wrong, count } = net.errors;
  $("about").textContent = `Trained on ${net.made.trained_on}: ${wrong} of ${count.toLocaleString("en")} test digits ` +
    "misread.";
  $("facts").textContent = `${net.parameters.toLocaleString("en")} trained parameters, each layer as published in ` +
    "1998. All numbers come from minicnn's own layers. The digits to choose from are MNIST training digits: the " +
    "network has learnt from them.";
}

function buildOutput(text) {
  const maps = buildStage("output", text, "distances");
  for (let digit = 0; digit < 10; digit++) {
    const prototype = picture(12, 7);
    const row = element("div", { className: "class", id: `class-${digit}` },
      element("b", { textContent: digit }), prototype,
      element("span", { className: "track" }, element("i"), element("u")), element("span", { className: "number" }));
    row.digit = digit;
    maps.append(row);
  }
}

function buildDigits(id, kind, chosen) {
  for (let digit = 0; digit < 10; digit++) {
    if (kind === "button") {
      $(id).append(element("button", { type: "button", textContent: digit, onclick: () => chosen(digit) }));
    } else {
      const radio = element("input", { type: "radio", name: id, value: digit, onchange: () => chosen(digit) });
      $(id).append(element("label", {}, radio, element("span", { textContent: digit })));
    }
  }
}

function buildTable() {
  // Table I of the paper: which S2 maps (rows) each C3 map (columns) reads.
  const reads = state.net.stages.find((stage) => stage.name === "C3").reads;
  const table = element("table", {}, element("caption", { textContent: "Table I: S2 maps (rows) that C3 maps read" }));
  const head = table.insertRow();
  head.append(element("th"), ...reads.map((_, map) => element("th", { textContent: map })));
  for (let from = 0; from < 6; from++) {
    const row = table.insertRow();
    row.append(element("th", { textContent: from }));
    for (const maps of reads) row.append(element("td", { textContent: maps.includes(from) ? "X" : "" }));
  }
  $("table").append(table);
}

// ------------------------------------------------------------------------------------------ showing a reply

function show(reply) {
  state.view = reply;
  if (state.target === null) setTarget(state.label ?? reply.ranking[0]);
  draw();
}

function draw() {
  const { view, mode, net } = state;
  if (!view) return;
  const gradients = view.backward, changes = state.change;
  $("figure-title").textContent = TITLES[mode];
  const source = mode === "backward" && gradients ? gradients : mode === "change" && changes ? changes : null;
  for (const plane of planes) {
    if (plane.stage === "input") {
      paint(plane.canvas, view.maps.input.values, 0, net.input.background, net.input.ink, colours.ink);
    } else {
      const values = (source ?? view).maps[plane.stage].values;
      const limit = source ? source.largest[plane.stage] : net.squash.A;
      paint(plane.canvas, values, plane.first, -limit, limit, colours[source ? mode : "forward"]);
    }
  }
  for (const extra of document.querySelectorAll(".extra")) extra.hidden = !(mode === "backward" && gradients);
  if (mode === "backward" && gradients) {
    const limit = gradients.largest.input;
    paint($("input-gradient"), gradients.maps.input.values, 0, -limit, limit, colours.backward);
    paint($("input-saliency"), gradients.saliency.values, 0, 0, limit || 1, colours.saliency);
  }
  drawOutput();
  drawLegend(Boolean(source));
  drawAnswer();
  const { steps } = state;
  $("steps").textContent = `${steps ? `${steps} step${steps > 1 ? "s" : ""} from ` : ""}the shipped weights`;
  $("change").disabled = !state.change;
  showUnit();
}

function drawOutput() {
  const { view, change } = state, before = change?.distances[0];
  const longest = Math.max(...view.distances, ...(before ?? []));
  view.distances.forEach((distance, digit) => {
    const row = $(`class-${digit}`), [bar, mark] = row.querySelectorAll("i, u");
    paint(row.querySelector("canvas"), state.net.prototypes.values, digit * 84, -1, 1, colours.ink);
    bar.style.width = `${100 * distance / longest}%`;
    mark.hidden = !before;
    if (before) mark.style.left = `${100 * before[digit] / longest}%`;
    row.querySelector(".number").textContent = short(distance);
    row.classList.toggle("nearest", view.ink && digit === view.ranking[0]);
    row.classList.toggle("target", state.mode !== "forward" && digit === state.target);
    row.setAttribute("aria-label", `prototype ${digit}, distance ${short(distance)}`);
  });
}

function drawAnswer() {
  const { view } = state, [first, second] = view.ranking;
  $("answer-digit").textContent = view.ink ? first : "–";
  $("answer-detail").textContent = !view.ink ? "nothing yet: draw a digit" :
    `distance ${short(view.distances[first])}; next ${second} at ${short(view.distances[second])}` +
    (state.label === null ? "" : `; MNIST says ${state.label}`);
}

function drawLegend(scaled) {
  const ramp = colours[scaled ? state.mode : "forward"], limit = state.net.squash.A.toFixed(1);
  paint($("legend-bar"), Array.from({ length: 96 }, (_, i) => i), 0, 0, 95, ramp);
  $("legend-low").textContent = scaled ? "− layer's largest" : `−${limit}`;
  $("legend-high").textContent = scaled ? "+ largest" : `+${limit}`;
}

function drawChanges() {
  const { change, target } = state, [before, after] = change.distances, [was, is] = change.answers;
  const line = (name, text) => [element("dt", { textContent: name }), element("dd", {}, text)];
  const list = element("dl", {},
    ...line("error E", `${short(change.loss[0])} → ${short(change.loss[1])}`),
    ...line(`distance to ${target}`, `${short(before[target])} → ${short(after[target])}`),
    ...line("it reads", was === is ? `${is}, as before` : `${is} instead of ${was}`));
  list.id = "change-list";
  const largest = Math.max(...Object.values(change.weights));
  const bars = element("div", { className: "moved" }, element("h3", { textContent: "how far the weights moved" }));
  for (const [stage, share] of Object.entries(change.weights)) {
    const bar = element("i");
    bar.style.width = `${100 * share / (largest || 1)}%`;
    bars.append(element("b", { textContent: stage }), element("span", { className: "track" }, bar),
      element("span", { className: "number", textContent: `${(100 * share).toPrecision(2)} %` }));
  }
  $("changes").replaceChildren(list, bars);
}

function short(number) {
  const size = Math.abs(number);
  if (size !== 0 && size < 0.001) return number.toExponential(1).replace("-", "−");
  return number.toFixed(size < 1 ? 3 : size < 10 ? 2 : 1).replace("-", "−");
}

// -------------------------------------------------------------------------------------- one unit and its past

const stageOf = (name) => state.net.stages.find((stage) => stage.name === name);
const before = (name) => state.net.stages[state.net.stages.indexOf(stageOf(name)) - 1]?.name ?? "input";
const planeOf = (stage, map) => planes.find((p) => p.stage === stage && (p.map === map || p.map === null));

function choose(unit, pin = state.pinned) {
  state.unit = unit;
  state.pinned = Boolean(unit) && pin;
  showUnit();
}

function showUnit() {
  const { unit, view } = state;
  $("lines").replaceChildren();
  $("unpin").hidden = !state.pinned;
  document.body.classList.toggle("pinned", state.pinned);
  document.querySelectorAll(".reads").forEach((node) => node.classList.remove("reads"));
  document.querySelectorAll("#table th, #table td").forEach((cell) => {
    const place = { C3: cell.cellIndex, S2: cell.parentNode.rowIndex }[unit?.stage];
    cell.classList.toggle("reads", place !== undefined && place === unit.map + 1);
  });
  $("table").hidden = Boolean(unit) && !["S2", "C3"].includes(unit.stage);
  if (!unit || !view) {
    $("unit-title").textContent = "One unit";
    $("unit-text").textContent = UNIT_HELP;
    $("unit-pictures").replaceChildren();
    return;
  }
  outline(unit);
  describe(unit);
}

function sources(unit) {
  // The squares that a unit reads of the stage before it: [plane, row, column, height, width].
  if (unit.stage === "input") return [];
  const stage = stageOf(unit.stage), from = before(unit.stage);
  if (!stage.window) { const p = planeOf(from, null); return [[p, 0, 0, p.height, p.width]]; }
  const [size, stride] = stage.window, flat = FLAT[unit.stage];
  const [row, column] = flat ? [0, 0] : [unit.row * stride, unit.column * stride];
  const maps = from === "input" ? [null] : stage.reads[unit.map];
  return maps.map((map) => [planeOf(from, map), row, column, size, size]);
}

function outline(unit) {
  const svg = $("lines"), frame = $("network").getBoundingClientRect();
  const add = (tag, attributes) => {
    for (const layer of ["halo", "line"]) {
      const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      node.classList.add(layer, ...(attributes.class ?? "").split(" ").filter(Boolean));
      svg.append(node);
    }
  };
  const box = ([plane, row, column, height, width], name) => {
    const at = plane.canvas.getBoundingClientRect(), [sx, sy] = [at.width / plane.width, at.height / plane.height];
    const b = {
      x: at.left - frame.left + column * sx, y: at.top - frame.top + row * sy, width: width * sx, height: height * sy,
    };
    add("rect", { ...b, class: name });
    return b;
  };
  let own;
  if (unit.stage === "output") {
    const at = $(`class-${unit.map}`).getBoundingClientRect();
    own = { x: at.left - frame.left, y: at.top - frame.top, width: at.width, height: at.height };
    add("rect", { ...own, class: "own" });
  } else {
    own = box([unit.plane, unit.row, unit.column, 1, 1], "own");
  }
  const squares = sources(unit);
  for (const square of squares) {
    square[0].canvas.classList.add("reads");
    const b = box(square, "read");
    if (squares.length > 6) continue;
    const beside = b.x + b.width <= own.x + 1;
    const [right, below] = [b.x + b.width, b.y + b.height];
    const ends = beside ? [[right, b.y, own.x, own.y], [right, below, own.x, own.y + own.height]]
      : [[b.x, below, own.x, own.y], [right, below, own.x + own.width, own.y]];
    for (const [x1, y1, x2, y2] of ends) add("line", { x1, y1, x2, y2 });
  }
  const field = fieldOf(unit);
  if (field && before(unit.stage) !== "input") {
    box([planeOf("input", null), field.row, field.column, field.size, field.size], "field");
  }
}

function fieldOf(unit) {
  if (unit.stage === "input") return null;
  const { size, start, step } = stageOf(unit.stage).field, flat = FLAT[unit.stage] || unit.stage === "output";
  return { size, row: start + (flat ? 0 : unit.row * step), column: start + (flat ? 0 : unit.column * step) };
}

function describe(unit) {
  const { view, mode } = state, { stage } = unit, facts = [];
  const value = (maps) => short(maps[stage].values[unit.index]);
  if (stage === "output") {
    facts.push(`squared distance between F6 and the prototype of ${unit.map}: ${short(view.distances[unit.map])}`);
  } else if (stage === "input") {
    facts.push(`pixel ${value(view.maps)}`);
  } else {
    facts.push(`output ${value(view.maps)}, the squashed sum ${value(view.sums)}`);
  }
  if (mode === "backward" && view.backward) facts.push(`dE/d output ${value(view.backward.maps)}`);
  if (mode === "change" && state.change && stage !== "output") facts.push(`changed by ${value(state.change.maps)}`);
  const field = fieldOf(unit);
  if (field) {
    const range = (first) => `${first} to ${first + field.size - 1}`;
    facts.push(`sees rows ${range(field.row)}, columns ${range(field.column)} of the input`);
  }
  const reads = stage === "C3" ? stageOf("C3").reads[unit.map] : null;
  if (reads) facts.push(`Table I: reads S2 maps ${reads.join(", ")}`);
  const place = unit.plane && !FLAT[stage] ? `, row ${unit.row}, column ${unit.column}` : "";
  const which = stage === "input" ? "" : ` ${FLAT[stage] || stage === "output" ? "unit" : "map"} ${unit.map}`;
  $("unit-title").textContent = `${stage}${which}${place}`;
  $("unit-text").textContent = `${facts.join("; ")}.`;
  showWeights(unit);
}

async function showWeights(unit) {
  if (unit.stage === "input") { $("unit-pictures").replaceChildren(); return; }
  const key = `${unit.stage} ${unit.map}`;
  if (!state.kernels.has(key)) {
    state.kernels.set(key, null);
    inTurn(async () => {
      state.kernels.set(key, await ask("unit", { stage: unit.stage, index: unit.map }));
      if (state.unit?.stage === unit.stage && state.unit.map === unit.map) showWeights(state.unit);
    });
  }
  const found = state.kernels.get(key);
  if (found) $("unit-pictures").replaceChildren(...weightPictures(unit, found));
}

function weightPictures(unit, found) {
  const { mode, view } = state, from = before(unit.stage), A = state.net.squash.A, pictures = [];
  const titled = (title, ...nodes) =>
    element("figure", {}, element("figcaption", { textContent: title }), element("div", {}, ...nodes));
  const number = (name, value) => titled(name, element("span", { className: "value", textContent: short(value) }));
  const changed = mode === "change" && found.change, values = (changed ? found.change : found.weights)?.values;
  const limit = values ? values.reduce((most, w) => Math.max(most, Math.abs(w)), 0) : 0;
  const ramp = changed ? colours.change : colours.forward;
  const kernel = (first, height, width) => {
    const canvas = picture(height, width, "kernel");
    paint(canvas, values, first, -limit, limit, ramp);
    return canvas;
  };
  const patch = ([plane, row, column, height, width]) => {
    const canvas = picture(height, width), all = view.maps[plane.stage].values, cut = [];
    for (let r = row; r < row + height; r++) {
      for (let c = column; c < column + width; c++) cut.push(all[plane.first + r * plane.width + c]);
    }
    if (plane.stage === "input") paint(canvas, cut, 0, state.net.input.background, state.net.input.ink, colours.ink);
    else paint(canvas, cut, 0, -A, A, colours.forward);
    return canvas;
  };
  const word = changed ? "kernel's change" : "kernel";
  sources(unit).forEach((square, i) => {
    const name = square[0].map === null ? from : `${from} map ${square[0].map}`;
    if (unit.stage === "C5") pictures.push(titled(square[0].map, kernel(25 * i, 5, 5)));
    else if (unit.stage === "F6") {
      pictures.push(titled("C5", patch(square)), titled(`weights${changed ? "' change" : ""}`, kernel(0, ...FLAT.C5)));
    } else if (unit.stage === "output") {
      pictures.push(titled("F6", patch(square)), titled(`prototype ${unit.map}`, kernel(0, ...FLAT.F6)));
    } else if (values) pictures.push(titled(`${name} · ${word}`, patch(square), kernel(25 * i, 5, 5)));
    else pictures.push(titled(name, patch(square)));
  });
  if (found.coefficient !== undefined) pictures.push(number("coefficient", found.coefficient));
  if (found.bias !== undefined) pictures.push(number("bias", found.bias));
  return pictures;
}

function unitAt(plane, row, column) {
  const flat = FLAT[plane.stage], index = plane.first + row * plane.width + column;
  return { stage: plane.stage, plane, row, column, index, map: flat ? index : plane.map };
}

function unitUnder(event) {
  const row = event.target.closest?.(".class");
  if (row) return { stage: "output", map: row.digit, index: row.digit };
  const plane = event.target.plane;
  if (!plane) return null;
  const at = plane.canvas.getBoundingClientRect();
  const place = (part, count) => Math.min(count - 1, Math.max(0, Math.floor(part * count)));
  return unitAt(plane, place((event.clientY - at.top) / at.height, plane.height),
    place((event.clientX - at.left) / at.width, plane.width));
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function stepUnit(stage, key) {
  // Arrow keys: from unit to unit, and over a map's edge into the next map of the layer.
  const unit = state.unit?.stage === stage ? state.unit : null, [dr, dc] = ARROWS[key] ?? [0, 0];
  if (stage === "output") {
    const digit = unit ? (unit.map + dr + dc + 10) % 10 : state.view.ranking[0];
    return { stage, map: digit, index: digit };
  }
  const own = planes.filter((p) => p.stage === stage);
  if (!unit) return unitAt(own[0], own[0].height >> 1, own[0].width >> 1);
  let { row, column } = unit, i = own.indexOf(unit.plane);
  const { height, width } = unit.plane, top = own[0].canvas.offsetTop;
  const perLine = own.filter((p) => p.canvas.offsetTop === top).length;
  row += dr;
  column += dc;
  if (row < 0 || row >= height) i += dr * perLine;
  if (column < 0 || column >= width) i += dc;
  return unitAt(own[(i + own.length) % own.length], (row + height) % height, (column + width) % width);
}

// --------------------------------------------------------------------------------------------- the drawing pad

const pad = $("pad"), pen = pad.getContext("2d", { willReadFrequently: true });
const PEN = 18, STEP = 7;  // of 200: as thick as MNIST's strokes; how far an arrow key moves
const cursor = { x: 100, y: 100, down: false };
let last = null, erasing = false;

function stroke(x, y) {
  if (state.example) pen.clearRect(0, 0, pad.width, pad.height);  // the digit that greets gives way to the first stroke
  pen.globalCompositeOperation = erasing ? "destination-out" : "source-over";
  Object.assign(pen, { lineWidth: erasing ? 2 * PEN : PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
  pen.beginPath();
  pen.moveTo(last?.x ?? x, last?.y ?? y);
  pen.lineTo(x + (last ? 0 : 0.01), y);
  pen.stroke();
  last = { x, y };
  take(DRAWING);
}

const DRAWING = {  // as a source: what the pad shows at the moment it is sent
  get drawing() {
    const pixels = pen.getImageData(0, 0, pad.width, pad.height).data;
    let text = "";
    for (let i = 3; i < pixels.length; i += 4) text += String.fromCharCode(pixels[i]);  // ink is what is opaque
    return { width: pad.width, height: pad.height, pixels: btoa(text) };
  },
};

function paintPad(image) {
  const small = element("canvas", { width: 28, height: 28 }), context = small.getContext("2d");
  const picture = context.createImageData(28, 28);
  image.values.forEach((ink, i) => { picture.data[4 * i + 3] = ink; });
  context.putImageData(picture, 0, 0);
  pen.globalCompositeOperation = "source-over";
  pen.clearRect(0, 0, pad.width, pad.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, pad.width, pad.height);
}

function clearPad() {
  pen.clearRect(0, 0, pad.width, pad.height);
  take(DRAWING);
}

function takeDigit(digit, example = false) {
  return take({ digit, number: state.numbers[digit]++ }, example);
}

function takeFile(file) {
  if (!file) return;
  const address = URL.createObjectURL(file), image = new Image();
  image.onload = () => {
    const side = state.net.largest_side, scale = Math.min(1, side / Math.max(image.width, image.height));
    const [width, height] = [image.width, image.height].map((length) => Math.max(1, Math.round(length * scale)));
    const canvas = element("canvas", { width, height });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height).data;
    let text = "";
    for (let i = 0; i < pixels.length; i += 4) {
      text += String.fromCharCode(Math.round(0.3 * pixels[i] + 0.59 * pixels[i + 1] + 0.11 * pixels[i + 2]));
    }
    URL.revokeObjectURL(address);
    take({ picture: { width, height, pixels: btoa(text) } });
  };
  image.onerror = () => {
    URL.revokeObjectURL(address);
    say(`${file.name} is no picture that this browser can read.`);
  };
  image.src = address;
}

const onPad = (event) => {
  const at = pad.getBoundingClientRect();
  return [(event.clientX - at.left) * pad.width / at.width, (event.clientY - at.top) * pad.height / at.height];
};

pad.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  pad.setPointerCapture(event.pointerId);
  last = null;
  stroke(...onPad(event));
});
pad.addEventListener("pointermove", (event) => {
  if (!last || !pad.hasPointerCapture(event.pointerId)) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const each of events.length ? events : [event]) stroke(...onPad(each));
});
for (const name of ["pointerup", "pointercancel"]) pad.addEventListener(name, () => { last = null; });

pad.addEventListener("keydown", (event) => {
  const move = ARROWS[event.key];
  if (move) {
    cursor.x = Math.min(pad.width, Math.max(0, cursor.x + STEP * move[1]));
    cursor.y = Math.min(pad.height, Math.max(0, cursor.y + STEP * move[0]));
    if (cursor.down) stroke(cursor.x, cursor.y);
  } else if (event.key === " ") {
    cursor.down = !cursor.down;
    last = null;
    if (cursor.down) stroke(cursor.x, cursor.y);
  } else if (event.key === "Delete" || event.key === "Backspace") clearPad();
  else if (/^[0-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) takeDigit(Number(event.key));
  else return;
  event.preventDefault();
  showCursor();
});

function showCursor() {
  const mark = $("cursor");
  mark.hidden = document.activeElement !== pad || !pad.matches(":focus-visible");
  mark.className = cursor.down ? "down" : "";
  mark.style.left = `${100 * cursor.x / pad.width}%`;
  mark.style.top = `${100 * cursor.y / pad.height}%`;
}

// ----------------------------------------------------------------------------------------------- the controls

function setMode(mode) {
  state.mode = mode;
  document.querySelector(`input[name=mode][value=${mode}]`).checked = true;
}

function setTarget(digit) {
  state.target = digit;
  document.querySelector(`input[name=targets][value="${digit}"]`).checked = true;
}

function update() {
  // What is shown depends on a control that has changed.
  if (state.mode === "backward") look(); else draw();
}

for (const radio of document.querySelectorAll("input[name=mode]")) {
  radio.addEventListener("change", () => { setMode(radio.value); update(); });
}
$("criterion").addEventListener("change", update);
$("clear").addEventListener("click", clearPad);
$("eraser").addEventListener("click", () => {
  erasing = !erasing;
  $("eraser").setAttribute("aria-pressed", erasing);
});
$("file").addEventListener("change", (event) => { takeFile(event.target.files[0]); event.target.value = ""; });
$("step").addEventListener("click", () => inTurn(async () => {
  const lr = Number($("lr").value), criterion = $("criterion").value;
  const reply = await ask("step", { source: state.source, target: state.target, criterion, lr });
  say("");
  state.kernels.clear();
  state.change = reply.change;
  show(reply);
  drawChanges();
}));
$("reset").addEventListener("click", () => {
  inTurn(async () => { await ask("reset", {}); forget(); if (state.mode === "change") setMode("forward"); });
  look();
});

const network = $("network");
network.addEventListener("pointermove", (event) => {
  if (state.pinned || event.pointerType === "touch") return;
  const unit = unitUnder(event);
  if (unit?.index !== state.unit?.index || unit?.stage !== state.unit?.stage) choose(unit);
});
network.addEventListener("pointerleave", () => { if (!state.pinned) choose(null); });
network.addEventListener("click", (event) => {
  const unit = unitUnder(event);
  const same = unit && state.pinned && unit.stage === state.unit.stage && unit.index === state.unit.index;
  choose(same ? null : unit, Boolean(unit) && !same);
});
network.addEventListener("keydown", (event) => {
  const stage = event.target.id.replace("stage-", "");
  if (event.key === "Escape") choose(null);
  else if (event.key.startsWith("Arrow")) choose(stepUnit(stage, event.key));
  else if (event.key === "Enter" && state.unit) choose(state.unit, !state.pinned);
  else return;
  event.preventDefault();
});
network.addEventListener("focusin", (event) => {
  if (event.target.matches(".stage:focus-visible")) choose(stepUnit(event.target.id.replace("stage-", ""), ""));
});
$("unpin").addEventListener("click", () => choose(null));
pad.addEventListener("focus", showCursor);
pad.addEventListener("blur", showCursor);

document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  takeFile(event.dataTransfer.files[0]);
});

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
function remembered(theme) {
  // The theme that was chosen by hand, if any; with an argument, remember that one.
  try {
    if (theme) localStorage.setItem("theme", theme);
    return localStorage.getItem("theme");
  } catch {
    return null;  // a browser that stores nothing
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
  readColours();
  draw();
}

$("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  remembered(theme);
  setTheme(theme);
});
prefersDark.addEventListener("change", () => { if (!remembered()) setTheme(prefersDark.matches ? "dark" : "light"); });
new ResizeObserver(() => { if (state.unit) showUnit(); }).observe(network);

const TITLES = {
  forward: "What every layer makes of it", change: "What the last step changed",
  backward: "Backward: how E grows with every unit's output",
};
const UNIT_HELP = $("unit-text").textContent.replace(/\s+/g, " ");
setTheme(remembered() ?? (prefersDark.matches ? "dark" : "light"));
inTurn(async () => {
  state.net = await ask("network");
  build();
}).then(() => state.net && takeDigit(3, true));
