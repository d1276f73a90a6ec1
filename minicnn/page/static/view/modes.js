import { $ } from "./dom.js";
import { changed, show, state } from "./state.js";
import { update } from "./reading.js";

/** Forward, backward, and what the last step changed. */
export function buildModes() {
  for (const radio of radios()) radio.addEventListener("change", () => setMode(/** @type {any} */ (radio.value)));
  show(() => {
    for (const radio of radios()) radio.checked = radio.value === state.mode;
    /** @type {HTMLInputElement} */ ($("change-mode")).disabled = !state.change;
  });
}

function radios() {
  return /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name=mode]"));
}

/** @param {"forward" | "backward" | "change"} mode */
export function setMode(mode) {
  state.mode = mode;
  update();
  changed();
}
