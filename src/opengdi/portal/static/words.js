// What states, roles, kinds and verdicts are called for people. A word that is not known is shown as it came.

const REQUEST_STATES = {
  draft: ["Draft", "You can still change everything."],
  "pending-confirmation": ["Waiting for the signing official", "The applicant's organisation must confirm it."],
  submitted: ["Submitted", "It is on its way to the bodies that decide."],
  "under-review": ["Under review", "The bodies of the countries are looking at it."],
  returned: ["Changes are asked for", "Change the request, then send it again."],
  approved: ["Approved", "All datasets were granted."],
  "partly-approved": ["Partly approved", "Some datasets were granted."],
  rejected: ["Rejected", "No dataset was granted."],
  withdrawn: ["Withdrawn", "The applicant took it back."],
  closed: ["Closed", "It is at an end."],
  revoked: ["Revoked", "What was granted was taken back."],
  deleted: ["Deleted", ""],
};
const GOOD = new Set(["approved", "decided", "active"]);
const WAITING = new Set(["pending-confirmation", "returned", "waiting-for-applicant", "partly-approved", "sleeping", "registered", "vetted", "agreed", "assigned"]);
const ENDED = new Set(["rejected", "revoked", "suspended"]);

const PERMIT_STATES = {
  active: ["Holds", "What it grants is open."], suspended: ["Suspended", "Nothing is open until it is resumed."],
  sleeping: ["Sleeps", "Nothing is open until its holder wakes it."], ended: ["Ended", "Nothing is open by it."],
};
const ORGANISATION_STATES = {
  registered: ["Registered", "An operator of the hub checks that it is who it says."],
  vetted: ["Vetted", "Its signing official has to sign the documents in force."],
  agreed: ["Agreed", "All documents are signed; an operator activates it."],
  active: ["Active", "Its people may ask for data, once each of them is complete."],
  suspended: ["Suspended", "Nobody of it may ask for or use data now."],
  closed: ["Closed", "It is at an end."],
};
const PERSON_STATES = { assigned: "Named, to be vetted", vetted: "Vetted", active: "Active", revoked: "Revoked", unknown: "Not known" };
/** What a node finds missing of a person; hubs say it in a sentence. */
const LACKING = {
  standing: "Good standing: the hub says that person or organisation lost it.", organisation: "The organisation of the permit: the person belongs to another one now.",
  training: "Training or vetting: it has ended and must be renewed.", terms: "Terms: a version of each document that this node asks for must be accepted.",
  unknown: "Anything: no hub has told this node of the person yet.", decision: "A grant: no decision of a body of this node names this person for these data.",
  revoked: "It was taken back here.",
};
const CASE_STATES = {
  offered: "On its way to the body",
  "conformity-check": "Checking that the request conforms",
  "ethics-check": "Ethics check",
  opinion: "Opinions of the committee",
  vote: "Vote",
  decision: "Formal decision",
  countersignature: "Countersignature of the country",
  consensus: "Looking for a consensus",
  "waiting-for-applicant": "Waiting for the applicant",
  appeal: "Appeal",
  decided: "Decided",
  withdrawn: "Withdrawn",
};
const KINDS = {
  decide: "Decision of a national body", central: "Central decision", countersign: "Countersignature, with a right of veto",
};
const PURPOSES = {
  research: "Research", policy: "Policy making", "quality-management": "Quality management", healthcare: "Healthcare",
};
const ROLES = {
  applicant: "applicant", member: "member", invited: "invited", "signing-official": "signing official",
  "reviewer-body": "member of a deciding body", coordinator: "coordinator", former: "no longer in it",
  "dac-member": "committee members", "dac-chair": "chair", "ethics-member": "ethics members",
  "national-coordination-point": "national coordination point", "data-holder": "data holder",
};
const SILENCE = {
  deny: "If the deadline passes, silence means no.", approve: "If the deadline passes, silence means yes.",
  escalate: "If the deadline passes, others are called in.",
};
export const VERDICTS = {
  approve: ["Yes", "good", "The conditions of use allow this."],
  yes: ["Yes", "good", "The conditions of use allow this."],
  "needs-evidence": ["Evidence is needed", "wait", "Allowed, if the following is said and shown."],
  abstain: ["People must judge", "wait", "The committee must weigh it."],
  unsure: ["People must judge", "wait", "The committee must weigh it."],
  deny: ["No", "bad", "The conditions of use forbid this."],
  no: ["No", "bad", "The conditions of use forbid this."],
};

