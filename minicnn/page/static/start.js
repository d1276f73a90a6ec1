// Over HTTP the page is modules and data; from a file: address, where browsers load neither, one script that has all.
"use strict";

if (location.protocol === "file:") {
  const script = document.createElement("script");
  script.src = "offline.js";
  document.head.append(script);
} else {
  import("./main.js");
}
