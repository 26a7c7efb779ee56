/* The picture: what of the graph is drawn, and which part of it shows. Ids are any text: they go into no selector. */

import cytoscape from "./cytoscape.mjs";
import { arrange, gather } from "./layout.js";
import { size, stylesheet, width } from "./theme.js";
import { called, isStated, short } from "./words.js";

const NEAR = 1.25;
const STRONGEST = 2;
const EDGE = 36;

/** The id of a relation in the picture: two entities may have several. */
export function keyOf(relation) {
  return JSON.stringify([relation.source_id, relation.target_id, relation.type, relation.valid_from ?? null]);
}

/** Leave out what would hide the rest: of what is only named together, keep that of the centres and the strongest. */
function essential(relations, centres) {
  const kept = new Map();
  const isKept = (id) => {
    kept.set(id, (kept.get(id) ?? 0) + 1);
    return kept.get(id) <= STRONGEST;
  };
  const byStrength = [...relations].sort((a, b) => b.strength - a.strength);
  return byStrength.filter((one) => {
    const ends = [one.source_id, one.target_id];
    return isStated(one) || ends.some((id) => centres.has(id)) || ends.map(isKept).some(Boolean);
  });
}

export class Picture {
  /** Draw in `container`; `on` has `entity(data)` and `relation(data)` for a click, `nothing()` for one beside. */
  constructor(container, on) {
    this.cy = cytoscape({ container, style: stylesheet(), minZoom: 0.15, maxZoom: 3, boxSelectionEnabled: false });
    this.shows = () => true;
    this.cy.on("tap", "node", ({ target }) => target.isParent() || on.entity(target.data("about")));
    this.cy.on("tap", "edge", ({ target }) => on.relation(target.data("about")));
    this.cy.on("tap", (event) => event.target === this.cy && on.nothing());
    this.cy.on("mouseover mouseout", "node, edge", (event) => {
      container.classList.toggle("pointing", event.type === "mouseover");
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.cy.style(stylesheet()));
  }

  get entities() {
    return this.cy.nodes(":childless").map((node) => node.data("about"));
  }
  get relations() {
    return this.cy.edges().map((edge) => edge.data("about"));
  }

  has(id) {
    return this.cy.getElementById(id).nonempty();
  }

  about(id) {
    return this.cy.getElementById(id).data("about");
  }

  /** Draw a part of the graph in place of what was there, around the entity `root`. */
  show(part, root) {
    this.cy.elements().remove();
    this.#add(part, [root]);
    arrange(this.cy, this.cy.getElementById(root), { fresh: true, then: () => this.fit() });
  }

  /** Draw communities, each in a box of its own: `groups` are `{box, label, members}`, an id and ids of entities. */
  showGroups(part, groups) {
    this.cy.elements().remove();
    this.#add(part);
    this.cy.add(groups.map(({ box, label }) => ({ data: { id: box, label, size: 1 } })));
    gather(this.cy, groups, () => this.fit());
  }

  /** Add a part of the graph near the entity `from`; returns the ids of the entities that are new. */
  grow(part, from) {
    const fresh = part.nodes.filter((node) => !this.has(node.id)).map((node) => node.id);
    this.#add(part, [from], this.cy.getElementById(from).position());
    if (fresh.length) arrange(this.cy, this.cy.getElementById(from), { fresh: false, then: () => this.fit() });
    return fresh;
  }

  /** Take entities out of the picture. */
  remove(ids) {
    for (const id of ids) this.cy.getElementById(id).remove();
    this.filter(this.shows);
  }

  /** Show the elements of whose data `shows` says so, and the entities that keep a line, or never had one. */
  filter(shows) {
    this.shows = shows;
    this.cy.batch(() => {
      this.cy.edges().forEach((edge) => {
        edge.toggleClass("hidden", !shows(edge.data("about")));
      });
      const chosen = this.cy.$("node:selected");
      this.cy.nodes(":childless").forEach((node) => {
        const alone = node.degree() > 0 && node.connectedEdges().not(".hidden").empty() && !chosen.contains(node);
        node.toggleClass("hidden", !shows(node.data("about")) || (alone && node.isOrphan()));
      });
    });
  }

  /** Mark an entity, or a relation by its key, as the one that is looked at. */
  select(id) {
    this.cy.elements().unselect();
    this.cy.getElementById(id).select();
  }

  get selected() {
    return this.cy.$("node:selected").first().data("about");
  }

  /** Mark a way through the graph; everything else steps back. */
  highlight(path) {
    const way = this.cy.collection();
    way.merge(
      path.entities
        .map((entity) => this.cy.getElementById(entity.id))
        .reduce((all, one) => all.union(one), this.cy.collection()),
    );
    way.merge(
      path.relations
        .map((relation) => this.cy.getElementById(keyOf(relation)))
        .reduce((all, one) => all.union(one), this.cy.collection()),
    );
    this.cy.elements().removeClass("way").addClass("dim");
    way.removeClass("dim").addClass("way");
  }

  /** Go from the marked entity to the nearest one that way; `step` is [x, y]. Returns what is there. */
  go([x, y]) {
    const here = this.cy.$("node:selected").first();
    const from = here.nonempty() ? here.position() : { x: 0, y: 0 };
    const distance = (node) => {
      const [dx, dy] = [node.position("x") - from.x, node.position("y") - from.y];
      const along = dx * x + dy * y;
      return along <= 0 ? Infinity : along + 2 * Math.abs(dx * y - dy * x);
    };
    const others = this.cy.nodes(":childless:visible").not(here).toArray();
    const next = others.sort((a, b) => distance(a) - distance(b))[0];
    if (!next || distance(next) === Infinity) return null;
    this.select(next.id());
    return next.data("about");
  }

  zoom(factor) {
    const middle = { x: this.cy.width() / 2, y: this.cy.height() / 2 };
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: middle });
  }

  /** Fit what shows into the picture, never larger than `NEAR`. */
  fit() {
    this.cy.resize();
    this.cy.fit(this.cy.elements(":visible"), EDGE);
    if (this.cy.zoom() > NEAR) {
      this.cy.zoom(NEAR);
      this.cy.center(this.cy.elements(":visible"));
    }
  }

  #add({ nodes, relations }, centres = [], near = { x: 0, y: 0 }) {
    const fresh = nodes.filter((node) => !this.has(node.id));
    this.cy.add(fresh.map((node, place) => this.#node(node, near, place)));
    const drawn = essential(relations, new Set(centres)).filter(
      (one) => this.has(one.source_id) && this.has(one.target_id) && !this.has(keyOf(one)),
    );
    this.cy.add(drawn.map((relation) => this.#edge(relation)));
    this.filter(this.shows);
  }

  #node(node, near, place) {
    const turn = place * 2.4,
      far = 40 + 6 * place;
    return {
      data: { id: node.id, label: short(node.name), type: node.type, size: size(node.mentions), about: node },
      position: { x: near.x + far * Math.cos(turn), y: near.y + far * Math.sin(turn) },
    };
  }

  #edge(relation) {
    const { source_id: source, target_id: target, type, strength } = relation;
    const stated = isStated(relation);
    const looks = {
      label: stated ? called(type) : "",
      stated,
      closed: Boolean(relation.valid_to),
      width: width(strength),
    };
    return { data: { id: keyOf(relation), source, target, strength, ...looks, about: relation } };
  }
}
