// Line drawings of 24 × 24, in the colour of the text around them; the text says what they stand for.

import { svg } from "./dom.js";

const DRAWINGS = {
  gauge: "M4.6 17.5a9 9 0 1 1 14.8 0M12 14l4-5M12 14.01v-.02",
  car: "M4 16.5v-4l1.8-4.7A2 2 0 0 1 7.7 6.5h8.6a2 2 0 0 1 1.9 1.3L20 12.5v4M4 12.5h16M4 16.5h16M6 16.5v2M18 16.5v2M7.5 14.5h.01M16.5 14.5h.01",
  calendar: "M5 6.5h14v13H5zM5 10.5h14M9 4v4M15 4v4M9 14.5h2M14 14.5h1",
  people:
    "M9 11.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM3 19.5c.4-3.4 2.7-5.2 6-5.2s5.6 1.8 6 5.2M15.5 5.4a3.2 3.2 0 0 1 0 5.8M17.5 14.8c2 .6 3.2 2.2 3.5 4.7",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  leave: "M14 5H6v14h8M11 12h9.5M17 8.5l3.5 3.5-3.5 3.5",
  plus: "M12 5v14M5 12h14",
  back: "M14.5 6 8.5 12l6 6",
  trip: "M6 20a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 18h7.5a3 3 0 0 0 0-6h-7a3 3 0 0 1 0-6H16",
  fuel: "M5 20V6a2 2 0 0 1 2-2h5a2 2 0 0 1 2 2v14M3.5 20h12M5 10.5h9M14 13h1.5a1.5 1.5 0 0 1 1.5 1.5V16a1.5 1.5 0 0 0 3 0V9.5L17 6.5",
  wallet: "M4 7.5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM4 7.5l10.5-3v3M16.5 13.5h.01",
  wrench:
    "M19.7 7.6a4.6 4.6 0 0 1-6.2 5.3l-6.2 6.3a1.8 1.8 0 0 1-2.5-2.5l6.3-6.2a4.6 4.6 0 0 1 5.3-6.2l-2.8 2.8.5 2.8 2.8.5z",
  warning: "M12 4.5 3.5 19.5h17zM12 10v4.5M12 17.01v-.02",
  plug: "M9 3.5v5M15 3.5v5M6.5 8.5h11v3a5.5 5.5 0 0 1-11 0zM12 17v3.5",
};

/** One of the drawings, unseen by screen readers. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: DRAWINGS[name] }));
}
