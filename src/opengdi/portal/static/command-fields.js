// Fields of commands: one kind, one function → {node, read(), fault(words), focus(), check()}. No node: there is nothing to ask.

import { element, freshId, link } from "/portal/dom.js";

export const isEmpty = (value) => value === undefined || value === "" || (Array.isArray(value) && !value.length);
const MOST_RADIOS = 4;
const given = (field, context) => (typeof field.value === "function" ? field.value(context) : field.value);
const optionsOf = (field, context) => (typeof field.options === "function" ? field.options(context) : field.options);
const optional = (field) => (field.required ? null : element("span", { className: "optional", text: " (optional)" }));

function labelled(field, control, read) {
  control.id = freshId(field.name);
  if (field.required) control.required = true;
  const fault = element("p", { className: "fault", id: `${control.id}-fault` });
  const help = field.help ? element("p", { className: "hint", id: `${control.id}-help`, text: field.help }) : null;
  control.setAttribute("aria-describedby", [help?.id, fault.id].filter(Boolean).join(" "));
  const label = element("label", { htmlFor: control.id, text: field.label }, optional(field));
  return { node: element("div", { className: "field" }, label, help, control, fault), read, focus: () => control.focus(), fault: (text) => {
    fault.textContent = text;
    control.setAttribute("aria-invalid", String(Boolean(text)));
  } };
}

/** Several controls under one legend; a fault is read out with the first of them. */
function group(field, children, read, check) {
  const fault = element("p", { className: "fault", id: freshId("fault") });
  const node = element("fieldset", { className: "field", attributes: { "aria-describedby": fault.id } }, element("legend", { text: field.label }, optional(field)),
    field.help ? element("p", { className: "hint", text: field.help }) : null, ...children, fault);
  return { node, read, check, fault: (text) => { fault.textContent = text; node.classList.toggle("invalid", Boolean(text)); },
    focus: () => (node.querySelector("[aria-invalid=true]") ?? node.querySelector("input,select,textarea"))?.focus() };
}

const input = (type, rest = {}) => (field, context) => {
  const control = element("input", { type, ...rest, value: given(field, context) ?? "" });
  return labelled(field, control, () => control.value.trim() || undefined);
};

const area = (rows) => (field, context) => {
  const control = element("textarea", { rows, value: given(field, context) ?? "" });
  return labelled(field, control, () => control.value.trim() || undefined);
};

function lines(field, context) {
  const made = area(3)(field, context);
  return { ...made, read: () => (made.read() ?? "").split("\n").map((each) => each.trim()).filter(Boolean) };
}

function number(field, context) {
  const control = element("input", { type: "number", min: 1, value: given(field, context) ?? "" });
  return labelled(field, control, () => (control.value ? Number(control.value) : undefined));
}

/** A day, told as its end where the API wants a moment (`field.moment`). */
function date(field, context) {
  const made = input("date")(field, context);
  return { ...made, read: () => (made.read() && field.moment ? `${made.read()}T23:59:59+00:00` : made.read()) };
}

function choice(field, context) {
  const options = optionsOf(field, context);
  if (!options.length) return {};
  return options.length <= MOST_RADIOS ? radios(field, options, given(field, context)) : selection(field, options, given(field, context));
}

function radios(field, options, value) {
  const name = freshId(field.name);
  const boxes = options.map(([told, text]) => {
    const box = element("input", { type: "radio", name, id: freshId(field.name), checked: told === value });
    return { told, box, node: element("div", { className: "check" }, box, element("label", { htmlFor: box.id, text })) };
  });
  return group(field, [element("div", { className: "radios" }, ...boxes.map((each) => each.node))], () => boxes.find((each) => each.box.checked)?.told);
}

function selection(field, options, value) {
  const control = element("select", {}, element("option", { value: "", text: "Choose …" }),
    ...options.map(([told, text]) => element("option", { value: JSON.stringify(told), text })));
  if (value !== undefined) control.value = JSON.stringify(value);
  return labelled(field, control, () => (control.value === "" ? undefined : JSON.parse(control.value)));
}

function check(field, context) {
  const box = element("input", { type: "checkbox", id: freshId(field.name), checked: Boolean(given(field, context)) });
  return { node: element("div", { className: "check field" }, box, element("label", { htmlFor: box.id, text: field.label })),
    read: () => box.checked, focus: () => box.focus() };
}

function several(field, context) {
  const options = optionsOf(field, context) ?? context.datasets.map((id) => [id, id]);
  if (!options.length) return {};
  const boxes = options.map(([value, text]) => {
    const box = element("input", { type: "checkbox", value, id: freshId(field.name), checked: Boolean(field.all) });
    return { box, node: element("div", { className: "check" }, box, element("label", { htmlFor: box.id, text })) };
  });
  return group(field, boxes.map((each) => each.node), () => boxes.filter((each) => each.box.checked).map((each) => each.box.value));
}

