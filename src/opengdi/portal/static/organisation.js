// One organisation: how far it has come, what comes next and for whom, what was signed by whom, its people.

import { $, alertBox, badge, day, element, facts, link, section, table } from "/portal/dom.js";
import { commandList } from "/portal/commands.js";
import { nameOfCheck, ORGANISATION_COMMANDS, PERSON_COMMANDS } from "/portal/organisation-commands.js";
import { all, get, post, who } from "/portal/session.js";
import { countryName, lackingText, organisationState, organisationStateHelp, personState, plain, stateKind } from "/portal/words.js";

const STEPS = ["registered", "vetted", "agreed", "active"];
const SIGNED_TO_JOIN = ["terms-of-service", "joint-controllership"];

/** The newest versions in force of documents of these kinds that no signature covers. */
export function unsignedOf(documents, signed, kinds) {
  return documents.filter((each) => kinds.includes(each.kind) && !each.retired).map(inForce).filter(Boolean)
    .filter((each) => !signed.some((one) => one.document === each.id && one.version >= each.version));
}

function inForce(document) {
  const found = document.versions.filter((each) => Date.parse(each.bindingFrom) <= Date.now()).at(-1) ?? document.versions.at(-1);
  return found ? { ...found, id: document.id, kind: document.kind, title: `${document.title}, version ${found.version}` } : null;
}

export async function showOrganisation(page, id) {
  const place = `/access/v1/organisations/${encodeURIComponent(id)}`;
  const documents = await all("/access/v1/documents");

  async function send(command, body) {
    const told = command === "assign-person" ? await post("/access/v1/people", { ...body, organisation: id }) : await post(`${place}/commands/${command}`, body);
    if (told.signingUrl) return location.assign(told.signingUrl);
    await draw(await get(place));
    $("status").replaceChildren(`Done: ${ORGANISATION_COMMANDS[command].title}.`,
      told.invitationCode ? element("span", {}, " Hand on this code; it is shown once: ", element("code", { text: told.invitationCode })) : "");
    page.focus();
    page.scrollIntoView();
  }

  async function draw(told) {
    document.title = `${told.name} · Organisations`;
    const kinds = told.signed ? [...SIGNED_TO_JOIN, "healthcare-contract"] : [];
    const due = unsignedOf(documents, told.signed ?? [], SIGNED_TO_JOIN);
    const context = { ...told, place, unsigned: unsignedOf(documents, told.signed ?? [], kinds), people: [] };
    const may = told.permitted.filter((command) => !["accept-office", "join"].includes(command) && (!["sign", "ask-signature"].includes(command) || context.unsigned.length));
    const people = await all(`/access/v1/people?organisation=${encodeURIComponent(id)}`).catch(() => null);
    const [words, isMine, open] = next(told, due, may, people);
    page.replaceChildren(element("p", { className: "crumbs" }, link("Organisations", "/organisations"), ` › ${told.id}`), element("h1", { text: told.name }),
      element("p", {}, badge(organisationState(told.state), stateKind(told.state)), ` ${organisationStateHelp(told.state)}`), steps(told.state),
      section("What comes next", { id: "next", className: isMine ? "card todo" : "card" }, element("p", { text: words }), told.reason ? element("p", { className: "quote", text: told.reason }) : null),
      what(told), told.signed ? signatures(told, documents) : "", told.checks ? checks(told.checks) : "", people ? peopleOf(people, documents) : "", told.invitations?.length ? invitations(told.invitations) : "",
      may.length ? section("What you can do", { id: "actions" }, ...commandList(may, ORGANISATION_COMMANDS, context, send, { open })) : "");
  }

  await draw(await get(place));
}

function steps(state) {
  const at = STEPS.indexOf(state);
  if (at < 0) return "";
  return element("ol", { className: "steps", ariaLabel: "Steps" }, ...STEPS.map((step, place) => element("li", { text: organisationState(step),
    className: place < at || state === "active" ? "done" : "", attributes: place === at ? { "aria-current": "step" } : {} })));
}

/** What comes next in a sentence, whether it waits for the reader, and the command that does it. */
function next(told, due, may, people) {
  const for_ = (command, mine, others) => (may.includes(command) ? [mine, true, [command]] : [others, false, []]);
  if (told.state === "registered") return for_("vet", "You check that it is who it says, and vet it.", "An operator of the hub checks that it is who it says, and may ask for proof.");
  if (told.state === "vetted") {
    const titles = due.map((each) => each.title).join("; ") || "all documents in force";
    return for_("sign", `You sign: ${titles}.`, `Its signing official signs: ${titles}.`);
  }
  if (told.state === "agreed") return for_("activate", "Everything is signed: you activate it.", "Everything is signed: an operator of the hub activates it.");
  if (told.state === "suspended") return for_("reinstate", "You may reinstate it, once the reason is gone.", "An operator of the hub reinstates it, once the reason is gone.");
  if (told.state !== "active") return ["Nothing: it is at an end.", false, []];
  if (told.signed && due.length) return for_("sign", `A new version has to be signed: ${due.map((each) => each.title).join("; ")}.`, `Its signing official signs a new version: ${due.map((each) => each.title).join("; ")}.`);
  if (people && !people.some((each) => each.state !== "revoked")) return for_("assign-person", "You name the people who may ask for data.", "Its signing official names the people who may ask for data.");
  return ["Nothing has to be done for the organisation itself. What is missing for single people stands beside them.", false, []];
}

