// One request: its editor while it is a draft, then how its cases go in each country, and what may be done with it.

import { $, alertBox, badge, button, day, element, facts, freshId, inWords, link, moment, section, table } from "/portal/dom.js";
import { clock } from "/portal/clocks.js";
import { cohortSection } from "/portal/cohort.js";
import { commandForm, commandList } from "/portal/commands.js";
import { draftEditor } from "/portal/draft.js";
import { answerText } from "/portal/fields.js";
import { forgetCode, invitationAddress } from "/portal/invited.js";
import { IN_PLACE, REQUEST_COMMANDS } from "/portal/request-commands.js";
import { all, get, post, who } from "/portal/session.js";
import { caseKind, caseState, countryOf, countryOfDataset, eventText, plain, purposeName, requestState, requestStateHelp, roleName, stateKind, useText } from "/portal/words.js";

/** invitation: by which somebody was led here, with its token; null: they are somebody already. */
export async function showRequest(page, id, invitation) {
  const place = `/access/v1/applications/${encodeURIComponent(id)}`;
  let bodies = new Map();

  async function send(command, body) {
    const told = await post(`${place}/commands/${command}`, body);
    if (told.id !== id) return location.assign(`/requests/${told.id}`);
    if (command === "delete" || told.state === "deleted") return location.assign("/requests");
    await draw(told, `Done: ${REQUEST_COMMANDS[command]?.title ?? plain(command)}.`);
    if (told.token) showInvitation(told);
  }

  async function draw(told, words = "") {
    $("status").textContent = words;
    document.title = `${told.title || told.id} · Requests`;
    const may = new Set(told.permitted);
    const events = told.digest ? (await get(`${place}/events`).catch(() => ({ items: [] }))).items : [];
    const isEdited = may.has("save-draft");
    const open = ["confirm"];
    const orders = commandList(told.permitted, REQUEST_COMMANDS, contextOf(told), send, { without: IN_PLACE, open });
    page.replaceChildren(element("p", { className: "crumbs" }, link("Requests", "/requests"), ` › ${told.id}`),
      element("h1", { text: told.title || "Without a title" }),
      element("p", {}, badge(requestState(told.state), stateKind(told.state)), ` ${requestStateHelp(told.state)}`),
      told.refusal ? section("The organisation did not confirm", {}, element("p", { className: "quote", text: told.refusal })) : "",
      permit(told), talk(told, may, send), cases(told, may, send), terms(told, may),
      isEdited ? draftEditor(told, place, draw) : reading(told, place), isEdited ? "" : cohortSection(told.cohort, (dataset) => countryOfDataset(told, dataset)),
      people(told, may, send),
      orders.length ? section("What you can do", { id: "actions", className: may.has("confirm") ? "card todo" : "card" }, ...orders) : "",
      history(events));
    if (may.has("confirm")) page.querySelector("h1").parentNode.insertBefore($("actions"), page.querySelector("section"));
    if (words) page.scrollIntoView();
  }

  /** What the commands of this request choose from. */
  function contextOf(told) {
    return { place, datasets: [],
      cases: told.cases.map((one) => [one.case, bodies.get(one.body)?.name || one.body]),
      members: told.members.map((each) => [each.subject, each.subject]),
      attachments: told.attachments.filter((file) => !file.redacted).map((file) => [file.id, file.name || file.id]) };
  }

  // -- terms

  function terms(told, may) {
    if (!may.has("accept-terms")) return "";
    const node = element("div");
    all("/access/v1/terms").then((items) => {
      const accepted = new Set(told.acceptedTerms[who().subject] ?? []);
      const missing = items.filter((each) => !accepted.has(each.id));
      if (!missing.length) return;
      node.append(section("Terms of use", { id: "terms", className: "card todo" },
        element("ul", {}, ...missing.map((each) => element("li", {}, link(each.title, each.url, { rel: "noopener noreferrer" })))),
        button("I have read and accept these terms", () => send("accept-terms", { terms: missing.map((each) => each.id) })
          .catch((error) => node.prepend(alertBox(error.message))))));
    }).catch((error) => node.replaceChildren(alertBox(error.message)));
    return node;
  }

  // -- people

  function people(told, may, send_) {
    const node = element("div");
    const run = (command, body) => send_(command, body).catch((error) => node.prepend(alertBox(error.message)));
    const me = who().subject;
    const person = (each, role) => [each.subject === me ? `${who().name || each.subject} (you)` : named(each.subject), each.organisation || "", role];
    const rows = [[...person(told.applicant, "applicant"), ""],
      ...told.members.map((each) => [...person(each, "member"), may.has("remove-member")
        ? button("Remove", () => run("remove-member", { subject: each.subject }), { className: "second small", ariaLabel: `Remove ${each.subject}` }) : ""]),
      ...told.invited.map((each) => [each.name || each.email || each.subject || "somebody", "", `invited, until ${day(each.until)}`,
        may.has("uninvite-member") ? button("Take back", () => run("uninvite-member", { invitation: each.id }), { className: "second small" })
          : may.has("accept-invitation") ? element("span", { className: "buttons" }, button("Accept", () => run("accept-invitation", { invitation: each.id })),
            button("Decline", () => run("decline-invitation", { invitation: each.id }), { className: "danger" })) : ""])];
    node.append(table(["Person", "Organisation", "Role", ""], rows));
    if (may.has("invite-member")) {
      node.append(element("details", {}, element("summary", { text: REQUEST_COMMANDS["invite-member"].title }),
        commandForm("invite-member", REQUEST_COMMANDS["invite-member"], { datasets: [] }, send_)));
    }
    return section("People", { id: "people" }, node);
  }

  /** The subject; with the name beside it for those who may know it, such as the official of the organisation. */
  function named(subject) {
    const shown = element("span", { text: subject });
    get(`/access/v1/people/${encodeURIComponent(subject)}`).then(({ contact }) => {
      if (contact) shown.textContent = `${contact} – ${subject}`;
    }, () => {});
    return shown;
  }

  function showInvitation(told) {
    const invitation = told.invited.at(-1);
    const address = invitationAddress(told.id, invitation.id, told.token);
    $("people").append(element("div", { className: "card", attributes: { role: "status" } },
      element("p", { text: "Send this address to whom you invited. It is shown once, and works once." }), element("p", {}, element("code", { text: address }))));
    $("people").scrollIntoView();
  }

  // -- cases

  function cases(told, may, send_) {
    if (!told.cases.length) return "";
    return section("How it goes in each country", { id: "cases" }, ...told.cases.map((one) => {
      const body = bodies.get(one.body);
      const granted = one.datasets.map((each) => element("li", {}, badge(each.granted === null ? "Not decided" : each.granted ? "Granted" : "Refused",
        each.granted === null ? "" : each.granted ? "good" : "bad"), ` ${each.dataset}, version ${each.version}`));
      return element("div", { className: "case" }, element("h3", { text: `${countryOf(one.body)}: ${body?.name || one.body}` }),
        element("p", {}, badge(caseState(one.state), stateKind(one.state)), element("span", { className: "hint", text: ` ${caseKind(one.kind)} · ${one.case}` })),
        one.decision ? null : clock(one.clock, body?.silence), element("ul", { className: "reasons" }, ...granted),
        one.decision ? decision(one) : null,
        may.has("appeal") && one.state === "decided" && one.datasets.some((each) => each.granted === false)
          ? element("details", {}, element("summary", { text: REQUEST_COMMANDS.appeal.title }), commandForm("appeal", { ...REQUEST_COMMANDS.appeal,
            body: (values) => ({ ...values, case: one.case }) }, { place }, send_)) : null);
    }));
  }

  /** What a body signed, readable; whether the signature holds was checked by the hub when it came. */
  function decision(one) {
    const signed = payload(one.decision);
    if (!signed) return null;
    const rows = (signed.datasets ?? []).map((each) => [each.dataset, each.granted ? "granted" : "refused", each.reasons ?? "", [each.conditions ?? []].flat().join("; "), day(each.until)]);
    return element("details", {}, element("summary", { text: `Decision of ${moment(signed.at)}` }),
      table(["Dataset", "Decision", "Reasons", "Conditions", "Until"], rows));
  }

  // -- questions and answers

  function talk(told, may, send_) {
    if (!told.asked.length && !told.said.length) return "";
    const answers = (id_) => told.said.filter((each) => each.answers === id_).map((each) => element("p", { className: "quote", text: `Answer, ${moment(each.at)}: ${each.text}` }));
    const KIND = { change: "asks for a change", question: "asks", remark: "remarks" };
    const open = told.asked.some((each) => !each.answered && each.kind !== "remark");
    return section("Questions and messages", { id: "talk", className: open ? "card todo" : "card" },
      ...told.asked.map((each) => element("div", {}, element("h3", { text: `${each.case.split(".").slice(1).join(".") || each.case} ${KIND[each.kind] ?? each.kind}, ${moment(each.at)}` }),
        element("p", { className: "quote", text: each.text }), ...answers(each.id),
        each.answered ? badge("Answered", "good") : null,
        each.kind === "change" && may.has("resubmit") ? element("p", { text: "Change the request below, then send it again." }) : null,
        !each.answered && each.kind === "question" && may.has("answer") ? commandForm("answer", { ...REQUEST_COMMANDS.answer, body: (values) => ({ ...values, answers: each.id }) }, {}, send_) : null)),
      ...told.said.filter((each) => !each.answers).map((each) => element("p", { className: "quote", text: `${moment(each.at)}, to ${each.case || "all"}: ${each.text}` })));
  }

  if (invitation) {
    const accept = (command) => post(`${place}/commands/${command}`, invitation)
      .finally(forgetCode).then(() => location.assign(command === "accept-invitation" ? `/requests/${id}` : "/requests"))
      .catch((error) => page.prepend(alertBox(error.message)));
    page.replaceChildren(element("h1", { text: "You are invited" }), element("p", { text: `Somebody asks you to take part in request ${id}.` }),
      element("div", { className: "buttons" }, button("Accept", () => accept("accept-invitation")), button("Decline", () => accept("decline-invitation"), { className: "danger" })));
    return;
  }
  bodies = new Map((await all("/access/v1/bodies", 1).catch(() => [])).map((body) => [body.id, body]));
  await draw(await get(place));
}

