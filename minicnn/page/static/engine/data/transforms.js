import { Tensor } from "../layers/tensor.js";

/**
 * An image (28, 28) of bytes, 255 full ink, as LeNet-5 gets it: x = background + (ink - background) · byte / 255,
 * centred in 32x32.
 */
export class Pixels {
  /** @param {{ background: number, ink: number, size: number }} values */
  constructor({ background, ink, size }) {
    this.background = background;
    this.ink = ink;
    this.size = size;
  }

  /** @param {Uint8Array} image */
  input(image) {
    const { background, ink, size } = this,
      side = Math.sqrt(image.length),
      margin = (size - side) / 2;
    const x = new Tensor([1, size, size]);
    x.data.fill(background);
    image.forEach((byte, i) => {
      const row = Math.floor(i / side) + margin,
        column = (i % side) + margin;
      x.data[row * size + column] = background + ((ink - background) * byte) / 255;
    });
    return x;
  }
}
