const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  undo: "M6 3 2.5 6.5 6 10M2.5 6.5h7a4 4 0 0 1 0 8H6",
  redo: "M10 3l3.5 3.5L10 10M13.5 6.5h-7a4 4 0 0 0 0 8H10",
  history: "M8 4.5V8l2.5 1.5M2.6 8.6a5.5 5.5 0 1 0 1.2-4.1M3.5 1.8v3h3",
  code: "M5.5 4 2 8l3.5 4M10.5 4 14 8l-3.5 4",
} as const;

export type Sign = keyof typeof PATHS;

/** A drawn sign in the colour of the text around it. */
export function icon(name: Sign): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
