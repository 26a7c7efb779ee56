/* What is worth saying aloud: that something is better or worse than it was. */

import { called } from "./words.js";

let before = null;

/** Return a sentence for each component and store whose status changed since the last call; none for the first. */
export function changes(health) {
  const now = new Map(statuses(health));
  const last = before ?? now;
  before = now;
  return [...now].filter(([name, status]) => last.has(name) && last.get(name) !== status).map(sentence);
}

/** Yield [name, status] of each component and store of a health report. */
export function* statuses({ components, ...others }) {
  for (const [name, { status }] of [...Object.entries(components), ...storesOf(others)]) yield [name, status];
}

/** The stores of a health report, with their names. */
export function storesOf({ status, components, streams, ...stores }) {
  return Object.entries(stores).filter(([, one]) => typeof one?.status === "string");
}

function sentence([name, status]) {
  return `${called(name)} is ${called(status)}`;
}
