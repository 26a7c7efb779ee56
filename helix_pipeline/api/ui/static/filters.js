/* What of the picture shows: chips for types and relations, which are its legend too, and the least strength. */

import { make } from "./dom.js";
import { called, isStated, TYPES } from "./words.js";

export class Filters {
  /** Fill `place`; `onChange` is called with a function that says of an entity or relation whether it shows. */
  constructor(place, onChange) {
    this.off = new Set();
    this.least = 0;
    this.types = make("div", { class: "chips", role: "group", "aria-label": "Types" });
    this.kinds = make("div", { class: "chips", role: "group", "aria-label": "Relations" });
    const said = make("output", { text: "0" });
    const range = make("input", {
      type: "range",
      min: 0,
      max: 100,
      value: 0,
      id: "least",
      "aria-label": "Least strength in percent",
      on: {
        input: () => {
          this.least = range.value / 100;
          said.value = range.value;
          this.#tell();
        },
      },
    });
    place.replaceChildren(this.types, this.kinds, make("label", { class: "least" }, "Strength ≥ ", range, said, "%"));
    this.onChange = onChange;
  }

  /** The types that a search should find: all where none is left out. */
  get wanted() {
    return TYPES.some((type) => this.off.has(type)) ? TYPES.filter((type) => !this.off.has(type)) : [];
  }

  /** Offer what the picture has of types and relations. */
  offer(entities, relations) {
    const present = new Set(entities.map((entity) => entity.type));
    const kinds = [...new Set(relations.map((relation) => relation.type))].sort();
    this.types.replaceChildren(
      ...[...new Set([...TYPES, ...present])]
        .filter((type) => present.has(type) || this.off.has(type))
        .map((type) => this.#chip(type, { "data-type": type })),
    );
    this.kinds.replaceChildren(
      ...kinds.map((kind) => this.#chip(kind, { "data-kind": isStated({ type: kind }) ? "stated" : "together" })),
    );
  }

  /** Say whether an entity or relation shows. */
  shows = (one) => !this.off.has(one.type) && (one.strength === undefined || one.strength >= this.least);

  #chip(kind, look) {
    const chip = make(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-pressed": String(!this.off.has(kind)),
        ...look,
        on: {
          click: () => {
            if (!this.off.delete(kind)) this.off.add(kind);
            chip.setAttribute("aria-pressed", String(!this.off.has(kind)));
            this.#tell();
          },
        },
      },
      make("span", { class: "dot", "aria-hidden": "true", ...look }),
      called(kind),
    );
    return chip;
  }

  #tell() {
    this.onChange(this.shows);
  }
}
