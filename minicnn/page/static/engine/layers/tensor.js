/** Numbers with a shape: float32, in C order, one sample (the page reads one image at a time, so no axis N). */
export class Tensor {
  /**
   * @param {number[]} shape
   * @param {Float32Array} [data]
   */
  constructor(shape, data = new Float32Array(size(shape))) {
    if (data.length !== size(shape)) throw RangeError(`data must have ${size(shape)} numbers, got ${data.length}`);
    this.shape = shape;
    this.data = data;
  }
}

/** @param {number[]} shape */
export function size(shape) {
  return shape.reduce((product, length) => product * length, 1);
}
