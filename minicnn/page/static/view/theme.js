import { $, button } from "./dom.js";
import { changed } from "./state.js";
import { readColours } from "./colours.js";

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Dark and light, remembered where the browser lets it; the projector mode. */
export function buildTheme() {
  setTheme(remembered() ?? (dark.matches ? "dark" : "light"));
  button("theme").addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    remember(theme);
    setTheme(theme);
  });
  dark.addEventListener("change", () => {
    if (!remembered()) setTheme(dark.matches ? "dark" : "light");
  });
  button("projector").addEventListener("click", () => setProjector(!root.hasAttribute("data-projector")));
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) setProjector(false);
  });
}

/**
 * The figure, the pad and the answer only, on the whole screen.
 *
 * @param {boolean} on
 */
export function setProjector(on) {
  if (on === root.hasAttribute("data-projector")) return;
  root.toggleAttribute("data-projector", on);
  button("projector").setAttribute("aria-pressed", String(on));
  if (on)
    root.requestFullscreen?.().catch(() => {}); // a browser that does not let it fills its window
  else if (document.fullscreenElement) document.exitFullscreen();
  changed();
}

/** @param {string} theme */
function setTheme(theme) {
  root.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
  readColours();
  changed();
}

function remembered() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

/** @param {string} theme */
function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    /* then it is forgotten */
  }
}
