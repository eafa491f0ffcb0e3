// Plots as SVG: sizes in per cent, so that words stay as large as those around them, on every screen.

import { day } from "/portal/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 46;
const MARK = 20;
const PLOT_TOP = 16;
const DECADE = 44;

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const words = (text, x, y, kind = "", anchor = "start") => svg("text", { x, y, class: kind, "text-anchor": anchor }, text);
const percent = (part) => `${(100 * Math.min(Math.max(part, 0), 1)).toFixed(2)}%`;
const anchorAt = (part) => (part > 0.8 ? "end" : part < 0.2 ? "start" : "middle");

const picture = (label, height, ...children) => svg("svg", { class: "plot", role: "img", "aria-label": label, width: "100%", height }, ...children);

/**
 * When things hold. rows: [{label, start, end, kind}], times as ISO; marks: [{at, label}], in order, each on a line of its own.
 * What it shows must be said in words beside it as well.
 */
export function timeline(label, rows, marks, now = new Date().toISOString()) {
  const times = [...rows.flatMap((each) => [each.start, each.end]), ...marks.map((each) => each.at)].map(Date.parse);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const at = (iso) => (Date.parse(iso) - first) / Math.max(last - first, 1);
  const top = MARK * marks.length + 14;
  const height = top + ROW * rows.length + 34;
  const bars = rows.flatMap((row, place) => {
    const y = top + place * ROW;
    return [words(row.label, 0, y + 14), svg("rect", { x: percent(at(row.start)), width: percent(at(row.end) - at(row.start)), y: y + 20, height: 14, rx: 4, class: row.kind ?? "" })];
  });
  const lines = marks.flatMap((mark, place) => {
    const x = percent(at(mark.at));
    const y = MARK * place + 14;
    return [svg("line", { x1: x, x2: x, y1: y + 4, y2: height - 26, class: mark.kind ?? "" }), words(mark.label, x, y, mark.kind ?? "", anchorAt(at(mark.at)))];
  });
  const today = Date.parse(now) > first && Date.parse(now) < last
    ? [svg("line", { x1: percent(at(now)), x2: percent(at(now)), y1: top, y2: height - 26, class: "today" }),
      words("today", percent(at(now)), height - 6, "today", anchorAt(at(now)))] : [];
  const ends = [words(day(new Date(first).toISOString()), 0, height - 6), words(day(new Date(last).toISOString()), "100%", height - 6, "", "end")]
    .filter((_, place) => !today.length || Math.abs(at(now) - place) > 0.25);
  return picture(label, height, ...lines, ...bars, ...today, ...ends);
}

/** Shares with how sure they are. rows: [{label, share, low, high, told}]; the scale goes from 0 to the highest. */
export function shares(label, rows) {
  const most = Math.max(...rows.map((row) => row.high), Number.MIN_VALUE);
  const drawn = rows.flatMap((row, place) => {
    const y = place * ROW;
    const [low, high] = [row.low / most, row.high / most];
    return [words(row.label, 0, y + 14), words(row.told, "100%", y + 14, "quiet", "end"),
      svg("rect", { x: 0, width: "100%", y: y + 20, height: 14, rx: 4, class: "ground" }),
      svg("rect", { x: 0, width: percent(row.share / most), y: y + 20, height: 14, rx: 4 }),
      svg("line", { x1: percent(low), x2: percent(high), y1: y + 27, y2: y + 27, class: "range" })];
  });
  return picture(label, ROW * rows.length, ...drawn);
}

/**
 * Shares along a sequence, on a logarithmic scale. points: [{at, share, low, high, told}]; a line goes from low to high.
 * What it shows must be said in words beside it as well.
 */
export function positions(label, points) {
  const [first, last] = [Math.min(...points.map((each) => each.at)), Math.max(...points.map((each) => each.at))];
  const decades = Math.max(1, Math.ceil(-Math.log10(Math.max(Math.min(...points.map((each) => each.low)), 1e-6))));
  const bottom = PLOT_TOP + DECADE * decades;
  const x = (at) => percent((0.5 + (99 * (at - first)) / Math.max(last - first, 1)) / 100);
  const y = (share) => PLOT_TOP - DECADE * Math.max(Math.log10(Math.max(share, 1e-9)), -decades);
  const ground = Array.from({ length: decades + 1 }, (_, power) => {
    const height = PLOT_TOP + DECADE * power;
    return [words(String(10 ** -power), -12, height + 4, "quiet", "end"), svg("line", { x1: 0, x2: "100%", y1: height, y2: height })];
  }).flat();
  const marks = points.map((each) => svg("g", {}, svg("title", {}, each.told),
    svg("line", { x1: x(each.at), x2: x(each.at), y1: y(each.low), y2: y(each.high), class: "range" }),
    svg("circle", { cx: x(each.at), cy: y(each.share), r: 4 })));
  const ends = [words(first.toLocaleString("en"), 0, bottom + MARK), words(last.toLocaleString("en"), "100%", bottom + MARK, "", "end")];
  const drawn = picture(label, bottom + MARK + 8, ...ground, ...marks, ...ends);
  drawn.classList.add("scaled");
  return drawn;
}

/** The interval of Wilson for `count` of `all`, at 95 %: honest also for few. */
export function interval(count, all, z = 1.96) {
  const share = count / all;
  const middle = (share + (z * z) / (2 * all)) / (1 + (z * z) / all);
  const half = (z * Math.sqrt((share * (1 - share)) / all + (z * z) / (4 * all * all))) / (1 + (z * z) / all);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
