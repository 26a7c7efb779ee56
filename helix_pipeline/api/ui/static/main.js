/* The page: what was asked for, in the picture and in words. The address names the entity, so that it can be shared. */

import * as api from "./api.js";
import { replace } from "./dom.js";
import { Filters } from "./filters.js";
import { finder } from "./finder.js";
import { entityPanel, overviewPanel, pathPanel, refusalPanel, relationPanel } from "./panel.js";
import { pathForm } from "./path.js";
import { keyOf, Picture } from "./picture.js";
import { called, count, when } from "./words.js";

const NARROW = 600;
const MORE = 10;
const COMMUNITIES = 12,
  MEMBERS = 7,
  MENTIONED = 150;
const byId = (id) => document.getElementById(id);

const panel = byId("panel");
const opened = new Map();
let turn = 0;

/** How many entities a picture begins with: what can be read at its size. */
const first = () => (innerWidth < NARROW ? 13 : 24);

export const picture = new Picture(byId("canvas"), {
  entity: (about) => guarded(() => visit(about)),
  relation: openRelation,
  nothing: () => picture.cy.elements().removeClass("dim way"),
});
const filters = new Filters(byId("filters"), (shows) => picture.filter(shows));
const search = finder(byId("search"), {
  label: "Search for an entity",
  placeholder: "Search: Docker, k8s, …",
  types: () => filters.wanted,
  onChosen: openEntity,
});
const path = pathForm(byId("path"), byId("path-open"), (from, to) => guarded(() => way(from, to)));
const does = {
  openEntity,
  openRelation,
  expand: (entity) => guarded(() => expand(entity.id)),
  collapse: (entity) => collapse(entity.id),
  hide: (entity) => {
    picture.remove([entity.id]);
    offered();
    say(`${entity.name} hidden`);
  },
  pathFrom: (entity) => path.open(entity),
};

/** Go to an entity: the address changes, and what it names is shown. */
function openEntity(entity) {
  const address = `#entity=${encodeURIComponent(entity.id)}`;
  if (location.hash === address) guarded(routed);
  else location.hash = address;
}

async function routed() {
  const id = new URLSearchParams(location.hash.slice(1)).get("entity");
  await (id === null ? overview() : start(id));
}

/** Draw the neighbourhood of an entity, and nothing else. */
async function start(id) {
  const here = ++turn;
  const limit = first();
  const [entity, part] = await Promise.all([api.details(id), api.subgraph([id], 1, limit)]);
  if (here !== turn) return;
  opened.clear();
  opened.set(entity.id, limit);
  picture.show(part, entity.id);
  search.set(entity);
  shown(entity, part);
}

/** Show what is known of an entity of the picture, and add its strongest neighbours. */
async function visit(about) {
  const here = ++turn;
  picture.select(about.id);
  panel.setAttribute("aria-busy", "true");
  const limit = opened.get(about.id) ?? MORE;
  const [entity, part] = await Promise.all([api.details(about.id), api.subgraph([about.id], 1, limit)]);
  if (here !== turn) return;
  if (!opened.has(about.id)) grow(about.id, part, limit);
  shown(entity, part);
}

async function expand(id) {
  const limit = (opened.get(id) ?? 0) + MORE;
  grow(id, await api.subgraph([id], 1, limit), limit);
}

function grow(id, part, limit) {
  if (!picture.has(id)) return;
  const fresh = picture.grow(part, id);
  opened.set(id, limit);
  offered();
  say(fresh.length ? `${fresh.length} more entities` : "nothing more beside it");
}

/** Take away the neighbours of an entity that hang on nothing else. */
function collapse(id) {
  const node = picture.cy.getElementById(id);
  const leaves = node.neighborhood("node").filter((one) => one.neighborhood("node").length === 1);
  picture.remove(leaves.map((leaf) => leaf.id()));
  opened.delete(id);
  offered();
}

function shown(entity, part) {
  picture.select(entity.id);
  offered();
  replace(panel, ...entityPanel(entity, part, does));
  panel.scrollTop = 0;
  say(`${entity.name}, ${called(entity.type)}: ${part.nodes.length - 1} neighbours`);
  document.title = `${entity.name} · Knowledge graph`;
}

