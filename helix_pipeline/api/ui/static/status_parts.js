/* What each part of the page shows, from what the API says. */

import { make, name } from "./dom.js";
import { sparkline } from "./sparkline.js";
import { storesOf } from "./status_changes.js";
import { table } from "./table.js";
import { NONE, amount, bytes, called, clock, duration, milliseconds, percent, when } from "./words.js";

const LEVELS = {
  good: ["healthy", "connected", "running", "succeeded"],
  fair: ["degraded", "queued"],
  bad: ["unhealthy", "unreachable", "failed", "lost"],
};
const SIGNS = { good: "●", fair: "▲", bad: "■", off: "○" };

/** A status as a word with a sign: the colour alone says nothing. */
function badge(status) {
  const level = Object.keys(LEVELS).find((one) => LEVELS[one].includes(status)) ?? "off";
  const sign = make("span", { "aria-hidden": "true", text: SIGNS[level] });
  return make("span", { class: "badge", "data-level": level, "data-status": status }, sign, ` ${called(status)}`);
}

function none(text) {
  return make("p", { class: "none", text });
}

export function healthPart({ status, components, ...others }) {
  const cards = Object.entries(components).map(([key, one]) =>
    make(
      "li",
      { class: "card", "data-name": key },
      make("h3", { text: called(key) }),
      badge(one.status),
      one.status !== "disabled" && make("span", { class: "about", text: ` ${milliseconds(one.latency_ms)}` }),
      one.detail && make("p", { text: one.detail }),
    ),
  );
  return [
    make("p", { class: "overall" }, "All in all: ", badge(status)),
    make("ul", { class: "cards" }, ...cards),
    make("h3", { text: "Stores" }),
    table(STORES, storesOf(others), "Stores"),
  ];
}

const STORES = [
  ["Store", ([key]) => called(key), "word"],
  ["Status", ([, one]) => badge(one.status)],
  ["Version", ([, one]) => one.version ?? NONE, "word"],
  ["Latency", ([, one]) => milliseconds(one.latency_ms), "number"],
  ["Detail", ([, one]) => one.detail ?? (one.brokers === undefined ? "" : `brokers: ${one.brokers}`), "text"],
];

const STREAMS = [
  ["Stream", (one) => one.query, "word"],
  ["State", (one) => badge(one.state)],
  ["Records/s", (one) => amount(one.rows_per_second), "number"],
  ["Behind", (one) => amount(one.lag), "number"],
  ["Batch", (one) => duration(one.batch_seconds), "number"],
];

export function streamsPart({ streams }) {
  const queries = streams?.queries ?? [];
  if (!queries.length) return [none("No stream has run yet: `helix stream` starts them.")];
  return [table(STREAMS, queries, "Streams")];
}

export function providersPart({ providers, series, from, to, degraded, notes }) {
  const span = [Date.parse(from), Date.parse(to)];
  const drawn = (one) => trend((series ?? []).filter((point) => point.provider === one.provider), span);
  const columns = [
    ["Provider", (one) => name(one.provider)],
    ["Requests", (one) => amount(one.total_requests), "number"],
    ["p95 by hour", drawn],
    ["Mean", (one) => milliseconds(one.avg_response_time_ms), "number"],
    ["p95", (one) => milliseconds(one.p95_response_time_ms), "number"],
    ["Errors", (one) => percent(one.error_rate), "number"],
    ["Win rate", wins, "number"],
    ["Confidence", (one) => percent(one.avg_confidence), "number"],
  ];
  const said = degraded ? ["ClickHouse is away: these figures are of the lake.", ...notes] : notes;
  return [
    said.length > 0 && make("p", { class: "hint", text: said.join(" ") }),
    providers.length
      ? table(columns, providers, "Providers")
      : none("No provider was called in the last 24 hours."),
  ];
}

function trend(points, span) {
  if (!points.length) return NONE;
  const pairs = points.map((point) => [Date.parse(point.time), point.p95_response_time_ms]);
  const values = pairs.map(([, value]) => value);
  const said = `p95 from ${milliseconds(Math.min(...values))} to ${milliseconds(Math.max(...values))}`;
  return sparkline(pairs, span, said);
}

function wins({ win_rate: rate, win_rate_interval: interval }) {
  return interval ? `${percent(rate)} (${percent(interval[0])} to ${percent(interval[1])})` : NONE;
}

const JOBS = [
  ["Job", (one) => make("span", { title: one.job_id, text: one.job_type })],
  ["Status", (one) => badge(one.status)],
  ["Progress", (one) => make("progress", { max: 1, value: one.progress, "aria-label": percent(one.progress) })],
  ["Accepted", (one) => when(one.submitted_at, true)],
  ["Took", (one) => duration(took(one)), "number"],
  ["Rows", (one) => amount(one.rows_processed), "number"],
  ["Error", (one) => one.error ?? "", "text"],
];

function took({ started_at: started, ended_at: ended }) {
  return started ? ((ended ? Date.parse(ended) : Date.now()) - Date.parse(started)) / 1000 : null;
}

export function jobsPart({ jobs }) {
  return [jobs.length ? table(JOBS, jobs, "Jobs") : none("No job was submitted yet: `helix jobs submit` does it.")];
}

export function systemPart(found) {
  const facts = [
    ["Up for", duration(found.uptime_s)],
    ["Processor", `${percent(found.cpu_percent / 100)} of ${found.cores} cores`],
    ["Memory", `${bytes(found.memory.available)} of ${bytes(found.memory.total)} free`],
    ["The API's memory", bytes(found.memory.process)],
    ["Requests", found.requests_per_minute === null ? NONE : `${amount(found.requests_per_minute)} a minute`],
    ["Errors", percent(found.error_rate)],
    ["p95 of an answer", milliseconds(found.p95_duration_ms)],
  ];
  const pairs = facts.map(([term, text]) => make("div", {}, make("dt", { text: term }), make("dd", { text })));
  return [make("dl", { class: "facts" }, ...pairs)];
}
