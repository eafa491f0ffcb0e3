// Clocks in words.

import { day, element } from "/portal/dom.js";
import { silenceMeans } from "/portal/words.js";

const DAY_MS = 86_400_000;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** `12 Jan 2027, in 9 days`. */
export function when(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return String(iso);
  return `${day(iso)}, ${relative.format(Math.round((time - Date.now()) / DAY_MS), "day")}`;
}

/** What a clock says, line by line. */
export function clockLines(clock = {}, silence = "") {
  if (clock.stopped) return [`The clock stands still since ${day(clock.stopped)}: it waits for the applicant.`];
  const lines = [];
  if (clock.due) lines.push(`This step is due ${when(clock.due)}.`);
  if (clock.deadline) lines.push(`A decision is due ${when(clock.deadline)}. ${silenceMeans(silence)}`.trim());
  return lines;
}

export const clock = (told, silence) =>
  element("div", { className: "clock" }, ...clockLines(told, silence).map((text) => element("p", { text })));
