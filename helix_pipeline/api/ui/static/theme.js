/* The look of the picture: what stands for what, in the colours of graph.css. */

import { TYPES } from "./words.js";

const THIN = 1.2,
  THICK = 8;
const SMALL = 20,
  LARGE = 54;

/** Width of a line in pixels for a strength in [0, 1]. */
export function width(strength) {
  return THIN + (THICK - THIN) * Math.min(1, Math.max(0, strength));
}

/** Diameter of a node in pixels: by the logarithm of its mentions, as a few entities have most of them. */
export function size(mentions) {
  return Math.min(LARGE, SMALL + 5 * Math.log2(1 + (mentions ?? 0)) * 0.8);
}

/** The style sheet of the picture in the colours that hold now: light or dark. */
export function stylesheet() {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(`--${name}`).trim();
  return [
    ...nodes(colour),
    ...TYPES.map((type) => ofType(type, colour)),
    ...groups(colour),
    ...edges(colour),
    ...states(colour),
  ];
}

function nodes(colour) {
  const label = {
    label: "data(label)",
    color: colour("text"),
    "font-size": 13,
    "font-family": "system-ui, sans-serif",
    "text-valign": "bottom",
    "text-margin-y": 5,
    "text-outline-color": colour("ground"),
    "text-outline-width": 2.5,
  };
  const body = {
    width: "data(size)",
    height: "data(size)",
    "background-color": colour("type-other"),
    "border-width": 2,
    "border-color": colour("ground"),
    "overlay-opacity": 0,
  };
  return [{ selector: "node", style: { ...body, ...label } }];
}

function ofType(type, colour) {
  return { selector: `node[type = "${type}"]`, style: { "background-color": colour(`type-${type.toLowerCase()}`) } };
}

function groups(colour) {
  const style = {
    shape: "round-rectangle",
    "background-color": colour("group"),
    "background-opacity": 1,
    "border-width": 1,
    "border-color": colour("line"),
    padding: 16,
    "text-valign": "top",
    "text-margin-y": -6,
    color: colour("quiet"),
    "font-size": 13,
    "font-weight": 600,
  };
  return [{ selector: "node:parent", style }];
}

function edges(colour) {
  const all = {
    width: "data(width)",
    "line-color": colour("together"),
    "line-opacity": "mapData(strength, 0, 0.5, 0.55, 1)",
    "curve-style": "bezier",
    "control-point-step-size": 26,
    "overlay-padding": 6,
    "overlay-opacity": 0,
  };
  const stated = {
    "line-color": colour("stated"),
    "target-arrow-color": colour("stated"),
    "target-arrow-shape": "triangle",
    "arrow-scale": 0.9,
    label: "data(label)",
    "font-size": 11,
    color: colour("stated"),
    "text-rotation": "autorotate",
    "font-family": "system-ui, sans-serif",
    "text-background-color": colour("ground"),
    "text-background-opacity": 0.9,
    "text-background-padding": 2,
    "text-background-shape": "round-rectangle",
  };
  const closed = {
    "line-style": "dashed",
    "line-color": colour("closed"),
    "target-arrow-color": colour("closed"),
    color: colour("closed"),
  };
  return [
    { selector: "edge", style: all },
    { selector: "edge[?stated]", style: stated },
    { selector: "edge[?closed]", style: closed },
  ];
}

function states(colour) {
  const strong = colour("accent");
  return [
    { selector: ".hidden", style: { display: "none" } },
    { selector: ".dim", style: { opacity: 0.18 } },
    { selector: "node.way", style: { "border-width": 4, "border-color": strong } },
    {
      selector: "edge.way",
      style: { "line-color": strong, "target-arrow-color": strong, color: strong, "z-index": 9 },
    },
    { selector: "node:selected", style: { "border-width": 4, "border-color": strong, "font-weight": 700 } },
    {
      selector: "edge:selected",
      style: { "line-color": strong, "target-arrow-color": strong, "overlay-opacity": 0.12, "overlay-color": strong },
    },
    { selector: "node:active", style: { "overlay-opacity": 0.1, "overlay-color": strong } },
  ];
}
