/* How things are called: kinds of relation, types, times, numbers. */

export const TYPES = ["TECH", "CONCEPT", "PERSON", "ORGANIZATION", "LOCATION", "PRODUCT", "EVENT"];
const TOGETHER = "co_occurs_with";
const COUNTED = new Set([TOGETHER, "associated_with"]);

const NAMES = {
  TECH: "Technology",
  CONCEPT: "Concept",
  PERSON: "Person",
  ORGANIZATION: "Organization",
  LOCATION: "Location",
  PRODUCT: "Product",
  EVENT: "Event",
  [TOGETHER]: "named together",
};
const SHOWN = 28;
const STEPS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
];
const whole = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A type or a kind of relation in words. */
export function called(kind) {
  return NAMES[kind] ?? kind.replaceAll("_", " ");
}

/** Whether a relation was said, in a direction; the others were counted, and have none. */
export function isStated(relation) {
  return !COUNTED.has(relation.type);
}

/** A relation in words, as seen from one of its ends. */
export function verbOf(relation, id) {
  if (relation.type === TOGETHER) return "with";
  return !isStated(relation) || relation.source_id === id ? called(relation.type) : `← ${called(relation.type)}`;
}

/** Type and sub-type of an entity in words. */
export function kindOf(entity) {
  return entity.subtype ? `${called(entity.type)} · ${entity.subtype}` : called(entity.type);
}

/** A number with its noun: `count(1, "entity")` is "1 entity", `count(2, "entity")` is "2 entities". */
export function count(number, noun) {
  const many = noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${whole.format(number)} ${number === 1 ? noun : many}`;
}

/** A day, or with `exact` also the time, from what the API sends; "" for none. */
export function when(time, exact = false) {
  return time ? (exact ? moment : day).format(new Date(time)) : "";
}

/** What stands where there is no figure. */
export const NONE = "–";

/** A number as whole as it can be read, with its unit: 12,345, 3.4, 0.12. */
export function amount(number, unit = "") {
  if (number === null || number === undefined) return NONE;
  const digits = Math.abs(number) >= 100 || Number.isInteger(number) ? 0 : Math.abs(number) >= 1 ? 1 : 2;
  const text = number.toLocaleString(undefined, { maximumFractionDigits: digits });
  return unit ? `${text}\u00a0${unit}` : text;
}

/** A share of [0, 1] in percent. */
export function percent(part) {
  return part === null || part === undefined ? NONE : amount(Math.round(part * 1000) / 10, "%");
}

/** Milliseconds, from a second on in seconds. */
export function milliseconds(number) {
  return number >= 1000 ? amount(number / 1000, "s") : amount(number, "ms");
}

/** Bytes in mebibytes or gibibytes. */
export function bytes(number) {
  return number >= 2 ** 30 ? amount(number / 2 ** 30, "GiB") : amount(number / 2 ** 20, "MiB");
}

/** Seconds in the largest unit that fits. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const [unit, size] = STEPS.find(([, least]) => seconds >= least) ?? ["s", 1];
  return amount(Math.round((seconds / size) * 10) / 10, unit);
}

/** A time of day, to the second. */
export function clock(time) {
  return new Date(time).toLocaleTimeString(undefined, { hour12: false });
}

/** A name cut to what fits under a node, never within a character. */
export function short(text) {
  const letters = Array.from(text.replace(/\s+/g, " "));
  return letters.length > SHOWN ? `${letters.slice(0, SHOWN - 1).join("")}…` : letters.join("");
}
