// One permit: what it opens to whom, what is still missing for each, when it ends, and what the reader may do.

import { $, badge, day, element, facts, link, moment, section, table } from "/portal/dom.js";
import { commandList } from "/portal/commands.js";
import { PERMIT_COMMANDS } from "/portal/permit-commands.js";
import { timeline } from "/portal/plot.js";
import { get, post, who } from "/portal/session.js";
import { countryOf, lackingText, permitState, permitStateHelp, plain, purposeName, stateKind } from "/portal/words.js";

export async function showPermit(page, id, isNode) {
  const place = `/access/v1/permits/${encodeURIComponent(id)}`;

  async function send(command, body) {
    await post(`${place}/commands/${command}`, body);
    draw(await get(place));
    $("status").textContent = `Done: ${PERMIT_COMMANDS[command]?.title ?? plain(command)}.`;
    page.focus();
    page.scrollIntoView();
  }

  function draw(told) {
    document.title = `${told.title || told.id} · Permits`;
    const orders = commandList(told.permitted, PERMIT_COMMANDS, contextOf(told, place), send, { open: told.permitted.filter((each) => each === "wake") });
    page.replaceChildren(element("p", { className: "crumbs" }, link("Permits", "/permits"), ` › ${told.id}`),
      element("h1", { text: told.title || told.id }),
      element("p", {}, badge(permitState(told.state), stateKind(told.state)), ` ${why(told)}`),
      isNode ? "" : downloads(told, place), what(told, isNode), data(told), people(told, isNode), times(told), duties(told),
      orders.length ? section("What you can do", { id: "actions" }, ...orders) : "", happened(told.events ?? []));
  }

  draw(await get(place));
}

function contextOf(told, place) {
  const datasets = told.datasets.map((each) => each.dataset);
  const pair = (each) => [each.subject, nameOf(each)];
  return { place, datasets, held: datasets.map((each) => [each, each]), people: told.people.map(pair),
    members: told.people.filter((each) => each.role !== "holder").map(pair),
    duties: (told.duties ?? []).filter((each) => each.mustBeDone && !each.done).map((each) => [each.id, each.text]) };
}

const nameOf = (each) => (each.subject === who()?.subject ? `${who().name || each.subject} (you)` : each.subject);

function why(told) {
  if (told.state === "ended") return `Ended ${day(told.ended)}: ${plain(told.endedBy ?? "").toLowerCase()}. Nothing is open by it.`;
  if (told.suspendedFor) return `Nothing is open until it is resumed. Reason: ${plain(told.suspendedFor).toLowerCase()}.`;
  return permitStateHelp(told.state);
}

const downloads = (told, place) => element("div", { className: "buttons" }, link("Print (PDF)", `${place}/pdf`, { className: "button" }),
  link("Signed object (JWS)", `${place}/jws`, { download: `${told.id}.jws`, className: "button second" }),
  told.application ? link("The request", `/requests/${told.application}`) : null);

const what = (told, isNode) => section("What it is for", { id: "what" }, facts([["Permit", `${told.id}, version ${told.version}`], ["Purpose", purposeName(told.purpose)],
  [isNode ? "Issued by hub" : "", told.hub], ["Environment", told.environment], ["Legal basis", told.legalBasis], ["Fees", told.fees],
  ["Issued", day(told.issued)], ["Ends", day(told.until)], ["To be attested until", day(told.attestBy)], ["More time is asked for", day(told.extensionAsked)]].filter(([name]) => name)));

const data = (told) => section("Which data it opens", { id: "data" }, table(["Dataset", "Version", "Decided by", "Until", "Conditions", "Regions"],
  told.datasets.map((each) => [element("b", { text: each.dataset }), each.version, `${each.body}, ${countryOf(each.body)}`, day(each.until),
    each.conditions.join("; ") || "none", each.regions.join(", ") || "all"])));

/** Who may use the data. At a hub, what is missing is told to a person and to the official of the organisation. */
function people(told, isNode) {
  const shown = told.people.map((each) => ({ each, cell: element("span", { text: isNode ? "" : "…" }) }));
  for (const { each, cell } of shown) {
    if (isNode) cell.replaceChildren(missing(each.lacking ?? []));
    else get(each.subject === who()?.subject ? "/access/v1/people/me" : `/access/v1/people/${encodeURIComponent(each.subject)}`)
      .then(({ standing }) => cell.replaceChildren(missing(standing.lacking, each.subject === who()?.subject)), () => { cell.textContent = "Told to them and to the official of their organisation."; });
  }
  return section("Who may use them", { id: "people" }, table(["Person", "Organisation", "Role", "Still missing"],
    shown.map(({ each, cell }) => [nameOf(each), each.organisation, each.role, cell])));
}

const missing = (lacking, isMine = false) => (lacking.length ? element("ul", { className: "reasons" }, ...lacking.map((each) => element("li", {}, badge("Missing", "wait"), ` ${lackingText(each, isMine)}`)))
  : badge("Nothing", "good"));

function times(told) {
  const end = told.ended && told.ended < told.until ? told.ended : told.until;
  const rows = told.datasets.map((each) => ({ label: each.dataset, start: told.issued, end: each.until < end ? each.until : end, kind: told.state === "active" ? "" : "off" }));
  const marks = [["issued", told.issued], ["attest by", told.attestBy < end ? told.attestBy : ""], [told.ended ? "ended" : "ends", end],
    ...(told.duties ?? []).filter((each) => each.due && !each.done).map((each) => [`${plain(each.id).toLowerCase()} by`, each.due])]
    .filter(([, at]) => at).map(([label, at]) => ({ label, at })).sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  if (!rows.length) return "";
  return section("When", { id: "times" }, timeline(`Time line: ${marks.map((each) => `${each.label} ${day(each.at)}`).join(", ")}`, rows, marks),
    element("ul", { className: "reasons" }, ...marks.map((each) => element("li", { text: `${plain(each.label)}: ${day(each.at)}` }))));
}

function duties(told) {
  if (!(told.duties ?? []).length) return "";
  return section("Duties", { id: "duties" }, element("ul", { className: "reasons" }, ...told.duties.map((each) => element("li", {},
    each.done ? badge(`Done ${day(each.done)}`, "good") : each.overdue ? badge(`Overdue since ${day(each.due)}`, "bad") : each.mustBeDone ? badge(each.due ? `Due ${day(each.due)}` : "To be done", "wait") : badge("Holds"),
    ` ${each.text} `, element("span", { className: "code", text: each.code })))));
}

function happened(events) {
  if (!events.length) return "";
  const lines = [...events].reverse().map((event) => element("li", {}, element("time", { dateTime: event.at, text: moment(event.at) }),
    `${plain(event.kind)}${event.by ? ` – ${event.by === who()?.subject ? "you" : event.by}` : ""}`));
  return section("History", { id: "history" }, element("ol", { className: "timeline", reversed: true }, ...lines));
}
