import { $, button } from "./dom.js";
import { choose } from "./figure.js";
import { guarded, takeNumber } from "./samples.js";
import { setMode } from "./modes.js";
import { stage, state } from "./state.js";
import { unitAt } from "./stages.js";
import { inWords } from "./words.js";

/** @typedef {{ at: string, title: string, text: string, before?: () => void | Promise<void> }} Stop */

/** The image that the tour looks at, of those that are held out: a 5 of the digits. */
const SEEN = 15;

/**
 * Two minutes, eleven sentences or so.
 *
 * @param {import("./words.js").Words} words
 * @returns {Stop[]}
 */
function stops(words) {
  const seen = Math.min(SEEN, words.testing - 1);
  return [
    {
      at: "paper",
      title: `Draw a ${words.noun}`,
      text:
        "Anything you draw here is scaled and centred as MNIST's digits were, and LeNet-5 of 1998 reads it at once." +
        (words.samples ? ` Here is ${words.one(seen % words.count)} from ${words.samples.title}.` : ""),
      before: () => {
        setMode("forward");
        choose(null);
        return words.samples ? guarded(() => takeNumber("sample", seen)) : undefined;
      },
    },
    { at: "stage-input", title: "32×32 numbers", text: "This is all that the network gets: ink is 1.175, paper −0.1." },
    {
      at: "stage-C1",
      title: "Six kernels slide",
      text: "Each unit of C1 sees 5×5 pixels. One is held: its square is outlined, with the lines between. All units of a map share one kernel.",
      before: () => choose(unitAt(stage("C1"), 3, 12, 14), false),
    },
    {
      at: "stage-S2",
      title: "Four become one",
      text: "S2 adds four neighbours at a time. The maps are coarser, and small shifts matter less.",
      before: () => choose(unitAt(stage("S2"), 3, 6, 7), false),
    },
    {
      at: "stage-C3",
      title: "Table I",
      text: "Sixteen maps, each reading some of S2's six: this one reads three. Press C3 to see the whole table.",
      before: () => choose(unitAt(stage("C3"), 4, 4, 5), false),
    },
    {
      at: "stage-F6",
      title: words.drawn ? "It draws what it sees" : "It answers by a code",
      text: words.drawn
        ? `F6's 84 units are a picture of 7×12, trained to look like one of ${inWords(words.count)} drawings. The nearest stands below it.`
        : `F6's 84 units are trained to be near one of ${inWords(words.count)} codes of as many signs. The nearest stands below it.`,
      before: () => choose(null),
    },
    {
      at: "stage-output",
      title: "The nearest wins",
      text: `Each bar is a distance between F6${words.drawn ? "'s picture" : ""} and a ${words.prototype}. The shortest bar wins; if two are about as short, the page says it is in doubt.`,
    },
    {
      at: "stage-C1",
      title: "The way back",
      text: "Backward: green where more output would raise the error, purple where it would lower it. The same kernels carry it back to the pixels.",
      before: () => setMode("backward"),
    },
    {
      at: "teach",
      title: "Teach it",
      text:
        "One step moves all 60,000 weights a little. Play repeats it" +
        (words.samples
          ? `; From random shows LeNet-5 learning to read ${words.training.toLocaleString("en")} ${words.noun}s` +
            (words.count > 10 ? "." : " in under a minute.")
          : "."),
      before: () => setMode("forward"),
    },
  ];
}

/** @type {Stop[]} */
let tour = [];
let at = -1;

export function buildTour() {
  tour = stops(state.words);
  button("tour").addEventListener("click", () => go(0));
  button("tour-next").addEventListener("click", () => go(at + 1));
  button("tour-back").addEventListener("click", () => go(at - 1));
  button("tour-end").addEventListener("click", end);
  document.addEventListener("keydown", (event) => {
    if (at >= 0 && event.key === "Escape") end();
  });
  addEventListener("resize", () => {
    if (at >= 0) place();
  });
}

/** @param {number} number */
async function go(number) {
  if (number >= tour.length) {
    end();
    return;
  }
  at = Math.max(0, number);
  const { title, text, before } = tour[at];
  await before?.();
  $("tour-card").hidden = false;
  $("tour-title").textContent = title;
  $("tour-text").textContent = text;
  $("tour-place").textContent = `${at + 1} of ${tour.length}`;
  button("tour-back").disabled = at === 0;
  button("tour-next").textContent = at === tour.length - 1 ? "Done" : "Next";
  place();
  button("tour-next").focus({ preventScroll: true });
}

/** The card beside what it speaks of: to its right, its left, below or above, where there is room. */
function place() {
  document.querySelectorAll(".toured").forEach((node) => node.classList.remove("toured"));
  const node = $(tour[at].at),
    card = $("tour-card"),
    gap = 14;
  node.classList.add("toured");
  node.scrollIntoView({ block: "nearest" });
  const box = node.getBoundingClientRect(),
    { offsetWidth: width, offsetHeight: height } = card;
  const across = Math.max(gap, Math.min(box.left, innerWidth - width - gap)),
    down = Math.max(gap, Math.min(box.top, innerHeight - height - gap));
  const [left, top] =
    box.right + gap + width < innerWidth
      ? [box.right + gap, down]
      : box.left - gap - width > 0
        ? [box.left - gap - width, down]
        : box.bottom + gap + height < innerHeight
          ? [across, box.bottom + gap]
          : [across, Math.max(gap, box.top - gap - height)];
  card.style.left = `${left}px`;
  card.style.top = `${top}px`;
}

function end() {
  at = -1;
  $("tour-card").hidden = true;
  document.querySelectorAll(".toured").forEach((node) => node.classList.remove("toured"));
  if (!state.pinned) choose(null);
  button("tour").focus({ preventScroll: true });
}
