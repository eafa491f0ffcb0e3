// What can be done with organisations and with people of them: what each will do, and what it asks for. Three tables.

import { day } from "/portal/dom.js";

const reason = (label = "Reason") => ({ name: "reason", label, type: "prose", required: true });
const text = (name, label, rest = {}) => ({ name, label, type: "text", required: true, ...rest });
const email = (name = "email", label = "E-mail address", rest = {}) => ({ name, label, type: "email", required: true, ...rest });
const date = (name, label, rest = {}) => ({ name, label, type: "date", required: true, missing: "Give a day.", ...rest });
const evidence = (label = "Evidence") => ({ name: "evidence", label, type: "prose", required: true, help: "What was looked at, and where it can be found." });
const ROLES = [["faculty", "Faculty"], ["staff", "Staff"], ["student", "Student"], ["affiliate", "Affiliate"], ["member", "Member"]];
const CHECKS = [["legal-existence", "It exists in law"], ["signing-authority", "Who signs for it may do so"], ["not-for-profit", "It is not for profit"],
  ["ror", "ROR identifier"], ["country", "Country"], ["security", "Security"]];
const checkName = new Map(CHECKS);
export const nameOfCheck = (kind) => checkName.get(kind) ?? kind;

const contact = (values, name) => ({ name: values[`${name}Name`], email: values[`${name}Email`] });
const REGISTRATION = [
  { name: "entity", label: "The legal entity", type: "header" },
  text("name", "Legal name"), text("country", "Country", { help: "Two letters, such as EE." }),
  text("domain", "Domain of its e-mail addresses", { help: "Such as example.org." }),
  text("ror", "ROR identifier", { required: false, help: "Such as https://ror.org/03z77qz90." }),
  text("registrationNumber", "Number in the national register, if it has no ROR identifier", { required: false }),
  { name: "notForProfit", label: "It is a not-for-profit organisation; proof will be asked for", type: "check" },
  { name: "legal", label: "Its legal representative", type: "header" }, text("legalName", "Name", { says: "legalRepresentative" }), email("legalEmail"),
  { name: "own", label: "You", type: "header" }, text("ownName", "Your name", { says: "registrant" }), email("ownEmail", "Your e-mail address"),
];

export const REGISTER = { title: "Register an organisation", button: "Register",
  does: "An operator of the hub checks what you say, and may ask you for proof. Then the signing official signs the terms, and names the people who may ask for data.",
  fields: [...REGISTRATION,
    { name: "signing", label: "Its signing official", type: "header" },
    { name: "whoSigns", label: "Who signs for the organisation?", type: "choice", required: true, missing: "Say who signs.", options: [["me", "I do"], ["other", "Somebody else, whom I invite"]] },
    text("officialName", "Name of the official", { says: "official", when: (values) => values.whoSigns === "other" }), email("officialEmail", "E-mail address of the official", { when: (values) => values.whoSigns === "other" })],
  body: (values) => registration(values) };

function registration(values) {
  return { name: values.name, country: values.country.toUpperCase(), domain: values.domain.toLowerCase(), ror: values.ror ?? "", registrationNumber: values.registrationNumber ?? "",
    notForProfit: values.notForProfit, legalRepresentative: contact(values, "legal"), registrant: contact(values, "own"),
    ...(values.whoSigns === "other" ? { official: contact(values, "official") } : {}) };
}

const officials = (told) => told.officials.map((each) => [each, each]);
const SIGN = { title: "Sign a document", button: "I agree, and sign", does: "Your signature is recorded with the digest of the document that you are shown, and leaves evidence that anybody can check.",
  sure: "A signature is not taken back.", fields: [{ name: "signed", label: "Document", type: "document", options: ({ unsigned }) => unsigned }],
  body: ({ signed }) => signed };

