// Permits: at a hub mine, at a node those that open its data; or one of them, by the address.

import { $, alertBox, badge, day, element, link, section } from "/portal/dom.js";
import { showPermit } from "/portal/permit.js";
import { all, mustSignIn, open } from "/portal/session.js";
import { permitState, permitStateHelp, purposeName, stateKind } from "/portal/words.js";

const page = $("page");
const id = decodeURIComponent(location.pathname.split("/")[2] ?? "");

function line(one) {
  const number = one.permit ?? one.id;
  const lacking = (one.people ?? []).filter((each) => each.lacking?.length).length;
  return element("li", { className: "card" },
    element("h3", {}, link(one.title || number, `/permits/${encodeURIComponent(number)}`)),
    element("p", {}, badge(permitState(one.state), stateKind(one.state)), ` ${permitStateHelp(one.state)}`),
    element("p", { className: "hint", text: [one.title ? number : "", one.people ? `${one.people.length} ${one.people.length === 1 ? "person" : "people"}` : "", purposeName(one.purpose), one.ended ? `ended ${day(one.ended)}` : `until ${day(one.until)}`].filter(Boolean).join(" · ") }),
    element("p", { className: "hint", text: `Datasets: ${one.datasets.map((each) => `${each.dataset}, version ${each.version}`).join("; ") || "none"}` }),
    lacking ? element("p", {}, badge(`${lacking} of ${one.people.length} people lack something`, "wait")) : null);
}

async function showList(isNode) {
  const items = await all("/access/v1/permits");
  const [ended, running] = [items.filter((one) => one.state === "ended"), items.filter((one) => one.state !== "ended")];
  const part = (title, found, nothing) => section(title, { className: "part" },
    found.length ? element("ul", { className: "list" }, ...found.map(line)) : element("p", { className: "hint", text: nothing }));
  page.replaceChildren(element("h1", { text: "Permits" }),
    element("p", { className: "lead", text: isNode ? "Who may use data of this node, for what, and until when. What you take back here is closed at once."
      : "What you may use, for what, and until when. A permit comes of itself once all bodies have decided on your request." }),
    part("They hold", running, isNode ? "No permit opens data of this node." : "You have none. It begins with a request."), part("At an end", ended, "None."),
    isNode || items.length ? "" : element("p", {}, link("Your requests", "/requests", { className: "button" })));
}

const facts = await open("Permits");
const isNode = "hubs" in facts;
try {
  if (!mustSignIn(page, "Permits", "Sign in to see permits.")) await (id ? showPermit(page, id, isNode) : showList(isNode));
} catch (error) {
  const why = error.status === 403 && isNode ? "Permits are shown to the data holder, the national coordination point, auditors and operators of this node." : error.message;
  page.replaceChildren(element("h1", { text: "Permits" }), alertBox(why), element("p", {}, link(isNode ? "Cases" : "All permits", isNode ? "/cases" : "/permits")));
}
