/* Tables that a phone shows as cards: roles stand in words, as a cell that is laid out anew loses its own. */

import { make } from "./dom.js";

const HEAD = { role: "columnheader", scope: "col" };

/** Make a table: each column is [title, what a cell of a row holds, kind], the first names the row. */
export function table(columns, rows, caption) {
  const heads = columns.map(([title, , kind]) => make("th", { ...HEAD, class: kind, text: title }));
  return make(
    "table",
    { role: "table" },
    make("caption", { class: "unseen", text: caption }),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)),
    make("tbody", { role: "rowgroup" }, ...rows.map((row) => line(columns, row))),
  );
}

function line(columns, row) {
  const cells = columns.map(([title, cell, kind], place) => {
    const own = place ? { role: "cell" } : { role: "rowheader", scope: "row" };
    return make(place ? "td" : "th", { ...own, class: kind, "data-title": title }, cell(row));
  });
  return make("tr", { role: "row" }, ...cells);
}