/** `under-review` → `Under review`; `dacChair` → `Dac chair`. */
export function plain(word) {
  const text = String(word).replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll(/[-_]/g, " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What happened to a request, where the kind of the event does not say it. */
const EVENTS = { "appeal-refused": "An appeal was not taken up by the body" };
export const eventText = (kind) => EVENTS[kind] ?? plain(kind);

export const requestState = (state) => REQUEST_STATES[state]?.[0] ?? plain(state);
export const requestStateHelp = (state) => REQUEST_STATES[state]?.[1] ?? "";
export const permitState = (state) => PERMIT_STATES[state]?.[0] ?? plain(state);
export const permitStateHelp = (state) => PERMIT_STATES[state]?.[1] ?? "";
export const organisationState = (state) => ORGANISATION_STATES[state]?.[0] ?? plain(state);
export const organisationStateHelp = (state) => ORGANISATION_STATES[state]?.[1] ?? "";
export const personState = (state) => PERSON_STATES[state] ?? plain(state);
const SAID_TO_THEMSELVES = [["nobody assigned this person", "no signing official has named you"], ["the person's", "your"], ["the person has", "you have"]];

/** What is lacking as a sentence; isMine: said to the person themselves. */
export function lackingText(word, isMine = false) {
  const text = isMine ? SAID_TO_THEMSELVES.reduce((said, [from, to]) => said.replace(from, to), word) : word;
  return LACKING[word] ?? `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
export const caseState = (state) => CASE_STATES[state] ?? plain(state);
export const stateKind = (state) => (GOOD.has(state) ? "good" : ENDED.has(state) ? "bad" : WAITING.has(state) ? "wait" : "");
export const caseKind = (kind) => KINDS[kind] ?? plain(kind);
export const purposeName = (purpose) => PURPOSES[purpose] ?? plain(purpose);
export const purposes = Object.entries(PURPOSES);
export const roleName = (role) => ROLES[role] ?? plain(role).toLowerCase();
export const silenceMeans = (silence) => SILENCE[silence] ?? "";
export const verdict = (word) => VERDICTS[word] ?? [plain(word), "wait", ""];

const YES_NO = { true: "yes", false: "no" };
export const yesNo = (value) => YES_NO[value];

/** A use of data in terms of DUO, a line for each thing that was said. */
export const useText = (duo) => Object.entries(duo ?? {}).map(([name, value]) =>
  `${plain(name)}: ${[value].flat().map((each) => (typeof each === "object" ? JSON.stringify(each) : yesNo(each) ?? each)).join(", ")}`).join("\n");

const countries = new Intl.DisplayNames(["en"], { type: "region" });

/** `EE` → `Estonia`; what is no code of a country stays. */
export function countryName(code) {
  try { return code === "EU" ? "European Union" : countries.of(code); } catch { return code; }
}

/** `ee.dac`, `ee.gdi.node` → `Estonia`; an id without a country stays. */
export function countryOf(id) {
  const code = /^([a-z]{2})\./i.exec(id ?? "")?.[1].toUpperCase();
  return code ? countryName(code) : id;
}

/** Where a dataset of a request lies. */
export const countryOfDataset = ({ datasets }, id) => countryOf(datasets.find((each) => each.dataset === id)?.node) || id;

const FAULTS = {
  required: "Please answer this.", toolong: "This is too long.", "invalid-date": "Give a date, such as 2027-12-31.",
  "invalid-email": "Give an e-mail address, such as name@example.org.",
  "invalid-phone-number": "Give the number with its country, such as +3222991111.",
  "invalid-ip-address": "Give an IP address, such as 192.0.2.1.", "invalid-ip-address-private": "Give a public IP address.",
  "invalid-value": "Choose one of the values.", "column-values-missing": "Fill every column of every row.",
  "unknown-field": "This is not asked any more.",
};
/** A fault as a sentence. `me`: the reader's subject, who is called you. */
export function faultText(fault, me = "") {
  const detail = me ? fault.detail.replace(me, "you") : fault.detail;
  if (detail) return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`.replace(/\.\.$/, ".");
  return FAULTS[fault.type.split("/").pop()] || plain(fault.type);
}