/** Each criterion is met, or is not, with a reason that is asked for where it is not. */
function criteria(field) {
  const rows = field.options.map(([criterion, text]) => {
    const met = radios({ name: "met", label: text, required: true }, [[true, "met"], [false, "not met"]]);
    const why = area(2)({ name: "why", label: "What is missing", required: true });
    why.node.hidden = true;
    const node = element("div", { className: "criterion", on: { change: () => { why.node.hidden = met.read() !== false; } } }, met.node, why.node);
    return { criterion, met, why, node };
  });
  const wrong = () => rows.map((row) => {
    const [unsaid, unexplained] = [row.met.read() === undefined, row.met.read() === false && !row.why.read()];
    row.met.fault(unsaid ? "Say whether it is met." : "");
    row.why.fault(unexplained ? "Say what is missing." : "");
    return unsaid || unexplained;
  }).some(Boolean);
  return group(field, rows.map((each) => each.node), () => ({
    criteria: Object.fromEntries(rows.map((each) => [each.criterion, each.met.read()])),
    reasons: Object.fromEntries(rows.filter((each) => each.met.read() === false).map((each) => [each.criterion, each.why.read()])) }),
  () => (wrong() ? "Each criterion must be judged." : ""));
}

function votes(field, context) {
  if (context.datasets.length < 2) return {};
  const rows = context.datasets.map((dataset) => ({ dataset, ...selection({ name: "vote", label: dataset, required: true }, field.options) }));
  return group(field, rows.map((each) => each.node), () =>
    Object.fromEntries(rows.filter((each) => each.read() !== undefined).map((each) => [each.dataset, each.read()])));
}

/** A ruling for each dataset: granted with its terms, or refused with reasons. `field.termsOnly`: all are granted. */
function rulings(field, context) {
  const parts = context.datasets.map((dataset) => ruling(dataset, field, context));
  return group(field, parts.map((each) => each.node), () => parts.map((each) => each.read()).filter(Boolean),
    () => (parts.map((each) => each.wrong()).some(Boolean) ? "Each dataset must be decided on." : ""));
}

function ruling(dataset, { termsOnly }, context) {
  const granted = termsOnly ? { read: () => true, fault: () => {} }
    : radios({ name: "granted", label: "Decision", required: true }, [[true, "Grant"], [false, "Refuse"]]);
  const reasons = area(3)({ name: "reasons", label: "Reasons", help: "A refusal needs them; say how it could be mended." });
  const terms = {
    conditions: lines({ name: "conditions", label: "Conditions, one a line" }),
    until: date({ name: "until", label: "Until", moment: true, help: context.until ? `Empty: until ${context.until}, as was asked for.` : "Needed: the request names no end." }),
    ...(termsOnly ? {} : { regions: lines({ name: "regions", label: "Only these regions, one a line", help: "Such as 22:1001-2000; empty: all of it." }) }),
  };
  const box = element("div", { hidden: !termsOnly }, ...Object.values(terms).map((each) => each.node));
  const node = element("fieldset", { className: "card", on: { change: () => { box.hidden = granted.read() !== true; } } },
    element("legend", { text: dataset }), termsOnly ? null : granted.node, termsOnly ? null : reasons.node, box);
  const said = () => Object.fromEntries(Object.entries({ ...(termsOnly ? {} : { reasons }), ...(granted.read() ? terms : {}) })
    .map(([name, each]) => [name, each.read()]).filter(([, value]) => !isEmpty(value)));
  return { node,
    read: () => (termsOnly && isEmpty(Object.keys(said())) ? undefined : { dataset, granted: granted.read(), ...said() }),
    wrong: () => {
      const [undecided, unexplained] = [granted.read() === undefined, granted.read() === false && !reasons.read()];
      granted.fault(undecided ? "Grant or refuse." : "");
      reasons.fault(unexplained ? "A refusal needs reasons." : "");
      return undecided || unexplained;
    } };
}

/** A document that is read here, or opened, and then signed: told by the digest of the bytes that were shown. */
function document_({ label, options }, context) {
  const choices = options(context);
  if (!choices.length) return {};
  const shown = element("div");
  const read = check({ name: "read", label: "I have read it" });
  const which = choice({ name: "which", label, required: true, options: choices.map((each) => [each.id, each.title]), value: choices[0].id }, {});
  let signed;

  async function show() {
    signed = undefined;
    const found = choices.find((each) => each.id === which.read());
    const answer = await fetch(found.content);
    const bytes = await answer.arrayBuffer();
    const isText = found.mediaType.startsWith("text/plain");
    const contents = isText ? element("pre", { tabIndex: 0, ariaLabel: found.title, text: new TextDecoder().decode(bytes), attributes: { role: "region" } })
      : element("p", {}, link(`Open ${found.title}`, found.content, { target: "_blank", rel: "noopener" }));
    shown.replaceChildren(contents, element("p", { className: "hint" }, "SHA-256 ", element("code", { text: found.sha256 })));
    signed = { document: found.id, version: found.version, sha256: await digest(bytes) };
  }
  const made = group({ name: "signed", label: "What you sign", required: true }, [which.node, shown, read.node], () => signed,
    () => (read.read() ? "" : "Read it first, and say so."));
  made.node.addEventListener("change", (event) => { if (event.target !== read.node.querySelector("input")) show(); });
  show();
  return made;
}

async function digest(bytes) {
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...found].map((each) => each.toString(16).padStart(2, "0")).join("");
}

const header = ({ label }) => ({ node: element("h3", { text: label }), read: () => undefined });

export const KINDS = { text: input("text", { autocomplete: "off" }), email: input("email"), date, header, document: document_, prose: area(4), lines, number, choice, check, several,
  datasets: several, criteria, votes, rulings };
