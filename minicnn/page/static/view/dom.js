/**
 * The element of that id.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function $(id) {
  const found = document.getElementById(id);
  if (!found) throw Error(`the page has no element ${id}`);
  return found;
}

/** @param {string} id */
export const button = (id) => /** @type {HTMLButtonElement} */ ($(id));

/** @param {string} id */
export const select = (id) => /** @type {HTMLSelectElement} */ ($(id));

/** @param {string} id */
export const canvas = (id) => /** @type {HTMLCanvasElement} */ ($(id));

/**
 * @param {HTMLCanvasElement} of
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export function context2d(of, settings) {
  return /** @type {CanvasRenderingContext2D} */ (of.getContext("2d", settings));
}

/**
 * A new element with these properties; aria-* and data-* ones are set as attributes.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(aria-|data-|role$)/.test(name)) node.setAttribute(name, String(value));
    else Object.assign(node, { [name]: value });
  }
  node.append(...children);
  return node;
}

/**
 * A number in a few characters, with a true minus.
 *
 * @param {number} number
 */
export function short(number) {
  const size = Math.abs(number);
  const text = size !== 0 && size < 0.001 ? number.toExponential(1) : number.toFixed(size < 1 ? 3 : size < 10 ? 2 : 1);
  return text.replaceAll("-", "−");
}

/**
 * A line over the foot of the pad for what went wrong; empty clears it.
 *
 * @param {string} text
 */
export function say(text) {
  $("message").textContent = text;
}