const what = (told) => section("The organisation", { id: "what" }, facts([["Id", told.id], ["Country", countryName(told.country)], ["Domain", told.domain], ["ROR", told.ror], ["Register number", told.registrationNumber],
  ["Not for profit", told.notForProfit ? (told.notForProfitVerified ? "yes, verified" : "it says so; not verified yet") : "no"], ["Active since", day(told.activeSince)],
  ...Object.entries(told.contacts ?? {}).map(([use, words]) => [plain(use), words]), ["Signing officials", (told.officials ?? []).join("\n")]]));

function signatures(told, documents) {
  const rows = documents.filter((each) => !each.retired && [...SIGNED_TO_JOIN, "healthcare-contract"].includes(each.kind)).map((document) => {
    const version = inForce(document);
    const found = told.signed.filter((each) => each.document === document.id).at(-1);
    const covers = found && version && found.version >= version.version;
    const needed = SIGNED_TO_JOIN.includes(document.kind);
    return [link(document.title, version?.content ?? "#"), version ? String(version.version) : "", found ? String(found.version) : "",
      found ? found.by : "", found ? day(found.at) : "", covers ? badge("Signed", "good") : badge(found ? "A new version is not signed" : "Not signed", needed ? "wait" : "")];
  });
  return section("Documents", { id: "documents" }, rows.length ? table(["Document", "In force", "Signed version", "By", "On", "State"], rows) : element("p", { className: "hint", text: "The hub has published none yet." }));
}

const checks = (found) => section("Checks", { id: "checks" }, found.length ? table(["Check", "Outcome", "On", "By", "Evidence"], found.map((each) =>
  [nameOfCheck(each.kind), badge(each.passed ? "Holds" : "Does not hold", each.passed ? "good" : "bad"), day(each.on), each.by, each.evidence])) : element("p", { className: "hint", text: "None was recorded yet." }));

const invitations = (found) => section("Invitations", { id: "invitations" }, table(["Who", "As", "Until"], found.map((each) =>
  [each.contact || "erased", each.official ? "signing official" : each.role, day(each.until)])));

function until(iso) {
  if (!iso) return badge("Not yet", "wait");
  return Date.parse(`${iso.slice(0, 10)}T23:59:59Z`) < Date.now() ? badge(`Ended ${day(iso)}`, "bad") : day(iso);
}

function peopleOf(people, documents) {
  const rows = people.map((each) => [each.id === who().subject ? `${who().name || each.id} (you)` : each.id, each.role, badge(personState(each.state), stateKind(each.state)), until(each.trainedUntil), until(each.affiliatedUntil)]);
  return section("People", { id: "people" }, people.length ? table(["Person", "Role", "State", "Training holds until", "Affiliation holds until"], rows) : element("p", { className: "hint", text: "Nobody was named yet." }),
    ...people.map((each) => personBox(each.id, documents)));
}

/** A person, asked for when unfolded: it names them. */
function personBox(subject, documents) {
  const inside = element("div");
  const place = `/access/v1/people/${encodeURIComponent(subject)}`;
  async function send(command, body) {
    draw(await post(`${place}/commands/${command}`, body), `Done: ${PERSON_COMMANDS[command].title}.`);
  }
  function draw(told, words = "") {
    const unsigned = unsignedOf(documents, told.signed, ["user-terms"]);
    const may = told.permitted.filter((command) => command !== "sign" || unsigned.length);
    inside.replaceChildren(element("p", { attributes: { role: "status" }, text: words }), facts([["Name", told.contact], ["State", personState(told.state)], ["Credentials", told.credentials],
      ["Licence", told.licence ? `${told.licence.register} ${told.licence.number}, checked ${day(told.licence.checked)}` : ""], ["Signed", told.signed.map((each) => `${each.document}, version ${each.version}, ${day(each.at)}`).join("\n")]]),
    told.standing.lacking.length ? element("ul", { className: "reasons" }, ...told.standing.lacking.map((each) => element("li", {}, badge("Missing", "wait"), ` ${lackingText(each, subject === who().subject)}`))) : element("p", {}, badge("May ask for data", "good")),
    ...commandList(may, PERSON_COMMANDS, { place, unsigned }, send));
  }
  return element("details", { on: { toggle: (event) => {
    if (event.target.open && !inside.childElementCount) get(place).then(draw, (error) => inside.replaceChildren(alertBox(error.message)));
  } } }, element("summary", { text: `${subject}: what is missing, and what you can do` }), inside);
}
