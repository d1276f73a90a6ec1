// Over HTTP the page is modules and data; from a file: address, where browsers load neither, one script that has all.
"use strict";

const MODULES = []; // all that main.js imports; minicnn/page/export.py writes them here

if (location.protocol === "file:") {
  const script = document.createElement("script");
  script.src = "offline.js";
  document.head.append(script);
} else {
  const preload = (href, properties) => {
    document.head.append(Object.assign(document.createElement("link"), { href, ...properties }));
  };
  preload("weights.bin", { rel: "preload", as: "fetch", crossOrigin: "anonymous" });
  for (const module of MODULES) preload(module, { rel: "modulepreload" }); // at once, not import by import
  import("./main.js");
}
