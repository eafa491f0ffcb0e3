// Elements, and words from data. Text is never read as HTML.

export const $ = (id) => document.getElementById(id);

/** Element with classes, text, attributes (`aria-…`, `role`, `for`) and children. */
export function element(tag, { text, className, attributes = {}, on = {}, ...rest } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  Object.assign(made, rest);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const [name, handler] of Object.entries(on)) made.addEventListener(name, handler);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A section with a heading, so that a screen reader lists it. */
export function section(title, { level = 2, className = "card", id = "" } = {}, ...children) {
  const heading = element(`h${level}`, { text: title, id: id ? `${id}-title` : "" });
  const made = element("section", { className, id }, heading, ...children);
  if (id) made.setAttribute("aria-labelledby", heading.id);
  return made;
}

export const button = (text, run, rest = {}) => element("button", { type: "button", text, on: { click: run }, ...rest });

/** Names and values beside each other; those without a value are left out. */
export function facts(pairs) {
  const kept = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return element("dl", { className: "facts" }, ...kept.flatMap(([name, value]) =>
    [element("dt", { text: name }), element("dd", {}, value instanceof Node ? value : String(value))]));
}

export function table(headings, rows, caption = "") {
  const head = element("tr", {}, ...headings.map((text) => (text ? element("th", { text, scope: "col" }) : element("td"))));
  const made = element("table", { className: "told" }, element("thead", {}, head), element("tbody", {},
    ...rows.map((cells) => element("tr", {}, ...cells.map((cell, at) =>
      element("td", headings[at] ? { attributes: { "data-label": headings[at] } } : {}, cell ?? ""))))));
  if (caption) made.prepend(element("caption", { text: caption }));
  return element("div", { className: "wide", tabIndex: 0, attributes: { role: "region", "aria-label": caption || `Table: ${headings.filter(Boolean).join(", ")}` } }, made);
}

export const link = (text, href, rest = {}) => element("a", { text, href, ...rest });

/** A badge whose kind is also said in words. */
export const badge = (text, kind = "") => element("span", { className: `badge ${kind}`, text });

/** What went wrong, read out at once. */
export const alertBox = (text) => element("p", { className: "error", attributes: { role: "alert" }, text });

const languages = [...navigator.languages].map((each) => each.slice(0, 2));

/** A text of a form by language: the reader's if there is one, else English. */
export function inWords(words) {
  if (!words || typeof words === "string") return words ?? "";
  return words[languages.find((each) => words[each])] ?? words.en ?? Object.values(words)[0] ?? "";
}

const days = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const moments = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
export const day = (iso) => (iso ? days.format(new Date(iso)) : "");
export const moment = (iso) => (iso ? moments.format(new Date(iso)) : "");

let last = 0;
/** An id for a label to point at. */
export const freshId = (prefix = "f") => `${prefix}-${++last}`;
