/* Where entities stand: by the force layout of the library, then apart until no name covers another. */

const STEPS = 80;
const GAP = 10;
const APART = 26;
const PLAIN = 90,
  LABELLED = 130;
const NEAR = 62,
  WIDE = 1.3;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));
const GLIDE_MS = 350;
const BOX = { includeOverlays: false, includeEdges: false };
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Arrange all around `root`, from scratch if `fresh`, else from where everything is; call `then` at the end. */
export function arrange(cy, root, { fresh, then }) {
  const before = places(cy);
  if (fresh) spiral(root, cy.nodes());
  force(cy, fresh ? 1500 : 500);
  if (fresh) stretch(cy);
  apart(cy.nodes());
  settle(cy, fresh ? null : before, then);
}

/** Put the members of each group in a spiral within its box, then the boxes in rows that fill the picture best. */
export function gather(cy, groups, then) {
  const boxes = groups.map(({ box, members }) => {
    const inside = members.reduce((all, id) => all.union(cy.getElementById(id)), cy.collection());
    spiral(inside.first(), inside);
    apart(inside);
    inside.move({ parent: box });
    return cy.getElementById(box);
  });
  const bounds = boxes.map((box) => box.boundingBox(BOX));
  const scale = ({ w, h }) => Math.min(cy.width() / w, cy.height() / h);
  const tried = boxes.map((_, at) => rows(bounds, at + 1)).sort((a, b) => scale(b) - scale(a));
  boxes.forEach((box, at) => {
    const [{ x, y }, { x1, y1 }] = [tried[0].corners[at], bounds[at]];
    box.children().shift({ x: x - x1, y: y - y1 });
  });
  then();
}

/** Lay boxes out in rows of so many: where the corner of each goes, and how large the whole is. */
function rows(boxes, columns) {
  const corners = [];
  let x = 0,
    y = 0,
    high = 0,
    w = 1;
  boxes.forEach((box, at) => {
    if (at && at % columns === 0) [x, y, high] = [0, y + high + APART, 0];
    corners.push({ x, y });
    x += box.w + APART;
    [high, w] = [Math.max(high, box.h), Math.max(w, x)];
  });
  return { corners, w, h: y + high + 1 };
}

function force(cy, steps) {
  cy.layout({
    name: "cose",
    animate: false,
    randomize: false,
    fit: false,
    nodeDimensionsIncludeLabels: true,
    nodeOverlap: 20,
    idealEdgeLength: (edge) => (edge.data("label") ? LABELLED : PLAIN) * (1.4 - 0.4 * (edge.data("strength") ?? 0)),
    nodeRepulsion: () => 12000,
    edgeElasticity: () => 100,
    gravity: 0.5,
    numIter: steps,
    componentSpacing: 60,
  }).run();
}

function places(cy) {
  return new Map(cy.nodes(":childless").map((node) => [node.id(), { ...node.position() }]));
}

/** Start with a spiral around the root, in the order that the API gave: the same graph is drawn the same each time. */
function spiral(root, nodes) {
  root.position({ x: 0, y: 0 });
  nodes.not(root).forEach((node, place) => {
    const far = NEAR * Math.sqrt(place + 1),
      turn = place * GOLDEN;
    node.position({ x: WIDE * far * Math.cos(turn), y: far * Math.sin(turn) });
  });
}

/** Give the whole the shape of the picture: what is too tall for it becomes wider, which leaves room for names too. */
function stretch(cy) {
  const box = cy.nodes().boundingBox(BOX);
  const factor = Math.sqrt(
    Math.max(1, cy.width()) / Math.max(1, cy.height()) / (Math.max(1, box.w) / Math.max(1, box.h)),
  );
  const bounded = Math.min(1.8, Math.max(0.6, factor));
  cy.nodes().positions((node) => ({ x: node.position("x") * bounded, y: node.position("y") / bounded }));
}

/** Push nodes apart, each with its name as one box, until none covers another. */
function apart(nodes) {
  const boxes = nodes.map((node) => ({ ...node.boundingBox(BOX) }));
  const begin = boxes.map(({ x1, y1 }) => ({ x1, y1 }));
  for (let step = 0, moved = true; moved && step < STEPS; step += 1) {
    moved = false;
    for (let i = 0; i < boxes.length; i += 1) {
      for (let j = i + 1; j < boxes.length; j += 1) moved = separate(boxes[i], boxes[j]) || moved;
    }
  }
  nodes.forEach((node, at) => {
    node.shift({ x: boxes[at].x1 - begin[at].x1, y: boxes[at].y1 - begin[at].y1 });
  });
}

/** Move two boxes apart along the shorter way; says whether they covered each other. */
function separate(a, b) {
  const across = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1) + GAP;
  const down = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1) + GAP;
  if (across <= 0 || down <= 0) return false;
  const [low, high, push] = across < down ? ["x1", "x2", across / 2] : ["y1", "y2", down / 2];
  const sign = a[low] + a[high] <= b[low] + b[high] ? 1 : -1;
  for (const side of [low, high]) {
    a[side] -= sign * push;
    b[side] += sign * push;
  }
  return true;
}

/** Let everything glide from where it was to where it is now; at once where it is new, or no motion is wanted. */
function settle(cy, before, then) {
  if (!before || still.matches) return then();
  const after = places(cy);
  cy.batch(() =>
    cy.nodes(":childless").forEach((node) => {
      node.position(before.get(node.id()));
    }),
  );
  const layout = cy.layout({
    name: "preset",
    positions: (node) => after.get(node.id()),
    animate: true,
    animationDuration: GLIDE_MS,
    fit: false,
  });
  layout.one("layoutstop", then);
  return layout.run();
}