export const ORGANISATION_COMMANDS = {
  vet: { title: "Vet the organisation", button: "It is who it says", does: "You confirm, by the checks recorded below, that the organisation is who it says. Its official can sign the documents then.",
    sure: "The checks that rest on you stand under your name." },
  "record-check": { title: "Record a check", button: "Record", does: "What you looked at is kept with the day and your name. Vetting needs that it exists and that its official may sign; also that it is not for profit, if it says so.", fields: [
    { name: "kind", label: "What was checked", type: "choice", required: true, missing: "Choose what.", options: CHECKS },
    { name: "passed", label: "Outcome", type: "choice", required: true, missing: "Say how it came out.", options: [[true, "It holds"], [false, "It does not hold"]] }, date("on", "Day of the look"), evidence()] },
  correct: { title: "Correct the registration", button: "Save", does: "What was wrong is put right; checks made before stay as they are.", fields: REGISTRATION, body: registration },
  activate: { title: "Activate", does: "Its people may ask for data from now on, once each of them is complete." },
  sign: SIGN,
  "ask-signature": { title: "Sign by the external service", button: "Go there", does: "A service for qualified signatures shows you the document, and tells the hub when you have signed.", fields: [
    { name: "version", label: "Document", type: "choice", required: true, missing: "Choose the document.", options: ({ unsigned }) => unsigned.map((each) => [{ document: each.id, version: each.version }, each.title]) },
    text("name", "Your name"), email()], body: ({ version, ...rest }) => ({ ...version, ...rest }) },
  "appoint-official": { title: "Appoint a signing official", button: "Appoint", does: "That person signs for the organisation, and names its people.", fields: [text("subject", "Subject of somebody who has logged in")] },
  "invite-official": { title: "Invite a signing official", button: "Invite", does: "You are shown a code once, to hand on. Who enters it here becomes a signing official; it is good for 30 days.", fields: [text("name", "Name"), email()] },
  "remove-official": { title: "Remove a signing official", button: "Remove", danger: true, does: "That person does not sign for the organisation any longer.", fields: [
    { name: "subject", label: "Who", type: "choice", required: true, missing: "Choose who.", options: officials }] },
  "assign-person": { title: "Name a person", button: "Name the person", does: "That person may ask for data in the name of the organisation, once an operator has vetted them.", fields: [
    text("subject", "Subject of somebody who has logged in"), text("name", "Name"), email(), { name: "role", label: "Role", type: "choice", required: true, missing: "Choose the role.", options: ROLES }] },
  "invite-person": { title: "Invite a person", button: "Invite", does: "You are shown a code once, to hand on. Who enters it here belongs to the organisation; it is good for 30 days.", fields: [
    text("name", "Name"), email(), { name: "role", label: "Role", type: "choice", required: true, missing: "Choose the role.", options: ROLES }] },
  "cancel-invitation": { title: "Take an invitation back", button: "Take back", does: "Its code does not hold any longer.", fields: [
    { name: "invitation", label: "Whose", type: "choice", required: true, missing: "Choose which.", options: (told) => told.invitations.map((each) => [each.id, `${each.contact || each.id}, until ${day(each.until)}`]) }] },
  suspend: { title: "Suspend", button: "Suspend", danger: true, does: "Nobody of the organisation may ask for or use data, at any node, until it is reinstated.", fields: [reason()] },
  reinstate: { title: "Reinstate", does: "Its people may ask for and use data again.", fields: [reason()] },
  close: { title: "Close", button: "Close", danger: true, does: "The organisation is at an end: nobody of it may ask for or use data.", sure: "It cannot be opened again.", fields: [reason()] },
};

export const PERSON_COMMANDS = {
  vet: { title: "Vet the person", button: "Vetted", does: "You confirm who they are, that they belong to the organisation, and that they are trained, each until a day.", fields: [
    { name: "credentials", label: "Credentials", type: "prose", required: true, help: "What was looked at." }, date("trainingUntil", "Training holds until"), date("affiliationUntil", "Affiliation holds until")] },
  "record-training": { title: "Record training", button: "Record", does: "Training holds until that day.", fields: [date("until", "Until"), evidence()] },
  "confirm-affiliation": { title: "Confirm that they belong to it", button: "Confirm", does: "The affiliation holds until that day.", fields: [date("until", "Until")] },
  "record-licence": { title: "Record a professional licence", button: "Record", does: "Needed for the purpose of healthcare.", fields: [text("register", "Register"), text("number", "Number"), date("checked", "Checked on"), date("until", "Until", { required: false })] },
  "withdraw-licence": { title: "Withdraw the licence", button: "Withdraw", danger: true, does: "The person has no licence for healthcare any longer.", fields: [reason()] },
  sign: SIGN,
  revoke: { title: "Take the person off", button: "Take off", danger: true, does: "The person may not ask for data any longer, and what was granted to them is closed at every node at once.", sure: "What is closed now opens again by being named and vetted anew only.", fields: [reason()] },
  leave: { title: "Leave the organisation", button: "Leave", danger: true, does: "You may not ask for data in its name any longer, and what was granted to you is closed.", sure: "Only its official can name you again." },
};

export const INVITED = { title: "I was invited", button: "Accept", does: "You enter the code that you were given. It holds once, and for 30 days.", fields: [
  text("code", "Code", { value: ({ code }) => code }),
  text("name", "Your name", { required: false }), email("email", "Your e-mail address", { required: false })] };
