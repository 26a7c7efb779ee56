/* A line without axes: how a figure went. */

const WIDTH = 120,
  HEIGHT = 28,
  EDGE = 2;
const SVG = "http://www.w3.org/2000/svg";

/** Draw [time, value] pairs, in the order of time, from 0 to the largest; `said` is what it shows, in words. */
export function sparkline(points, [from, to], said) {
  const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said };
  const picture = element("svg", { class: "spark", ...view });
  const top = Math.max(...points.map(([, value]) => value), Number.MIN_VALUE);
  const places = points.map(([time, value]) => [
    EDGE + ((time - from) / Math.max(1, to - from)) * (WIDTH - 2 * EDGE),
    HEIGHT - EDGE - (value / top) * (HEIGHT - 2 * EDGE),
  ]);
  const line = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const [x, y] = places.at(-1);
  picture.append(element("polyline", { points: line }), element("circle", { cx: x, cy: y, r: EDGE }));
  return picture;
}

function element(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
