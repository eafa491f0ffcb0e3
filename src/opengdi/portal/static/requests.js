// Requests: the list, a new one, or one of them, by the address.

import { $, alertBox, badge, day, element, link, section } from "/portal/dom.js";
import { all, mustSignIn, open } from "/portal/session.js";
import { invitationOfLetter } from "/portal/invited.js";
import { showNew } from "/portal/new-request.js";
import { showRequest } from "/portal/request.js";
import { REQUEST_COMMANDS } from "/portal/request-commands.js";
import { countryOf, plain, purposeName, requestState, requestStateHelp, roleName, stateKind } from "/portal/words.js";

const page = $("page");
const TELLING = ["confirm", "resubmit", "submit", "answer", "accept-invitation", "appeal", "extend", "attest", "withdraw"];
const SHORT = { submit: "Submit", resubmit: "Send it again" };

function line(one) {
  const may = TELLING.filter((command) => one.permitted.includes(command)).map((command) => SHORT[command] ?? REQUEST_COMMANDS[command]?.title ?? plain(command));
  const waits = one.permitted.some((command) => ["confirm", "resubmit", "accept-invitation"].includes(command));
  const datasets = one.datasets.map((each) => each.dataset ?? each);
  return element("li", { className: waits ? "card todo" : "card" },
    element("h3", {}, link(one.title || "Without a title", `/requests/${one.id}`)),
    element("p", {}, badge(requestState(one.state), stateKind(one.state)), " ", requestStateHelp(one.state)),
    element("p", { className: "hint", text: [one.id, purposeName(one.purpose), `you: ${one.roles.map(roleName).join(", ")}`, `changed ${day(one.modified)}`].join(" · ") }),
    element("p", { className: "hint", text: [datasets.length ? `Datasets: ${datasets.join(", ")}` : "No dataset yet",
      one.bodies?.length ? `decided by ${one.bodies.map((body) => `${body} (${countryOf(body)})`).join(", ")}` : ""].filter(Boolean).join(" · ") }),
    may.length ? element("p", { text: `You may: ${may.join(", ").toLowerCase()}.` }) : null);
}

async function showList() {
  const items = await all("/access/v1/applications");
  page.replaceChildren(element("h1", { text: "Requests" }),
    element("p", { className: "lead", text: "Ask once for data of many countries; each decides about its own." }),
    element("p", {}, link("New request", "/requests/new", { className: "button" })),
    section("Yours", { className: "part" }, items.length ? element("ul", { className: "list" }, ...items.map(line))
      : element("p", { className: "hint", text: "You have none yet." })));
}

const invitation = invitationOfLetter();
await open("Requests");
const id = decodeURIComponent(location.pathname.split("/")[2] ?? "");
try {
  if (!mustSignIn(page, "Requests", "Sign in to ask for data, and to see what became of your requests.")) {
    if (id === "new") await showNew(page);
    else if (id) await showRequest(page, id, invitation);
    else await showList();
  }
} catch (error) {
  page.replaceChildren(element("h1", { text: "Requests" }), alertBox(error.message), element("p", {}, link("All requests", "/requests")));
}
