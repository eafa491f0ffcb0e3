// Plots as SVG: sizes in per cent, so that words stay as large as those around them, on every screen.

import { day } from "/portal/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 46;
const MARK = 20;

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

/** The interval of Wilson for `count` of `all`, at 95 %: honest also for few. */
export function interval(count, all, z = 1.96) {
  const share = count / all;
  const middle = (share + (z * z) / (2 * all)) / (1 + (z * z) / all);
  const half = (z * Math.sqrt((share * (1 - share)) / all + (z * z) / (4 * all * all))) / (1 + (z * z) / all);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
