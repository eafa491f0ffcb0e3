// The first page of a node: what it is, and what waits for the reader here.

import { $, alertBox, element, link, section } from "/portal/dom.js";
import { all, open, signIn, who } from "/portal/session.js";

const page = $("page");
const facts = await open("Start");

const way = (title, text, link_) => element("li", { className: "card" }, element("h2", { text: title }), element("p", { text }), element("p", {}, link_));

async function waiting() {
  const cases = await all("/access/v1/cases").catch(() => []);
  const mine = cases.filter((one) => one.waitsForMe);
  return section("What waits for you", { id: "waiting", className: mine.length ? "card todo" : "card" }, mine.length
    ? element("ul", { className: "reasons" }, ...mine.map((one) => element("li", {}, link(one.id, `/cases/${encodeURIComponent(one.id)}`))))
    : element("p", { className: "hint", text: "Nothing at the moment." }));
}

try {
  const hubs = Object.values(facts.hubs);
  page.replaceChildren(element("h1", { text: facts.title }),
    element("p", { className: "lead", text: "This node holds genomes of one country. Data stay here: the country's own body decides who may use them, for what, and until when." }),
    who() ? await waiting() : element("p", {}, signIn("Sign in, if you decide or answer for data here")),
    element("ul", { className: "ways" },
      way("Decide", "Requests for data of this node, for members of the body that decides.", link("Cases", "/cases", { className: "button second" })),
      way("Look after", "Who may use data of this node now, and taking it back at once.", link("Permits", "/permits", { className: "button second" })),
      hubs.length ? way("Ask for data", "Researchers look and ask at the hub, once for all countries.", link("To the hub", hubs[0], { className: "button second" })) : null));
} catch (error) {
  page.replaceChildren(element("h1", { text: facts.title }), alertBox(error.message));
}
