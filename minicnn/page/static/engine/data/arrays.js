import { Tensor, size } from "../layers/tensor.js";

/** @typedef {{ shape: number[], data: Uint8Array }} Bytes */

/**
 * Facts and named arrays from one file, as minicnn/page/arrays.py writes it: a line of JSON (the facts; name, dtype and
 * shape of each array), padded to a multiple of 4 bytes, then the arrays one after the other, little-endian.
 * Floats come before bytes, so that they lie where a Float32Array may begin.
 */
export class Arrays {
  /** @param {ArrayBuffer} buffer */
  constructor(buffer) {
    const bytes = new Uint8Array(buffer),
      end = bytes.indexOf(10) + 1;
    if (end === 0) throw Error("this is no file of arrays: it has no first line");
    this.facts = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
    /** @type {Record<string, Tensor>} */
    this.floats = {};
    /** @type {Record<string, Bytes>} */
    this.bytes = {};
    let at = end;
    for (const { name, dtype, shape } of this.facts.arrays) {
      const count = size(shape),
        length = count * (dtype === "float32" ? 4 : 1);
      if (at + length > bytes.length) throw Error(`the file ends before its array ${name} does`);
      if (dtype === "float32") this.floats[name] = new Tensor(shape, new Float32Array(buffer, at, count));
      else this.bytes[name] = { shape, data: bytes.subarray(at, at + count) };
      at += length;
    }
  }
}
