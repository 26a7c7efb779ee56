/* The form for the shortest path: two entities, each with a finder. */

import { finder } from "./finder.js";

/** Wire the form; `onAsked` gets both entities. Returns what opens it with the first of them set. */
export function pathForm(form, opener, onAsked) {
  const [fromPlace, toPlace] = form.querySelectorAll(".finder");
  const from = finder(fromPlace, { label: "From", placeholder: "From …", onChosen: () => to.focus() });
  const to = finder(toPlace, { label: "To", placeholder: "To …", onChosen: ask });

  function ask() {
    if (!from.chosen) return from.focus();
    if (!to.chosen) return to.focus();
    return onAsked(from.chosen, to.chosen);
  }

  function show(open) {
    form.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) (from.chosen ? to : from).focus();
  }

  opener.addEventListener("click", () => show(form.hidden));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  return {
    open(entity) {
      from.set(entity);
      show(true);
    },
  };
}
