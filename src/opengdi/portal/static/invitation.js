// Where the letter of an organisation's invitation leads.

import { $, element, section } from "/portal/dom.js";
import { codeOfLetter, invitedForm } from "/portal/invited.js";
import { mustSignIn, open } from "/portal/session.js";

const page = $("page");
const TITLE = "Invitation of an organisation";
const code = codeOfLetter();

await open("Invitation");
if (!mustSignIn(page, TITLE, "Sign in, so that the organisation knows who accepts.")) {
  page.replaceChildren(element("h1", { text: TITLE }),
    element("p", { className: "lead", text: "Accept it only if you expected it. Whoever signs for an organisation answers for what its people do; whoever joins it asks for data in its name." }),
    section("Accept it", { id: "accept" }, invitedForm(code)));
}
