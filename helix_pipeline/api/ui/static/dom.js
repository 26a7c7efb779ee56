/* Builds elements. Text goes in as text, never as markup: names and messages are whatever somebody wrote. */

/**
 * Make an element. `attributes` are set as they are, `on` is an object of listeners, `text` is its text; a child that
 * is null or false is left out, a string becomes text.
 */
export function make(tag, { on = {}, text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  if (text !== undefined) element.append(String(text));
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that does something. */
export function button(text, onClick, attributes = {}) {
  return make("button", { type: "button", text, on: { click: onClick }, ...attributes });
}

/** A name that may be written in any direction, set apart from the text around it. */
export function name(text) {
  return make("bdi", { class: "name", text });
}

/** A heading with its contents, or null where there are none. */
export function section(title, ...contents) {
  const shown = contents.filter(Boolean);
  return shown.length ? make("section", {}, make("h3", { text: title }), ...shown) : null;
}

/** A place that is filled later; `busy` until then. */
export function replace(place, ...contents) {
  place.removeAttribute("aria-busy");
  place.replaceChildren(...contents.filter(Boolean));
}
