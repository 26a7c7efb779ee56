/* The page: each part is asked for by itself, so that one that is away hides no other. */

import * as api from "./api.js";
import { make } from "./dom.js";
import { Poll } from "./poll.js";
import { healthPart, jobsPart, providersPart, streamsPart, systemPart } from "./status_parts.js";
import { changes } from "./status_changes.js";
import { clock } from "./words.js";

const OFTEN_MS = 5_000,
  SELDOM_MS = 30_000;
const JOBS = 10;
const byId = (id) => document.getElementById(id);

/** A part of the page: its title stays, then when it is of or why it is not, then what it shows. */
class Part {
  constructor(id, draw) {
    this.draw = draw;
    this.note = make("p", { class: "age" });
    this.place = make("div", { class: "shown", "aria-busy": true });
    byId(id).append(this.note, this.place);
  }

  show(body, at) {
    this.place.removeAttribute("aria-busy");
    this.place.classList.remove("old");
    this.note.classList.remove("missing");
    this.note.replaceChildren("as of ", time(at));
    this.place.replaceChildren(...this.draw(body).filter(Boolean));
  }

  fail(error, answered) {
    this.place.removeAttribute("aria-busy");
    this.place.classList.add("old");
    this.note.classList.add("missing");
    this.note.replaceChildren(...since(answered), `: ${why(error)}`);
  }
}

/** Ask for some parts together; `heard` is told of each answer, or of the refusal and when the last answer came. */
function follow(ask, every, parts, heard = () => {}) {
  const show = (body, at) => {
    parts.forEach((part) => part.show(body, at));
    heard(body);
  };
  const fail = (error, answered) => {
    parts.forEach((part) => part.fail(error, answered));
    heard(null, error, answered);
  };
  return new Poll(ask, { every, show, fail });
}

/** Say it on top while the API itself does not answer, and aloud when something changes. */
function standing(health, error, answered) {
  const note = byId("standing");
  const gone = error?.status === 0;
  if (gone && note.hidden) note.replaceChildren("The API is away: ", ...since(answered), ". Is `helix api` running?");
  note.hidden = !gone;
  const said = health ? changes(health) : [];
  if (said.length) say(said.join(", "));
}

function since(answered) {
  return answered ? ["no answer since ", time(answered)] : ["no answer yet"];
}

function why(error) {
  return [error.message, error.hint].filter(Boolean).join(" – ");
}

function time(at) {
  return make("time", { datetime: new Date(at).toISOString(), text: clock(at) });
}

function say(text) {
  byId("said").textContent = text;
}

const polls = [
  follow(api.health, OFTEN_MS, [new Part("health", healthPart), new Part("streams", streamsPart)], standing),
  follow(() => api.providers("24h", "hour"), SELDOM_MS, [new Part("providers", providersPart)]),
  follow(() => api.jobs(JOBS), OFTEN_MS, [new Part("jobs", jobsPart)]),
  follow(api.system, OFTEN_MS, [new Part("system", systemPart)]),
];

byId("pause").addEventListener("click", ({ target }) => {
  const paused = target.getAttribute("aria-pressed") !== "true";
  target.setAttribute("aria-pressed", paused);
  polls.forEach((poll) => poll.pause(paused));
  say(paused ? "paused" : "goes on");
});
