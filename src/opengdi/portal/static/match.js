// "May I use it?": what the conditions of datasets say to a purpose, with every reason.

import { badge, day, element } from "/portal/dom.js";
import { post } from "/portal/session.js";
import { verdict } from "/portal/words.js";

/** By dataset. Raises Refused. */
export async function matches(purpose, duo, datasets, environment = "") {
  if (!datasets.length) return new Map();
  const body = { purpose, duo, datasets, ...(environment && { environment }) };
  const { items } = await post("/access/v1/match", body);
  return new Map(items.map((item) => [item.dataset, item]));
}

/** The verdict with its reasons and the duties that would follow. */
export function matchBox(found) {
  if (!found) return element("p", { className: "hint", text: "Not compared yet." });
  const [word, kind, meaning] = verdict(found.verdict);
  const reasons = (found.findings ?? []).map((each) => element("li", { className: verdict(each.verdict)[1] },
    badge(verdict(each.verdict)[0], verdict(each.verdict)[1]), " ",
    each.reason, each.code ? element("span", { className: "code", text: ` ${each.shorthand || ""} ${each.code}` }) : null));
  const duties = (found.duties ?? []).map((each) => element("li", {
    text: `You would have to: ${each.text}${each.until ? `, until ${day(each.until)}` : ""}${each.months ? ` (${each.months} months)` : ""}` }));
  return element("div", { className: "match" },
    element("p", {}, badge(word, kind), ` ${meaning}`), element("ul", { className: "reasons" }, ...reasons, ...duties));
}