/** Show a relation of the picture, or of a timeline: its ends may be something that has no node, such as a user. */
function openRelation(relation) {
  return guarded(async () => {
    const here = ++turn;
    picture.select(keyOf(relation));
    const ends = await Promise.all([relation.source_id, relation.target_id].map(end));
    if (here !== turn) return;
    replace(panel, ...relationPanel(relation, ...ends, does));
    panel.scrollTop = 0;
  });
}

async function end(id) {
  try {
    return await api.details(id);
  } catch (error) {
    if (error.status !== 404) throw error;
    return { id, name: id };
  }
}

async function way(from, to) {
  const here = ++turn;
  const found = await api.path(from.id, to.id);
  const part = await api.subgraph(
    found.entities.map((entity) => entity.id),
    1,
    first() + found.entities.length,
  );
  if (here !== turn) return;
  opened.clear();
  const nodes = [...found.entities.filter((one) => !part.nodes.some((node) => node.id === one.id)), ...part.nodes];
  const known = new Set(part.relations.map(keyOf));
  picture.show(
    { nodes, relations: [...part.relations, ...found.relations.filter((one) => !known.has(keyOf(one)))] },
    found.entities[0].id,
  );
  picture.highlight(found);
  offered();
  replace(panel, ...pathPanel(found, does));
  say(`a path of ${found.relations.length} steps`);
}

/** Show what there is before anything is searched: the communities, or what is named most while none were found yet. */
async function overview() {
  const here = ++turn;
  const { communities } = await api.communities(COMMUNITIES);
  const part = await api.subgraph([], 1, communities.length ? MENTIONED : first());
  if (here !== turn) return;
  search.set(null);
  opened.clear();
  if (communities.length) drawCommunities(communities, part);
  else picture.show(part, part.nodes[0]?.id);
  offered();
  replace(panel, ...overviewPanel(communities, part.nodes, does));
  document.title = "Knowledge graph · Helix";
}

/** Draw communities, with the sizes and relations of those entities that are among the most mentioned. */
function drawCommunities(communities, part) {
  const groups = communities.map((one) => ({
    box: `\u0000community ${one.id}`,
    label: count(one.size, "entity"),
    members: one.entities.slice(0, MEMBERS).map((entity) => entity.id),
  }));
  const box = new Map(groups.flatMap((group) => group.members.map((id) => [id, group.box])));
  const mentioned = new Map(part.nodes.map((node) => [node.id, node]));
  const members = communities.flatMap((one) => one.entities).filter((one) => box.has(one.id));
  const relations = part.relations.filter(
    (one) => box.has(one.source_id) && box.get(one.source_id) === box.get(one.target_id),
  );
  picture.showGroups({ nodes: members.map((one) => mentioned.get(one.id) ?? one), relations }, groups);
}

/** Run what may be refused, and show the refusal where there is one. */
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    replace(panel, ...refusalPanel(error));
    say(error.message);
  }
}

function offered() {
  filters.offer(picture.entities, picture.relations);
}

function say(text) {
  byId("said").textContent = text;
}

/** Say it where answers come from the last snapshot, or lack something. */
function standing({ degraded, as_of: asOf, notes = [] }) {
  if (degraded === undefined) return;
  const note = byId("standing");
  note.hidden = !degraded;
  const since = asOf ? `, of ${when(asOf, true)}` : "";
  note.textContent = degraded ? `Neo4j is away: this is the graph of its last snapshot${since}.` : "";
  note.title = notes.join("; ");
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  Enter: () => picture.selected && guarded(() => visit(picture.selected)),
  Delete: () => picture.selected && does.hide(picture.selected),
  "+": () => picture.zoom(1.25),
  "=": () => picture.zoom(1.25),
  "-": () => picture.zoom(0.8),
  0: () => picture.fit(),
};
byId("canvas").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in STEPS) {
    const there = picture.go(STEPS[event.key]);
    if (there) say(`${there.name}, ${called(there.type)}`);
  } else if (event.key in KEYS) KEYS[event.key]();
  else return;
  event.preventDefault();
});
byId("zoom-in").addEventListener("click", KEYS["+"]);
byId("zoom-out").addEventListener("click", KEYS["-"]);
byId("zoom-fit").addEventListener("click", KEYS[0]);
addEventListener("hashchange", () => guarded(routed));
api.watch(standing);
guarded(routed);
