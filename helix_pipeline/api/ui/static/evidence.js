/* The messages that are the evidence: fetched one by one, shown with the names marked and what was said around them. */

import { evidence, Refusal } from "./api.js";
import { button, make, name, replace } from "./dom.js";
import { when } from "./words.js";

const AT_ONCE = 3;
const EXCERPT = 420;

/** A list of the messages at `places`, the first fetched at once; `about` is `{ids, names}` of what they tell of. */
export function messages(places, about) {
  if (!places.length) return make("p", { class: "none", text: "No message is kept with it." });
  const list = make("ol", { class: "messages" });
  const more = button("", show, { class: "more" });
  let shown = 0;
  async function show() {
    const next = places.slice(shown, shown + AT_ONCE);
    shown += next.length;
    more.hidden = shown >= places.length;
    more.textContent = `Show more (${places.length - shown})`;
    const items = next.map(() => make("li", { class: "message", "aria-busy": "true", text: "…" }));
    list.append(...items);
    // One by one: they are often of one conversation, which the API then knows already.
    for (const [at, place] of next.entries()) await fill(items[at], place, about);
  }
  show();
  return make("div", {}, list, more);
}

async function fill(item, place, about) {
  try {
    const found = await evidence(place, about.ids);
    item.replaceWith(...found.messages.map((one) => card(found.conversation_id, one, about.names)));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const again = button("Try again", () => fill(item, place, about));
    replace(
      item,
      make("p", { class: "none", text: error.message }),
      error.hint && make("p", { class: "about", text: error.hint }),
      again,
    );
  }
}

function card(conversation_id, { message, before, after }, names) {
  const around =
    before.length + after.length > 0 &&
    make(
      "details",
      {},
      make("summary", { text: "What was said around it" }),
      ...before.map(aside),
      make("p", { class: "here", text: "⋯" }),
      ...after.map(aside),
    );
  const head = make(
    "p",
    { class: "who" },
    make("strong", {}, name(message.speaker)),
    " ",
    make("time", { datetime: message.timestamp, text: when(message.timestamp, true) }),
  );
  const where = make("p", { class: "about" }, "conversation ", make("bdi", { class: "id", text: conversation_id }));
  return make(
    "li",
    { class: "message", "data-message": message.message_id },
    head,
    body(message.content, names),
    where,
    around,
  );
}

function aside(message) {
  const text = message.content.length > EXCERPT ? `${message.content.slice(0, EXCERPT)}…` : message.content;
  return make(
    "p",
    { class: "aside" },
    make("strong", {}, name(message.speaker)),
    ": ",
    make("span", { dir: "auto", text }),
  );
}

/** A text with the names marked; a long one is cut around the first of them until all of it is asked for. */
function body(text, names) {
  const place = make("blockquote", { dir: "auto" });
  const parts = marked(text, names);
  const first = parts.findIndex((part) => part.mark);
  const begin = Math.max(0, first < 0 ? 0 : lengthOf(parts.slice(0, first)) - EXCERPT / 3);
  const whole = () => replace(place, ...parts.map(shown));
  if (text.length <= EXCERPT) whole();
  else {
    const cut = marked(text.slice(begin, begin + EXCERPT), names).map(shown);
    replace(
      place,
      begin > 0 && "…",
      ...cut,
      begin + EXCERPT < text.length && "… ",
      button("all of it", whole, { class: "link" }),
    );
  }
  return place;
}

function shown({ text, mark }) {
  return mark ? make("mark", { text }) : document.createTextNode(text);
}

function lengthOf(parts) {
  return parts.reduce((sum, part) => sum + part.text.length, 0);
}

/** Cut a text where one of the names stands as a word of its own, whatever its case: `{text, mark}` in order. */
export function marked(text, names) {
  const wanted = [...new Set(names)]
    .filter(Boolean)
    .sort((a, b) => b.length - a.length)
    .map(RegExp.escape ?? escaped);
  if (!wanted.length) return [{ text, mark: false }];
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${wanted.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  return text
    .split(pattern)
    .map((part, at) => ({ text: part, mark: at % 2 === 1 }))
    .filter((part) => part.text);
}

function escaped(name) {
  return name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
