/* The stated relations of an entity over time: a bar each, those that were closed greyed, with what closed them. */

import { button, make, name } from "./dom.js";
import { called, when } from "./words.js";

/** A list of relations in the order of the time since when they hold. `nameOf` gives the name of an id. */
export function timeline(relations, nameOf, onOpen) {
  const times = relations
    .flatMap((one) => [Date.parse(one.valid_from), one.valid_to ? Date.parse(one.valid_to) : Date.now()])
    .filter(Number.isFinite);
  const span = { from: Math.min(...times), to: Math.max(...times) };
  return make("ol", { class: "timeline" }, ...relations.map((one) => entry(one, span, nameOf, onOpen)));
}

function entry(relation, span, nameOf, onOpen) {
  const words = [name(nameOf(relation.source_id)), ` ${called(relation.type)} `, name(nameOf(relation.target_id))];
  const title = button("", () => onOpen(relation), { class: "link" });
  title.append(...words);
  const time = make("p", { class: "about" }, period(relation));
  if (relation.closed_by) time.append(", closed by ", make("bdi", { class: "id", text: relation.closed_by.message_id }));
  return make("li", { class: relation.valid_to ? "closed" : "open" }, title, time, bar(relation, span));
}

/** From when to when a relation holds, in words. */
export function period({ valid_from: from, valid_to: to, frequency }) {
  if (!from) return frequency ? "" : "time unknown";
  return to ? `${when(from)} – ${when(to)}` : `since ${when(from)}`;
}

function bar({ valid_from: from, valid_to: to }, span) {
  const length = Math.max(1, span.to - span.from);
  const share = (time) => (100 * (time - span.from)) / length;
  const inner = make("span", {});
  const begin = from ? share(Date.parse(from)) : 0;
  inner.style.setProperty("margin-inline-start", `${begin}%`);
  inner.style.setProperty("width", `${Math.max(1.5, (to ? share(Date.parse(to)) : 100) - begin)}%`);
  return make("span", { class: "period", "aria-hidden": "true" }, inner);
}
