// One case: what was asked, what the conditions say, where it stands, what happened, and what the reader may do.

import { $, badge, button, day, element, facts, inWords, link, moment, section, table } from "/portal/dom.js";
import { CASE_COMMANDS, CONFLICT_SINCE, CRITERIA, FIRST } from "/portal/case-commands.js";
import { clock } from "/portal/clocks.js";
import { cohortSection } from "/portal/cohort.js";
import { commandList } from "/portal/commands.js";
import { get, post, who } from "/portal/session.js";
import { caseKind, caseState, countryOf, plain, purposeName, roleName, stateKind, useText, verdict, yesNo } from "/portal/words.js";

/** isNode: attachments come through this node then, from the hub that keeps them. */
export async function showCase(page, id, isNode) {
  const place = `/access/v1/cases/${encodeURIComponent(id)}`;

  async function send(command, body) {
    const told = await post(`${place}/commands/${command}`, body);
    $("status").textContent = `Done: ${CASE_COMMANDS[command]?.title ?? plain(command)}.`;
    draw(told);
    page.focus();
    page.scrollIntoView();
  }

  function draw(told) {
    const title = told.offer?.application?.title || told.id;
    document.title = `${title} · Cases`;
    page.replaceChildren(element("p", { className: "crumbs" }, link("Cases", "/cases"), ` › ${told.id}`),
      element("h1", { text: title }),
      element("p", {}, badge(caseState(told.state), stateKind(told.state)), ` ${caseKind(told.kind)} · ${told.body}, ${countryOf(told.body)}`),
      clock(told.clock, told.silence), workflow(told), actions(told, place, send), request(told, isNode ? `${place}/attachments` : `/access/v1/applications/${told.application}/attachments`), cohort(told), matching(told) ?? "", found(told), decision(told) ?? "", history(told));
  }

  draw(await get(place));
}

function workflow(told) {
  const at = told.workflow.steps.findIndex((step) => step.name === told.state);
  const over = ["decided"].includes(told.state);
  const steps = told.workflow.steps.map((step, place) => element("li", {
    className: over || (at >= 0 && place < at) ? "done" : "", title: step.roles.map(roleName).join(", "), text: caseState(step.name),
    attributes: place === at ? { "aria-current": "step" } : {} }));
  const needs = `${told.workflow.quorum} ballots at least; ${told.workflow.people} people stand behind a grant.`;
  return element("div", { className: "way" }, element("ol", { className: "steps", ariaLabel: "Steps" }, ...steps),
    at >= 0 ? element("p", { className: "hint", text: `Who acts now: ${told.workflow.steps[at].roles.map(roleName).join(", ")}. ${needs}` }) : null);
}

function actions(told, place, send) {
  const unconflicted = Object.entries(told.interests).filter(([, conflict]) => !conflict).map(([subject]) => subject);
  const context = { place, mine: who()?.subject, datasets: told.datasets.map((each) => each.dataset), until: day(told.offer?.application?.until), unconflicted };
  const hasDeclared = who()?.subject in told.interests;
  const rank = (command) => {
    if (told.todo.includes(command)) return -1;
    if (hasDeclared && command === "declare-interest") return FIRST.length;
    const at = FIRST.indexOf(command);
    return at < 0 ? FIRST.length : at;
  };
  const sorted = [...told.permitted].sort((one, other) => rank(one) - rank(other));
  if (!sorted.length) return section("What you can do", { id: "actions" }, element("p", { className: "hint", text: "Nothing at the moment." }));
  const lead = told.todo.length ? element("p", { text: `The case waits for you: ${told.todo.map((each) => CASE_COMMANDS[each]?.title ?? plain(each)).join(", ").toLowerCase()}.` }) : null;
  return section("What you can do", { id: "actions", className: told.todo.length ? "card todo" : "card" }, lead,
    ...commandList(sorted, hasDeclared ? { ...CASE_COMMANDS, "declare-interest": CONFLICT_SINCE } : CASE_COMMANDS, context, send, { open: told.todo }));
}

function request(told, files) {
  const offered = told.offer?.application;
  if (!offered) return section("The request", { id: "request" }, element("p", { className: "hint", text: "What was asked is no longer kept." }));
  const names = new Map((offered.attachments ?? []).map((file) => [file.id, `${file.name}, ${Math.ceil(file.size / 1024)} KiB`]));
  return section("The request", { id: "request" },
    facts([["Request", `${told.application}, version ${offered.version}`], ["Purpose", purposeName(told.purpose)],
      ["Until", day(offered.until)], ["Environment", offered.environment],
      ["Applicant", [offered.applicant?.subject, offered.applicant?.organisation].filter(Boolean).join(", ")],
      ["Members", (offered.members ?? []).map((each) => `${each.subject}, ${each.organisation}`).join("\n")],
      ["Confirmed by", offered.signedBy], ["Use in terms of DUO", useText(offered.duo)], ["Digest", element("code", { text: offered.digest })]]),
    table(["Dataset", "Version", "Type"], told.datasets.map((each) => [each.dataset, each.version, each.type]), "Datasets"),
    ...(offered.forms ?? []).map((form) => answers(form, names)),
    names.size ? element("h3", { text: "Attachments" }) : null,
    names.size ? element("ul", {}, ...offered.attachments.map((file) => element("li", {},
      link(names.get(file.id), `${files}/${file.id}`, { download: file.name }), " ", element("code", { className: "code", text: `sha256 ${file.sha256}` })))) : null);
}

