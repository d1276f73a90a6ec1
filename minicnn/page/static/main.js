import { $, say } from "./view/dom.js";
import { load } from "./view/data.js";
import { Model } from "./view/model.js";
import { describe } from "./view/stages.js";
import { showNow, state } from "./view/state.js";
import { buildAnswer, buildFigure } from "./view/figure.js";
import { buildOutlines } from "./view/outline.js";
import { buildPointing } from "./view/pointing.js";
import { buildInspector } from "./view/inspector.js";
import { buildPad, putLines } from "./view/pad.js";
import { buildSamples, guarded, takeKey, takeNumber } from "./view/samples.js";
import { buildPictures } from "./view/pictures.js";
import { buildReading } from "./view/reading.js";
import { buildTeaching } from "./view/teaching.js";
import { buildModes } from "./view/modes.js";
import { buildTheme } from "./view/theme.js";
import { Words, buildWords } from "./view/words.js";
import { buildTerms } from "./view/terms.js";
import { buildTour } from "./view/tour.js";
import { buildAddress, open } from "./view/address.js";
import { buildSnapshot } from "./view/snapshot.js";

/** The digit that greets, drawn by hand: a 3 of two bows. */
function three() {
  const bow = (
    /** @type {number} */ y,
    /** @type {number} */ radius,
    /** @type {number} */ from,
    /** @type {number} */ to,
  ) =>
    Array.from({ length: 24 }, (_, i) => {
      const angle = from + ((to - from) * i) / 23;
      return { x: 0.47 + 1.15 * radius * Math.cos(angle), y: y + radius * Math.sin(angle) };
    });
  return [[...bow(0.31, 0.17, -2.7, 1.5), ...bow(0.67, 0.2, -1.5, 2.6)]];
}

/** What the page opens with: the 3 if the network knows it, else the first of its images, else an empty pad. */
async function greet() {
  const { classes, samples } = state.words;
  putLines(classes.includes("3") ? three() : [], true);
  if (!classes.includes("3") && samples) await guarded(() => takeNumber("sample", 0));
}

async function start() {
  const file = await load("weights.bin");
  state.model = new Model(file);
  state.words = new Words(file.facts);
  state.stages = describe(file.facts.tableI, state.words.classes);
  $("origin").textContent = file.facts.origin;
  buildWords();
  buildReading();
  buildTheme();
  buildFigure();
  buildAnswer();
  buildPad(takeKey);
  buildSamples();
  buildPictures();
  buildTeaching();
  buildModes();
  buildPointing();
  buildInspector();
  buildOutlines();
  buildTerms();
  buildTour();
  buildSnapshot();
  if (!location.hash || !(await open(location.hash))) {
    await greet();
    if (location.hash) await open(location.hash); // a unit or a view without an image
  }
  buildAddress();
  showNow();
  document.documentElement.dataset.ready = "";
}

start().catch((error) => say(`The page could not start: ${error.message}`));
