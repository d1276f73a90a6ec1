import { Arrays } from "../engine/data/arrays.js";

/** Files by name, in base64, where the page is one script (minicnn/page/bundle.py). @type {Record<string, string>} */
const embedded = Reflect.get(globalThis, "minicnnFiles");

/** @type {Map<string, Promise<Arrays>>} */
const loaded = new Map();

/**
 * A file of arrays beside the page; the same promise each time.
 *
 * @param {string} name
 */
export function load(name) {
  let file = loaded.get(name);
  if (!file) {
    file = contents(name).then((buffer) => new Arrays(buffer));
    file.catch(() => loaded.delete(name)); // to be tried again
    loaded.set(name, file);
  }
  return file;
}

/**
 * @param {string} name
 * @returns {Promise<ArrayBuffer>}
 */
async function contents(name) {
  let bytes;
  if (embedded) {
    bytes = Uint8Array.from(atob(embedded[name]), (c) => c.charCodeAt(0));
  } else {
    const response = await fetch(name);
    if (!response.ok) throw Error(`${name} is not there (${response.status}).`);
    bytes = new Uint8Array(await response.arrayBuffer());
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer; // not gzip, or the host has unpacked it already
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked).arrayBuffer();
}

/**
 * One of the images that came along: of those to train on, or held out.
 *
 * @param {"training" | "testing"} part
 * @param {number} index
 */
export async function sample(part, index) {
  const { bytes } = await load("samples.bin");
  return imageAt(bytes[`${part}_images`].data, bytes[`${part}_labels`].data, index);
}

/**
 * @param {Uint8Array} images
 * @param {Uint8Array} labels
 * @param {number} index
 */
export function imageAt(images, labels, index) {
  return { image: images.subarray(784 * index, 784 * (index + 1)), label: labels[index] };
}
