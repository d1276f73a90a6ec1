import { $, element, say } from "./dom.js";
import { imageAt, load, sample } from "./data.js";
import { take } from "./reading.js";
import { label, show, state } from "./state.js";

/** How often each class was asked for: the next time another one comes. @type {number[]} */
const asked = [];

/** Buttons for the classes, or a list where they are many, and the gallery of images that the network misreads. */
export function buildSamples() {
  const { words } = state,
    box = $("samples");
  asked.push(...Array(words.count).fill(0));
  if (words.few) {
    box.className = "ten";
    for (const [label, name] of words.classes.entries()) {
      box.append(element("button", { type: "button", textContent: name, onclick: () => takeSample(label) }));
    }
  } else {
    const list = classList(`class of the ${words.noun}`, takeSample);
    box.className = "list";
    box.append(
      list,
      element("button", { type: "button", textContent: "Another", onclick: () => takeSample(Number(list.value)) }),
    );
    show(() => {
      if (label() !== null) list.value = String(label());
    });
  }
  const gallery = /** @type {HTMLDialogElement} */ ($("gallery"));
  $("open-gallery").addEventListener("click", () =>
    guarded(async () => {
      await fillGallery();
      gallery.showModal();
    }),
  );
}

/**
 * All classes to choose one from.
 *
 * @param {string} title
 * @param {(label: number) => void} chosen
 */
export function classList(title, chosen) {
  const list = element("select", { "aria-label": title, onchange: () => chosen(Number(list.value)) });
  list.append(
    ...state.words.classes.map((name, label) => element("option", { value: String(label), textContent: name })),
  );
  return list;
}

/**
 * The next image of a class, of those that are held out from training on the page.
 *
 * @param {number} label
 */
function takeSample(label) {
  const { count, testing } = state.words;
  return guarded(() => takeNumber("sample", (label + count * asked[label]++) % testing));
}

/**
 * The next image of the class that has this name, in small or capital letters; false if there is none.
 *
 * @param {string} key
 */
export function takeKey(key) {
  const { classes, samples } = state.words,
    label = [key, key.toUpperCase()].map((name) => classes.indexOf(name)).find((each) => each >= 0);
  if (!samples || label === undefined) return false;
  takeSample(label);
  return true;
}

/**
 * An image by its number: of the gallery, or of those that are held out.
 *
 * @param {string} from "misread", "mnist" or "sample"
 * @param {number} number
 */
export async function takeNumber(from, number) {
  const { samples } = state.words;
  if (from === "misread") {
    if (!samples?.misread) return;
    const { images, labels } = (await load("misread.bin")).bytes,
      { image, label } = imageAt(images.data, labels.data, number);
    if (image.length === 784) take({ image, label, from: `misread.${number}` });
  } else if (samples) {
    const { image, label } = await sample("testing", number);
    if (image.length === 784) take({ image, label, from: `${samples.title === "MNIST" ? "mnist" : "sample"}.${number}` });
  }
}

/**
 * Do it; if a file cannot be had, say so.
 *
 * @param {() => Promise<void>} job
 */
export async function guarded(job) {
  say("");
  try {
    await job();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}

async function fillGallery() {
  const {
      facts: { of, wrong },
      bytes: { images, labels },
    } = await load("misread.bin"),
    count = images.shape[0],
    { model, words } = state,
    number = (/** @type {number} */ each) => each.toLocaleString("en");
  $("misread").replaceChildren();
  $("gallery-text").textContent =
    `${count} of ${count < wrong ? `the ${number(wrong)} misread among ` : ""}${words.theirs(`${number(of)} test ${words.noun}s`)}: ` +
    "the label, and what the network reads now. Take one and look why.";
  for (let i = 0; i < count; i++) {
    const { image, label: right } = imageAt(images.data, labels.data, i),
      answer = model.read(image);
    const picture = element("canvas", { width: 28, height: 28 }),
      context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
    const pixels = context.createImageData(28, 28);
    image.forEach((ink, at) => pixels.data.set([255 - ink, 255 - ink, 255 - ink, 255], 4 * at));
    context.putImageData(pixels, 0, 0);
    $("misread").append(
      element(
        "button",
        {
          type: "button",
          "aria-label": `${words.one(right)} that is read as ${words.name(answer)}`,
          onclick: () => {
            /** @type {HTMLDialogElement} */ ($("gallery")).close();
            guarded(() => takeNumber("misread", i));
          },
        },
        picture,
        element("span", { textContent: `${words.classes[right]} → ${words.classes[answer]}` }),
      ),
    );
  }
}
