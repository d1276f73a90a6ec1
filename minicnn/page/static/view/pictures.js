import { $, context2d, element, say } from "./dom.js";
import { fromInk, inkOfPicture } from "../engine/data/drawing.js";
import { take } from "./reading.js";

const LARGEST = 280; // pixels of a picture's longer side that are looked at

/** Photographs and scans: chosen, dropped or pasted. */
export function buildPictures() {
  const input = /** @type {HTMLInputElement} */ ($("file"));
  input.addEventListener("change", () => {
    open(input.files?.[0]);
    input.value = "";
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    open(event.dataTransfer?.files[0]);
  });
  document.addEventListener("paste", (event) => open(event.clipboardData?.files[0]));
}

/** @param {File | undefined} file */
function open(file) {
  if (!file) return;
  const address = URL.createObjectURL(file),
    image = new Image();
  image.onload = () => {
    try {
      take({ image: fromInk(inkOfPicture(grey(image))), label: null, from: "" });
      say("");
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
    URL.revokeObjectURL(address);
  };
  image.onerror = () => {
    URL.revokeObjectURL(address);
    say(`${file.name} is no picture that this browser can read.`);
  };
  image.src = address;
}

/** @param {HTMLImageElement} image */
function grey(image) {
  const scale = Math.min(1, LARGEST / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((length) => Math.max(1, Math.round(length * scale)));
  const context = context2d(element("canvas", { width, height }));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height }, (_, i) =>
      Math.round(0.3 * data[4 * i] + 0.59 * data[4 * i + 1] + 0.11 * data[4 * i + 2]),
    ),
  };
}
