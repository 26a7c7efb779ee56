/* A field that finds entities while one types: a combobox with a list, as the ARIA practices describe it. */

import { Refusal, search } from "./api.js";
import { make, name } from "./dom.js";
import { called, count, kindOf } from "./words.js";

const PAUSE_MS = 150;
const FOUND = 10;

/** Fill `place` with a finder; `onChosen` gets the entity. Returns what sets its entity from outside. */
export function finder(place, { label, placeholder, types = () => [], onChosen }) {
  const list = make("ul", {
    class: "found",
    id: `${place.id}-list`,
    role: "listbox",
    "aria-label": label,
    hidden: true,
  });
  const input = make("input", {
    type: "search",
    role: "combobox",
    id: `${place.id}-input`,
    placeholder,
    "aria-label": label,
    "aria-expanded": "false",
    "aria-controls": list.id,
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    dir: "auto",
    maxlength: "256",
  });
  place.replaceChildren(input, list);
  let found = [],
    active = -1,
    waiting = 0,
    asked = null,
    chosen = null;

  function close() {
    clearTimeout(waiting);
    asked?.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  }

  function open(...items) {
    list.replaceChildren(...items);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    active = -1;
  }

  function choose(entity) {
    chosen = entity;
    input.value = entity.name;
    close();
    onChosen(entity);
  }

  function move(step) {
    if (!found.length || list.hidden) return;
    const options = list.children;
    options[active]?.setAttribute("aria-selected", "false");
    active = (active + step + (active < 0 && step < 0 ? 1 : 0) + found.length) % found.length;
    options[active].setAttribute("aria-selected", "true");
    options[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[active].id);
  }

  async function look() {
    const query = input.value.trim();
    if (!query) return close();
    clearTimeout(waiting);
    asked?.abort();
    asked = new AbortController();
    try {
      found = (await search(query, types(), FOUND, asked.signal)).found;
      open(...(found.length ? found.map((entity, at) => option(entity, at)) : [note(`No entity like “${query}”`)]));
    } catch (error) {
      if (error instanceof Refusal) open(note(error.message));
      else if (error.name !== "AbortError") throw error;
    }
  }

  async function take() {
    if (chosen) return onChosen(chosen);
    if (active < 0) await look();
    if (found.length && !list.hidden) choose(found[Math.max(active, 0)]);
  }

  function option(entity, at) {
    const also =
      entity.matched && entity.matched !== entity.name
        ? make("span", { class: "also" }, " also ", name(entity.matched))
        : null;
    const about = make("span", { class: "about", text: `${kindOf(entity)}, ${count(entity.mentions, "mention")}` });
    return make(
      "li",
      {
        role: "option",
        id: `${list.id}-${at}`,
        "aria-selected": "false",
        on: {
          pointerdown: (event) => {
            event.preventDefault();
            choose(entity);
          },
        },
      },
      make("span", { class: "dot", "data-type": entity.type, title: called(entity.type) }),
      make("span", {}, name(entity.name), also),
      about,
    );
  }

  input.addEventListener("input", () => {
    chosen = null;
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      if (list.hidden) look();
      else move(steps[event.key]);
    } else if (event.key === "Escape") close();
    else if (event.key === "Enter") {
      event.preventDefault();
      take();
    }
  });
  input.addEventListener("blur", close);

  return {
    get chosen() {
      return chosen;
    },
    set(entity) {
      chosen = entity;
      input.value = entity?.name ?? "";
    },
    focus() {
      input.focus();
    },
  };
}

function note(text) {
  return make("li", { class: "none", role: "option", "aria-disabled": "true", text });
}
