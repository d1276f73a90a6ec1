import { $, element, say } from "./dom.js";
import { digit, imageAt, load } from "./data.js";
import { take } from "./reading.js";
import { state } from "./state.js";

/** How often each digit was asked for: the next time another one comes. */
const asked = Array(10).fill(0);

/** The buttons 0 to 9, and the gallery of digits that the network misreads. */
export function buildDigits() {
  for (let label = 0; label < 10; label++) {
    $("samples").append(
      element("button", {
        type: "button",
        textContent: label,
        onclick: () => {
          takeDigit(label);
        },
      }),
    );
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
 * The next digit of a class, of those that are held out from training on the page.
 *
 * @param {number} label
 */
export function takeDigit(label) {
  return guarded(() => takeNumber("mnist", label + 10 * (asked[label]++ % 10)));
}

/**
 * @param {string} from
 * @param {number} number
 */
export async function takeNumber(from, number) {
  if (from === "mnist") {
    const { image, label } = await digit("testing", number);
    if (image.length === 784) take({ image, label, from: `mnist.${number}` });
  } else {
    const { images, labels } = (await load("misread.bin")).bytes,
      { image, label } = imageAt(images.data, labels.data, number);
    if (image.length === 784) take({ image, label, from: `misread.${number}` });
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
      facts,
      bytes: { images, labels },
    } = await load("misread.bin"),
    count = images.shape[0];
  $("misread").replaceChildren();
  $("gallery-text").textContent =
    `${count} of MNIST's ${facts.of.toLocaleString("en")} test digits: the label, and what the ` +
    "network reads now. Take one and look why.";
  for (let i = 0; i < count; i++) {
    const { image, label } = imageAt(images.data, labels.data, i),
      answer = state.model.read(image);
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
          "aria-label": `a ${label} that is read as ${answer}`,
          onclick: () => {
            /** @type {HTMLDialogElement} */ ($("gallery")).close();
            guarded(() => takeNumber("misread", i));
          },
        },
        picture,
        element("span", { textContent: `${label} → ${answer}` }),
      ),
    );
  }
}
