// Cases for the people of deciding bodies: those that wait for me first; or one case, if the address names one.

import { $, alertBox, badge, day, element, link, section } from "/portal/dom.js";
import { all, mustSignIn, open } from "/portal/session.js";
import { showCase } from "/portal/case.js";
import { clock } from "/portal/clocks.js";
import { caseKind, caseState, countryOf, purposeName, stateKind } from "/portal/words.js";

const page = $("page");

function line(one) {
  return element("li", { className: one.waitsForMe ? "card todo" : "card" },
    element("h3", {}, link(one.id, `/cases/${encodeURIComponent(one.id)}`)),
    element("p", {}, one.waitsForMe ? badge("Waits for you", "wait") : null, " ", badge(caseState(one.state), stateKind(one.state))),
    element("p", { className: "hint", text: [one.kind && caseKind(one.kind), one.body && `${one.body}, ${countryOf(one.body)}`,
      one.purpose && purposeName(one.purpose), `came ${day(one.created)}`].filter(Boolean).join(" · ") }),
    element("p", { className: "hint", text: `Datasets: ${one.datasets.join(", ")}` }),
    one.open ? clock({ due: one.due, deadline: one.deadline, stopped: one.stopped }) : null);
}

function listed(title, items, nothing) {
  return section(title, { className: "part" },
    items.length ? element("ul", { className: "list" }, ...items.map(line)) : element("p", { className: "hint", text: nothing }));
}

async function showList() {
  const items = await all("/access/v1/cases");
  const waiting = items.filter((one) => one.waitsForMe);
  const ended = items.filter((one) => ["decided", "withdrawn"].includes(one.state) && !one.waitsForMe);
  const others = items.filter((one) => !waiting.includes(one) && !ended.includes(one));
  page.replaceChildren(element("h1", { text: "Cases" }),
    element("p", { className: "lead", text: "Requests for data that your body decides about." }),
    listed("They wait for you", waiting, "Nothing waits for you."),
    listed("Under way", others, "None."), listed("At an end", ended, "None yet."));
}

const facts = await open("Cases");
const id = decodeURIComponent(location.pathname.split("/")[2] ?? "");
try {
  if (!mustSignIn(page, "Cases", "Cases are for the people of the bodies that decide.")) await (id ? showCase(page, id, "hubs" in facts) : showList());
} catch (error) {
  page.replaceChildren(element("h1", { text: "Cases" }), alertBox(error.message));
}
