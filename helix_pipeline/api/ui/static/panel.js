/* What is known of what was chosen, in words: everything that the picture shows can be read and reached here too. */

import { messages } from "./evidence.js";
import { button, make, name, section } from "./dom.js";
import { period, timeline } from "./timeline.js";
import { count, isStated, kindOf, verbOf, when } from "./words.js";

const EVIDENCE = 12;
const RELATED = 6;

/** An entity: what it is, its relations, its messages. `does` has what its buttons do. */
export function entityPanel(entity, neighbours, does) {
  const about = { ids: [entity.id], names: namesOf(entity) };
  const near = new Map(neighbours.nodes.map((node) => [node.id, node]));
  const others = new Map((entity.others ?? []).map((other) => [other.id, other]));
  const nameOf = (id) => (id === entity.id ? entity : (near.get(id) ?? others.get(id)))?.name ?? id;
  const own = neighbours.relations.filter((one) => one.source_id === entity.id || one.target_id === entity.id);
  own.sort((a, b) => b.strength - a.strength);
  return [
    heading(entity, does),
    section("Also called", entity.aliases.length && aliases(entity.aliases)),
    section("Related", own.length && related(entity, own, near, does)),
    section("Evidence", messages(places(own, entity), about)),
    section("Timeline", entity.timeline.length && timeline(entity.timeline, nameOf, does.openRelation)),
    section("Conversations", entity.conversations.length && conversations(entity.conversations, about)),
  ];
}

/** A relation: between whom, how strong, since when, and the messages that say so. */
export function relationPanel(relation, source, target, does) {
  const ends = [source, target].map((entity) => {
    const open = button("", () => does.openEntity(entity), { class: "link", "data-entity": entity.id });
    open.append(name(entity.name));
    return open;
  });
  const title = make(
    "h2",
    {},
    ends[0],
    make("span", { class: "verb", text: ` ${verbOf(relation, relation.source_id)} ` }),
    ends[1],
  );
  const facts = make(
    "dl",
    { class: "facts" },
    ...fact("Strength", strength(relation.strength)),
    ...(relation.frequency
      ? fact(isStated(relation) ? "Said in" : "Named together in", count(relation.frequency, "message"))
      : []),
    ...(relation.valid_from ? fact("Holds", period(relation)) : []),
    ...(relation.learnt_at ? fact("Learnt", when(relation.learnt_at, true)) : []),
  );
  const about = { ids: [source.id, target.id], names: [source, target].flatMap(namesOf) };
  return [
    title,
    facts,
    ...(relation.closed_by ? [section("Closed by", messages([relation.closed_by], about))] : []),
    section("Evidence", messages(placesOf(relation, source, target), about)),
  ];
}

/** A way between two entities, step by step, each told in the direction in which one walks. */
export function pathPanel(path, does) {
  const steps = path.relations.map((relation, at) => {
    const [here, there] = [path.entities[at], path.entities[at + 1]];
    const open = button("", () => does.openRelation(relation), { class: "link" });
    open.append(
      name(here.name),
      make("span", { class: "verb", text: ` ${verbOf(relation, here.id)} ` }),
      name(there.name),
    );
    return make("li", {}, open, strength(relation.strength));
  });
  const ends = [path.entities[0], path.entities.at(-1)];
  const title = make("h2", {}, name(ends[0].name), make("span", { class: "verb", text: " to " }), name(ends[1].name));
  return [
    title,
    make("p", { class: "about", text: count(steps.length, "step") }),
    make("ol", { class: "rows steps" }, ...steps),
  ];
}

/** The communities of the graph, each with the entities that are named most in it; without any, the most named. */
export function overviewPanel(communities, mentioned, does) {
  const cards = communities.map((one) => card(count(one.size, "entity"), one.entities, does));
  if (!cards.length && mentioned.length) cards.push(card("Named most often", mentioned, does));
  const hint = cards.length
    ? "Search for an entity, or start with one that is named often."
    : "The graph is empty: publish conversations with `helix ingest`, and let `helix stream` carry them into it.";
  return [
    make("h2", { text: "What is talked about" }),
    make("p", { class: "about", text: hint }),
    make("ul", { class: "cards" }, ...cards),
  ];
}

function card(title, entities, does) {
  const chips = entities.map((entity) => make("li", {}, chip(entity, does)));
  return make(
    "li",
    { class: "card" },
    make("p", { class: "about", text: title }),
    make("ul", { class: "chips" }, ...chips),
  );
}

