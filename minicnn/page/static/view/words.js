import { $, button, select } from "./dom.js";
import { state } from "./state.js";

/**
 * What the network reads, and how the page speaks of it: of ten digits, or of whatever else it has learned.
 *
 * @typedef {{ title: string, authors: string | null, perClass: [number, number], misread: boolean }} Samples
 *   the images that come along: their data set, whose it is, how many of each class there are to train on and to hold
 *   out, and whether there is a gallery of those that are misread
 */
export class Words {
  /** @param {any} facts of the file of weights (minicnn/page/contents.py) */
  constructor({ classes, noun, drawn, samples }) {
    /** The classes' names. @type {string[]} */ this.classes = classes;
    /** "digit", "letter", "character" or "picture". @type {string} */ this.noun = noun;
    /** Whether F6 is held against drawings of the classes. @type {boolean} */ this.drawn = drawn;
    /** What it is held against. */ this.prototype = drawn ? "drawing" : "code";
    /** @type {Samples | null} */ this.samples = samples;
    this.count = this.classes.length;
    /** Whether the names are characters. */ this.short = this.classes.every((name) => [...name].length === 1);
    /** Whether all of them have room side by side. */ this.few = this.short && this.count <= 10;
    const [training, testing] = samples?.perClass ?? [0, 0];
    /** How many images there are to train on. */ this.training = this.count * training;
    /** How many are held out. */ this.testing = this.count * testing;
  }

  /**
   * A class within a sentence.
   *
   * @param {number} label
   */
  name(label) {
    return this.noun === "digit" ? this.classes[label] : `“${this.classes[label]}”`;
  }

  /**
   * One of a class.
   *
   * @param {number} label
   */
  one(label) {
    return this.noun === "digit" ? `a ${this.name(label)}` : this.name(label);
  }

  /**
   * Something of the data set's.
   *
   * @param {string} what
   */
  theirs(what) {
    return this.samples?.title === "MNIST" ? `MNIST's ${what}` : `the ${what} of ${this.samples?.title}`;
  }
}

/**
 * A number in a sentence.
 *
 * @param {number} number
 */
export function inWords(number) {
  return { 9: "nine", 10: "ten" }[number] ?? number.toLocaleString("en");
}

/** The words of the page itself, and nothing that needs images where none came along. */
export function buildWords() {
  const { words } = state,
    { noun, samples, prototype } = words,
    digits = noun === "digit" && words.count === 10;
  $("samples").hidden = button("random").hidden = select("what").hidden = !samples;
  button("open-gallery").hidden = !samples?.misread;
  const layers = digits ? "" : ` the output for ${words.count} classes,`,
    authors = samples?.authors && `${samples.title === "MNIST" ? "MNIST's digits" : samples.title}: ${samples.authors}.`;
  $("about").textContent =
    ` Every layer as published in 1998,${layers} computed in your browser.${authors ? ` ${authors}` : ""}`;
  $("nearest-drawing").setAttribute("aria-label", `the nearest ${prototype}`);
  $("difference").setAttribute("aria-label", `where F6 and the nearest ${prototype} differ`);
  select("what").classList.toggle("whole", !digits);
  const keys = digits ? "0 to 9 bring a digit" : `the key of a ${noun} brings one`;
  $("keys").textContent = samples && words.short ? `, ${keys} of ${samples.title}` : "";
  $("gallery-title").textContent = `${noun[0].toUpperCase()}${noun.slice(1)}s that it misreads`;
  if (!samples) {
    $("on-samples").remove();
    return;
  }
  $("samples-title").textContent = `or take a ${noun} of ${samples.title}`;
  $("on-samples").textContent = `on ${words.training.toLocaleString("en")} ${noun}s`;
}
