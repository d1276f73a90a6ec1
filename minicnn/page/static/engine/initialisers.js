/** @typedef {import("./layers/sequential.js").Sequential} Sequential */

/**
 * Every weight and bias anew, uniform in ±1 / sqrt(fan-in), from a seed.
 *
 * @param {Sequential} net
 * @param {number} seed
 */
export function uniformFanIn(net, seed) {
  const random = generator(seed);
  for (const layer of net.layers) {
    const fans = layer.fanIn();
    for (const { value } of layer.parameters()) {
      const one = value.data.length === fans.length; // a bias or a coefficient: one number a map
      let at = 0;
      for (const fan of fans) {
        for (let i = 0; i < (one ? 1 : fan); i++) value.data[at++] = (2 * random() - 1) / Math.sqrt(fan);
      }
    }
  }
}

/**
 * Random numbers in 0..1 from a seed, the same in every browser (mulberry32).
 *
 * @param {number} seed
 */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
