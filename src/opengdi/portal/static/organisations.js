// Organisations: how I stand, and those that I see; registering one; or one of them, by the address.

import { $, alertBox, badge, day, element, facts, link, section } from "/portal/dom.js";
import { commandForm, commandList } from "/portal/commands.js";
import { invitedForm } from "/portal/invited.js";
import { unsignedOf, showOrganisation } from "/portal/organisation.js";
import { INVITED, PERSON_COMMANDS, REGISTER } from "/portal/organisation-commands.js";
import { all, get, mustSignIn, open, post, who } from "/portal/session.js";
import { countryName, lackingText, organisationState, organisationStateHelp, personState, stateKind } from "/portal/words.js";

const page = $("page");
const id = decodeURIComponent(location.pathname.split("/")[2] ?? "");

const line = (one) => element("li", { className: "card" },
  element("h3", {}, link(one.name || one.id, `/organisations/${encodeURIComponent(one.id)}`)),
  element("p", {}, badge(organisationState(one.state), stateKind(one.state)), ` ${organisationStateHelp(one.state)}`),
  element("p", { className: "hint", text: [one.id, one.domain, countryName(one.country)].filter(Boolean).join(" · ") }));

async function showList() {
  const [me, items, documents] = await Promise.all([get("/access/v1/people/me"), all("/access/v1/organisations"), all("/access/v1/documents")]);
  page.replaceChildren(element("h1", { text: "Organisations" }),
    element("p", { className: "lead", text: "Nobody asks for data alone: an organisation that was vetted, and has signed, names its people." }),
    standing(me, documents),
    section("Organisations that you see", { className: "part", id: "list" }, items.length ? element("ul", { className: "list" }, ...items.map(line))
      : element("p", { className: "hint", text: "None: you act for none yet." })),
    section("Begin", { id: "begin" }, element("p", {}, link("Register an organisation", "/organisations/register", { className: "button" })), invited()));
}

/** How the reader stands, what is missing, and the one thing to do next. */
function standing(me, documents) {
  const lacking = me.standing.lacking;
  const unsigned = unsignedOf(documents, me.signed ?? [], ["user-terms"]);
  const may = (me.permitted ?? []).filter((command) => command !== "sign" || unsigned.length);
  async function send(command, body) {
    await post(`/access/v1/people/${encodeURIComponent(who().subject)}/commands/${command}`, body);
    await showList();
    $("status").textContent = `Done: ${PERSON_COMMANDS[command].title}.`;
    page.focus();
  }
  return section("You", { id: "you", className: lacking.length ? "card todo" : "card" },
    element("p", {}, badge(lacking.length ? "You may not ask for data yet" : "You may ask for data", lacking.length ? "wait" : "good")),
    lacking.length ? element("ul", { className: "reasons" }, ...lacking.map((each) => element("li", { text: lackingText(each, true) }))) : null,
    lacking.length ? element("p", { text: nextOf(me, unsigned) }) : null,
    facts([["Your subject", element("code", { text: who().subject })], ["You are", me.organisation ? personState(me.state) : ""],
      ["Organisation", me.organisation ? link(me.organisation, `/organisations/${me.organisation}`) : ""], ["Training holds until", day(me.trainingUntil)], ["Affiliation holds until", day(me.affiliationUntil)]]),
    ...commandList(may, PERSON_COMMANDS, { place: `/access/v1/people/${encodeURIComponent(who().subject)}`, unsigned }, send, { open: ["sign"] }));
}

function nextOf(me, unsigned) {
  if (!me.organisation) return "Next: have the signing official of your organisation name you; tell them your subject. If the organisation is not here yet, register it below.";
  if (unsigned.length) return "Next: read and sign what is named below.";
  if (!me.vetted) return "Next: an operator of the hub vets you. You need do nothing.";
  return "Next: have your organisation's signing official look at its page; what is missing stands there.";
}

const invited = () => element("details", {}, element("summary", { text: INVITED.title }), invitedForm());

function showRegister() {
  document.title = "Register an organisation · OpenGDI";
  const send = async (_, body) => {
    const told = await post("/access/v1/organisations", body);
    await showOrganisation(page, told.id);
    history.replaceState(null, "", `/organisations/${told.id}`);
    $("status").replaceChildren(`Registered as ${told.id}. `, told.invitationCode ? code(told.invitationCode) : "");
    page.focus();
  };
  page.replaceChildren(element("p", { className: "crumbs" }, link("Organisations", "/organisations"), " › Register"), element("h1", { text: REGISTER.title }),
    section("What is asked", { id: "registration" }, commandForm("register", REGISTER, {}, send)));
}

const code = (text) => element("span", {}, "Give the signing official this code; it is shown once: ", element("code", { text }));

await open("Organisations");
try {
  if (!mustSignIn(page, "Organisations", "Sign in to see how you and your organisation stand, or to register one.")) {
    if (id === "register") showRegister();
    else if (id) await showOrganisation(page, id);
    else await showList();
  }
} catch (error) {
  page.replaceChildren(element("h1", { text: "Organisations" }), alertBox(error.message), element("p", {}, link("All organisations", "/organisations")));
}
