import { $, element } from "./dom.js";
import { state } from "./state.js";
import { inWords } from "./words.js";

/**
 * What a word means: a title, then paragraphs.
 *
 * @param {import("./words.js").Words} words
 * @returns {Record<string, string[]>}
 */
const terms = ({ noun, count, drawn, prototype }) => ({
  input: [
    "Input",
    `The ${noun} in 28×28 pixels, scaled to 20×20 and centred by its mass as MNIST's are, in a frame that makes it 32×32. ` +
      "So the middle of each stroke can lie in the middle of a kernel.",
  ],
  C1: [
    "C1, a convolution",
    "Six kernels of 5×5 slide over the input. Each map has one kernel for all its units: it looks for the same thing everywhere.",
    "y = f(sum of kernel · patch + bias)",
  ],
  S2: [
    "S2, subsampling",
    "Each unit adds four neighbours, multiplies the sum by its map's coefficient and adds a bias. Where exactly a feature was matters less now.",
    "y = f(coefficient · (x₁ + x₂ + x₃ + x₄) + bias)",
  ],
  C3: [
    "C3, a convolution by Table I",
    "Its maps do not all read the same of S2, so that they come to look for different things.",
  ],
  S4: ["S4, subsampling", "As S2: four neighbours become one, 5×5 are left of each map."],
  C5: [
    "C5, a convolution",
    "Its kernels are as large as S4's maps, 5×5, so each of the 120 units sees all of S4 and the whole input.",
  ],
  F6: [
    "F6, fully connected",
    (drawn
      ? "84 units, each reads all of C5. They are laid out 7 wide and 12 high, for that is how they were trained: " +
        `to draw the ${noun} that they see. `
      : "84 units, each reads all of C5. They were trained to answer by the code of what they see: classes that are no " +
        "characters have codes of 84 signs, any two of which differ in half of their places or more. ") +
      `Below stands the nearest of the ${inWords(count)} ${prototype}s, and where the two differ.`,
  ],
  output: [
    "Output: RBF, distances",
    `RBF means radial basis function: unit i says how far F6 is from the ${prototype} of ${noun === "digit" ? "digit" : "class"} i.`,
    `y = sum of (F6 unit − ${drawn ? "drawing's pixel" : "code's sign"})²`,
    "The nearest wins, so the winner has the shortest bar.",
  ],
  E: [
    "E, the error",
    `One number that training makes smaller. Equation 8: E is the distance to the ${prototype} of the target, nothing else. ` +
      `Equation 9 also pushes the other ${inWords(count - 1)} ${prototype}s away: E = y + log of the sum of exp(−y) over all ${inWords(count)}.`,
  ],
  lr: [
    "lr, the learning rate",
    "How far a step goes: every weight becomes w − lr · dE/dw. Too large, and it jumps past; too small, and nothing seems to happen.",
  ],
  doubt: [
    "When it is in doubt",
    `It always has a nearest ${prototype}, even for a scribble. Where the nearest is more than 60\u00a0% as far as the next, the page says so.`,
  ],
});

/** Words that explain themselves: anything with data-term opens a card beside it. */
export function buildTerms() {
  const card = $("term"),
    meanings = terms(state.words);
  document.addEventListener("click", (event) => {
    const from = /** @type {Element} */ (event.target).closest("[data-term]");
    if (!from) return;
    const name = String(from.getAttribute("data-term")),
      [title, ...texts] = meanings[name];
    card.replaceChildren(
      element("h2", { textContent: title }),
      ...texts.map((text) => element("p", { textContent: text })),
      ...counts(name),
    );
    if (name === "C3") card.append(tableI());
    card.showPopover();
    const at = from.getBoundingClientRect(),
      { offsetWidth: width, offsetHeight: height } = card;
    card.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
    card.style.top = `${at.bottom + height + 8 < innerHeight ? at.bottom + 6 : Math.max(8, Math.min(at.top - height - 6, innerHeight - height - 8))}px`;
  });
}

/** @param {string} stage */
function counts(stage) {
  const found = state.model.facts.counts[stage];
  if (!found) return [];
  const [parameters, connections] = found.map((/** @type {number} */ n) => n.toLocaleString("en"));
  return [
    element("p", { className: "soft", textContent: `${parameters} trained numbers, ${connections} connections.` }),
  ];
}

/** Table I of the paper: which S2 maps (rows) each C3 map (columns) reads. */
function tableI() {
  const reads = /** @type {number[][]} */ (state.model.facts.tableI);
  const table = element(
    "table",
    {},
    element("caption", { textContent: "Table I: S2 maps (rows) that C3 maps (columns) read" }),
  );
  const head = table.insertRow();
  head.append(element("td"), ...reads.map((_, map) => element("th", { scope: "col", textContent: map })));
  for (let from = 0; from < 6; from++) {
    const row = table.insertRow();
    row.append(
      element("th", { scope: "row", textContent: from }),
      ...reads.map((maps) => element("td", { textContent: maps.includes(from) ? "×" : "" })),
    );
  }
  return element("div", { className: "scroll", tabIndex: 0 }, table);
}