/** Whose data, with what was counted in the data of this body alone. */
const cohort = (told) => (told.offer?.application ? cohortSection(told.offer.application.cohort) : "");

function answers(form, names) {
  const title = inWords(form.title) || plain(String(form.form ?? form.id).replace(/^gdi\.\d-/, ""));
  return element("div", {}, element("h3", { text: title }), facts((form.fields ?? form.answers ?? []).map((each) =>
    [inWords(each.title) || plain(each.field ?? each.id), valueText(each.value, names)])));
}

function valueText(value, names) {
  if (Array.isArray(value)) {
    return element("ul", { className: "reasons" }, ...value.map((each) => element("li", {
      text: typeof each === "object" ? Object.values(each).join(" – ") : plain(each) })));
  }
  if (value === undefined || value === "") return "no answer";
  return names.get(value) ?? (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(value) ? plain(value) : value);
}

function matching(told) {
  const found = Object.entries(told.match ?? {});
  if (!found.length) return null;
  return section("What the conditions of use say", { id: "match" }, ...found.flatMap(([dataset, each]) => {
    const [word, kind, meaning] = verdict(each.verdict);
    return [element("h3", { text: dataset }), element("p", {}, badge(word, kind), ` ${meaning}`),
      element("ul", { className: "reasons" }, ...(each.findings ?? []).map((one) => element("li", {}, badge(...verdict(one.verdict).slice(0, 2)), ` ${one.reason} `,
        element("span", { className: "code", text: one.code }))))];
  }));
}

function found(told) {
  const mine = who()?.subject;
  const person = (subject) => (subject === mine ? "you" : subject);
  const checked = [...told.history].reverse().find((each) => each.kind === "conformity-checked");
  const votes = told.votes;
  return section("What was found", { id: "found" }, facts([
    ["Interests", Object.entries(told.interests).map(([subject, conflict]) => `${person(subject)}: ${conflict ? "conflict, takes no part" : "no conflict"}`).join("\n")],
    ["Reviewers", told.reviewers.map(person).join(", ")],
    ["Conforms", told.conforms === null ? "" : told.conforms ? "yes" : "no"],
    ["Ethics", told.ethics ? plain(told.ethics) : ""],
    ["Opinions", Object.entries(told.opinions).map(([subject, favours]) => `${person(subject)}: ${favours ? "in favour" : "against"}`).join("\n")],
    ["Ballots", `${votes.ballots} of ${votes.seats} seats; ${votes.quorum} are needed`],
    ["Vetoes", Object.entries(told.vetoes).map(([dataset, subject]) => `${dataset}: ${person(subject)}`).join("\n")]]),
  votes.results ? table(["Dataset", "Grant", "Deny", "Carried"], Object.entries(votes.results).map(([name, each]) =>
    [name, String(each.grants), String(each.denials), each.carried ? "yes" : "no"]), "Votes") : null,
  checked?.criteria ? criteriaTable(checked) : null);
}

function criteriaTable(checked) {
  const names = new Map(CRITERIA);
  return table(["Criterion", "Met", "Reason"], Object.entries(checked.criteria).map(([name, met]) =>
    [names.get(name) ?? plain(name), met ? "yes" : "no", checked.reasons?.[name] ?? ""]), "Criteria");
}

function decision(told) {
  const decided = told.decision;
  if (!decided) return null;
  const how = decided.automatic ? "by machine" : decided.tacit ? "by silence" : decided.appeal ? "on appeal" : "formally";
  const save = () => {
    const file = link("", URL.createObjectURL(new Blob([decided.jws], { type: "application/jose" })), { download: `${told.id}.jws` });
    file.click();
    URL.revokeObjectURL(file.href);
  };
  return section("Decision", { id: "decision" }, element("p", { text: `Decided ${how}, ${moment(decided.at)}.` }),
    table(["Dataset", "Decision", "Reasons", "Conditions", "Until", "Regions"], decided.datasets.map((each) =>
      [each.dataset, badge(each.granted ? "Granted" : "Refused", each.granted ? "good" : "bad"), each.reasons, each.conditions.join("; "),
        day(each.until), each.regions.join(", ")])),
    decided.jws ? button("Save the signed decision (JWS)", save, { className: "second" }) : null);
}

function valueOf(name, value) {
  if (name === "state") return caseState(value);
  return yesNo(value) ?? (/^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : value);
}

const QUIET = new Set(["digest", "decision", "number", "kind", "at", "by", "criteria", "reasons", "clock"]);

function history(told) {
  const lines = [...told.history].reverse().map((event) => {
    const said = Object.entries(event).filter(([name, value]) => !QUIET.has(name) && name !== "text" && ["string", "boolean", "number"].includes(typeof value) && value !== "");
    return element("li", {}, element("time", { dateTime: event.at, text: moment(event.at) }),
      element("span", { text: `${plain(event.kind)}${event.by ? ` – ${event.by === who()?.subject ? "you" : event.by}` : ""}` }),
      said.length ? element("span", { className: "hint", text: ` (${said.map(([name, value]) => `${plain(name).toLowerCase()}: ${valueOf(name, value)}`).join(", ")})` }) : null,
      event.text ? element("p", { className: "quote", text: event.text }) : null);
  });
  return section("History", { id: "history" }, element("ol", { className: "timeline", reversed: true }, ...lines));
}