function permit(told) {
  if (!told.permit) return "";
  const at = `/access/v1/permits/${encodeURIComponent(told.permit)}`;
  return section("Permit", { id: "permit" }, element("p", { text: `Permit ${told.permit} was issued for what was granted.` }),
    element("div", { className: "buttons" }, link("Who may use what, until when", `/permits/${encodeURIComponent(told.permit)}`, { className: "button" }), link("Print (PDF)", `${at}/pdf`, { className: "button second" }), link("Signed object (JWS)", `${at}/jws`, { download: `${told.permit}.jws` })));
}

/** What was submitted, to be read. */
function reading(told, place) {
  const names = new Map(told.attachments.map((file) => [file.id, file]));
  const file = (id) => (names.has(id) ? link(names.get(id).name || id, `${place}/attachments/${id}`) : id);
  return section("The request", { id: "request" },
    facts([["Purpose", purposeName(told.purpose)], ["Until", day(told.until)], ["Environment", told.environment], ["Confirmed by", told.confirmedBy],
      ["Use in terms of DUO", useText(told.duo)]]),
    table(["Dataset", "Version", "Body", "Type"], told.datasets.map((each) => [each.dataset, each.version, each.body, each.type]), "Datasets"),
    ...told.forms.map((form) => element("details", {}, element("summary", { text: inWords(form.title) }),
      facts(form.fields.filter((field) => field.visible && !["label", "header"].includes(field.type)).map((field) => [inWords(field.title), answerText(field, file)])))));
}

function history(events) {
  if (!events.length) return "";
  const lines = [...events].reverse().map((event) => element("li", {}, element("time", { dateTime: event.at, text: moment(event.at) }),
    `${eventText(event.kind)}${event.actor === who().subject ? " – you" : ""}`));
  return section("History", { id: "history" }, element("details", {}, element("summary", { text: `${lines.length} events` }),
    element("ol", { className: "timeline" }, ...lines)));
}

/** The payload of a JWS, for reading; null if it cannot be read. */
function payload(jws) {
  try {
    const bytes = Uint8Array.from(atob(jws.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch { return null; }
}
