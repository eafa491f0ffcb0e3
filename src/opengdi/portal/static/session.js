// Who is signed in, what the service says of itself, requests to the APIs in that person's name, and the header.

import { $, alertBox, element, link } from "/portal/dom.js";

/** A refusal of an API: what to tell, faults by field where it named some, and how many seconds old a login may be. */
export class Refused extends Error {
  constructor(status, detail, { errors = [], maxAge = "" } = {}) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.maxAge = maxAge;
  }
}

let person = null;
let service = {};
let canSignIn = false;

export const who = () => person;

/** What the service says of itself, once the page was opened. */
export const portalFacts = () => service;

/** The header's text, and who is signed in; null for nobody. `here`: the entry of the menu that is this page. */
export async function open(here) {
  const [facts, answer] = await Promise.all([
    fetch("/portal/facts.json").then((each) => each.json()), fetch("/login/me")]);
  canSignIn = answer.ok || answer.status === 401;
  person = answer.ok ? await answer.json() : null;
  service = facts;
  $("title").textContent = facts.title;
  $("notice").textContent = facts.notice;
  $("notice").hidden = !facts.notice;
  showMenu(facts, here);
  return facts;
}

function showMenu(facts, here) {
  const entries = facts.pages.map(({ title, path }) => element("li", {},
    link(title, path, title === here ? { ariaCurrent: "page" } : {})));
  $("menu").replaceChildren(element("ul", {}, ...entries), ...account());
}

function account() {
  if (person) {
    return [element("p", { className: "who" }, element("span", { id: "name", text: person.name || "Signed in" }),
      element("button", { type: "button", id: "sign-out", text: "Sign out", on: { click: signOut } }))];
  }
  return canSignIn ? [element("p", { className: "who" }, signIn("Sign in"))] : [];
}

/** A link that leads back here. rest: what else the login is asked for. */
export function signIn(text, rest = {}) {
  const next = location.pathname + location.search;
  return link(text, `/login/start?${new URLSearchParams({ ...rest, next })}`, { className: "button", id: "sign-in" });
}

/** What went wrong; where a login of just now is needed, with the way to it and back. Spec: RFC 9470, section 3. */
export function refusal(error) {
  if (!error.maxAge) return alertBox(error.message);
  return element("div", {}, alertBox(`${error.message} You come back to this page then; what you wrote on it is not kept.`),
    element("p", {}, signIn("Sign in again", { max_age: error.maxAge })));
}

/** Says that one must sign in; true if nobody is. */
export function mustSignIn(place, title, why) {
  if (person) return false;
  place.replaceChildren(element("h1", { text: title }), element("p", { className: "lead", text: why }), element("p", {}, signIn("Sign in to go on")));
  return true;
}

async function signOut() {
  const answer = await fetch("/login/end", {
    method: "POST", headers: { accept: "application/json", "x-csrf-token": person.csrf } });
  const told = answer.ok ? await answer.json() : {};
  location.assign(told.continue || "/");
}

/** Headers by which a change is this person's will. */
export const csrf = () => (person ? { "x-csrf-token": person.csrf } : {});

async function ask(method, path, body) {
  const isFile = body instanceof FormData;
  const headers = { accept: "application/json", ...(method === "GET" ? {} : csrf()),
    ...(body !== undefined && !isFile ? { "content-type": "application/json" } : {}) };
  const sent = body === undefined ? undefined : isFile ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: sent });
  } catch {
    throw new Refused(0, "The service cannot be reached. Nothing was changed; try again.");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const maxAge = maxAgeOf(answer);
    throw new Refused(answer.status, detailOf(answer, told, maxAge), { errors: told.errors, maxAge });
  }
  return told;
}

/** Of a challenge to prove anew who one is; else empty. */
function maxAgeOf(answer) {
  const challenge = answer.headers.get("www-authenticate") ?? "";
  return challenge.includes("insufficient_user_authentication") ? /max_age="?(\d+)/.exec(challenge)?.[1] ?? "0" : "";
}

function detailOf(answer, told, maxAge) {
  if (answer.status === 401 && !maxAge) return "You are signed out. Sign in again; what was saved is kept.";
  if (maxAge) return `For this you must have signed in within the last ${maxAge} seconds.`;
  return told.detail || told.title || `The service answered ${answer.status}.`;
}

export const get = (path) => ask("GET", path);
export const put = (path, body) => ask("PUT", path, body);
export const post = (path, body = {}) => ask("POST", path, body);

/** All items of a list, page by page; at most `most` pages. */
export async function all(path, most = 10) {
  const items = [];
  let after = "";
  for (let page = 0; page < most; page += 1) {
    const joint = path.includes("?") ? "&" : "?";
    const told = await get(after ? `${path}${joint}${new URLSearchParams({ after })}` : path);
    items.push(...told.items);
    if (!told.next) break;
    after = told.next;
  }
  return items;
}
