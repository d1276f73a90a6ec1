/**
 * LeNet-5's stages as the page shows them, and where a unit's inputs lie. A stage is one of the paper's layers with its
 * squashing function; C5 and F6 have no places of their own, the page lays them out in rows.
 *
 * @typedef {{ name: string, maps: number, height: number, width: number, window: number, stride: number,
 *             flat: boolean, reads: number[][], title: string, size: string, classes?: string[] }} Stage
 * @typedef {{ stage: string, map: number, row: number, column: number, index: number }} Unit
 * @typedef {{ map: number, row: number, column: number, height: number, width: number }} Square
 */

const count = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);

/**
 * @param {number[][]} tableI
 * @param {string[]} classes
 * @returns {Stage[]} from the input on
 */
export function describe(tableI, classes) {
  const each = count(6).map((map) => [map]),
    six = { maps: 6, flat: false },
    sixteen = { maps: 16, flat: false };
  return [
    {
      name: "input",
      maps: 1,
      height: 32,
      width: 32,
      window: 0,
      stride: 0,
      flat: false,
      reads: [],
      title: "as the network gets it",
      size: "32×32",
    },
    {
      name: "C1",
      ...six,
      height: 28,
      width: 28,
      window: 5,
      stride: 1,
      reads: count(6).map(() => [0]),
      title: "convolution 5×5",
      size: "6 maps of 28×28",
    },
    {
      name: "S2",
      ...six,
      height: 14,
      width: 14,
      window: 2,
      stride: 2,
      reads: each,
      title: "subsampling 2×2",
      size: "6 maps of 14×14",
    },
    {
      name: "C3",
      ...sixteen,
      height: 10,
      width: 10,
      window: 5,
      stride: 1,
      reads: tableI,
      title: "convolution 5×5, Table I",
      size: "16 maps of 10×10",
    },
    {
      name: "S4",
      ...sixteen,
      height: 5,
      width: 5,
      window: 2,
      stride: 2,
      reads: count(16).map((map) => [map]),
      title: "subsampling 2×2",
      size: "16 of 5×5",
    },
    {
      name: "C5",
      maps: 1,
      height: 8,
      width: 15,
      window: 5,
      stride: 0,
      flat: true,
      reads: [count(16)],
      title: "convolution 5×5",
      size: "120 units",
    },
    {
      name: "F6",
      maps: 1,
      height: 12,
      width: 7,
      window: 0,
      stride: 0,
      flat: true,
      reads: [[0]],
      title: "fully connected",
      size: "84 units",
    },
    {
      name: "output",
      maps: classes.length,
      height: 1,
      width: 1,
      window: 0,
      stride: 0,
      flat: true,
      reads: [[0]],
      title: "a distance for each class",
      size: `${classes.length} units`,
      classes,
    },
  ];
}

/**
 * The unit at a place of a stage's map.
 *
 * @param {Stage} stage
 * @param {number} map
 * @param {number} row
 * @param {number} column
 * @returns {Unit}
 */
export function unitAt(stage, map, row, column) {
  const index = (map * stage.height + row) * stage.width + column;
  return { stage: stage.name, map: stage.flat ? index : map, row, column, index };
}

/**
 * The squares of the stage before that a unit adds up.
 *
 * @param {Stage} stage
 * @param {Stage} before
 * @param {Unit} unit
 * @returns {Square[]}
 */
export function sources(stage, before, unit) {
  if (stage.name === "input") return [];
  if (!stage.window) return [{ map: 0, row: 0, column: 0, height: before.height, width: before.width }];
  const size = { height: stage.window, width: stage.window };
  const reads = stage.flat ? stage.reads[0] : stage.reads[unit.map];
  const [row, column] = stage.flat ? [0, 0] : [unit.row * stage.stride, unit.column * stage.stride];
  return reads.map((map) => ({ map, row, column, ...size }));
}

/**
 * The square of the input that a unit sees.
 *
 * @param {Stage[]} stages
 * @param {Unit} unit
 * @returns {Square}
 */
export function field(stages, unit) {
  let size = 1,
    jump = 1;
  for (const stage of stages.slice(1)) {
    if (stage.flat) break;
    size += (stage.window - 1) * jump;
    jump *= stage.stride;
    if (stage.name === unit.stage) {
      return { map: 0, row: unit.row * jump, column: unit.column * jump, height: size, width: size };
    }
  }
  if (unit.stage === "input") return { map: 0, row: unit.row, column: unit.column, height: 1, width: 1 };
  return { map: 0, row: 0, column: 0, height: 32, width: 32 };
}

/**
 * What a unit is called.
 *
 * @param {Stage} stage
 * @param {Unit} unit
 */
export function nameOf(stage, unit) {
  if (stage.name === "input") return `input pixel, row ${unit.row}, column ${unit.column}`;
  if (stage.classes) return `${stage.name} unit ${stage.classes[unit.map]}`;
  if (stage.flat) return `${stage.name} unit ${unit.map}`;
  return `${stage.name} map ${unit.map}, row ${unit.row}, column ${unit.column}`;
}