/** Something that went wrong, or is not there. */
export function refusalPanel(error) {
  return [
    make("h2", { text: error.status === 404 ? "Not found" : "That did not work" }),
    make("p", { text: error.message }),
    error.hint && make("p", { class: "about", text: error.hint }),
  ];
}

function heading(entity, does) {
  const seen = entity.first_seen ? `, ${when(entity.first_seen)} – ${when(entity.last_seen)}` : "";
  const facts = `${count(entity.mentions, "mention")} in ${count(entity.messages, "message")}${seen}`;
  const actions = [
    button("More neighbours", () => does.expand(entity)),
    button("Collapse", () => does.collapse(entity)),
    button("Path from here", () => does.pathFrom(entity)),
    button("Hide", () => does.hide(entity)),
  ];
  return make(
    "header",
    {},
    make("h2", {}, name(entity.name)),
    make(
      "p",
      { class: "about" },
      make("span", { class: "dot", "data-type": entity.type, "aria-hidden": "true" }),
      kindOf(entity),
    ),
    make("p", { class: "about", text: facts }),
    make("div", { class: "actions" }, ...actions),
  );
}

function aliases(known) {
  return make(
    "ul",
    { class: "aliases" },
    ...known.map((alias) =>
      make("li", {}, name(alias.name), alias.reason && make("span", { class: "about", text: ` ${alias.reason}` })),
    ),
  );
}

/** The relations of an entity, the strongest at once, the others when they are asked for. */
function related(entity, own, near, does) {
  const rows = own.map((relation) => relatedRow(relation, entity, near, does));
  const list = make("ul", { class: "rows" }, ...rows.slice(0, RELATED));
  const all = () => (list.append(...rows.slice(RELATED)), more.remove());
  const more = button(`Show all ${rows.length}`, all, { class: "more" });
  return make("div", {}, list, rows.length > RELATED && more);
}

function relatedRow(relation, entity, near, does) {
  const other = near.get(relation.source_id === entity.id ? relation.target_id : relation.source_id);
  const open = button("", () => does.openRelation(relation), { class: "link" });
  const verb = make("span", { class: "verb", text: `${verbOf(relation, entity.id)} ` });
  open.append(verb, name(other?.name ?? relation.target_id));
  const label = { class: "go", "aria-label": `Go to ${other?.name}`, "data-entity": other?.id };
  const go = other && button("→", () => does.openEntity(other), label);
  return make("li", { class: relation.valid_to ? "closed" : null }, open, strength(relation.strength), go);
}

function conversations(named, about) {
  return make(
    "ul",
    { class: "rows conversations" },
    ...named.map((one) => {
      const opened = () =>
        inside.open && inside.children.length === 1 && inside.append(messages([within(one)], about));
      const inside = make("details", { on: { toggle: opened } });
      const often = ` ${count(one.count, "mention")}, ${when(one.first)} – ${when(one.last)}`;
      inside.append(
        make(
          "summary",
          {},
          make("bdi", { class: "id", text: one.conversation_id }),
          make("span", { class: "about", text: often }),
        ),
      );
      return make("li", {}, inside);
    }),
  );
}

/** All names that a text may have for an entity. */
function namesOf(entity) {
  return [entity.name, ...(entity.aliases ?? []).map((alias) => alias.name)];
}

/** The messages behind the strongest relations, each once; where there are none, the entity's conversations. */
function places(relations, entity) {
  const found = new Map(relations.flatMap((one) => one.evidence).map((place) => [JSON.stringify(place), place]));
  return (found.size ? [...found.values()] : entity.conversations.map(within)).slice(0, EVIDENCE);
}

/** The messages behind a relation; where none is kept with it, the conversations that name both ends. */
function placesOf(relation, source, target) {
  const named = new Set((target.conversations ?? []).map((one) => one.conversation_id));
  const shared = (source.conversations ?? []).filter((one) => named.has(one.conversation_id));
  return relation.evidence.length ? relation.evidence : shared.map(within).slice(0, EVIDENCE);
}

/** Somewhere in a conversation. */
function within({ conversation_id }) {
  return { conversation_id, message_id: null };
}

function chip(entity, does) {
  const open = button("", () => does.openEntity(entity), { class: "chip", "data-entity": entity.id });
  open.append(make("span", { class: "dot", "data-type": entity.type, "aria-hidden": "true" }), name(entity.name));
  return open;
}

function strength(value) {
  return make("meter", {
    min: 0,
    max: 1,
    value: value.toFixed(3),
    title: `strength ${value.toFixed(2)}`,
    "aria-label": `strength ${value.toFixed(2)}`,
  });
}

function fact(title, value) {
  return [make("dt", { text: title }), make("dd", {}, value)];
}
