// Forms of commands, made from tables: what a command asks for, and how that is said. One kind of field, one function.

import { alertBox, element, freshId } from "/portal/dom.js";
import { plain } from "/portal/words.js";

/**
 * spec: {title, button, help, danger, fields: [{name, label, type, required, options, help}], body?(values)}.
 * context: {datasets: [id], criteria: [id]}. send(command, body): does it, and shows what is so then.
 */
export function commandForm(command, spec, context, send) {
  const fields = (spec.fields ?? []).map((field) => ({ field, ...KINDS[field.type ?? "text"](field, context) }));
  const trouble = element("div");
  const go = element("button", { text: spec.button ?? spec.title, className: spec.danger ? "danger" : "" });
  const form = element("form", { className: "act", noValidate: true, on: { submit: (event) => { event.preventDefault(); submit(); } } },
    spec.help ? element("p", { className: "hint", text: spec.help }) : null,
    ...fields.map((each) => each.node), trouble, element("div", { className: "buttons" }, go));
  form.dataset.command = command;

  async function submit() {
    trouble.replaceChildren();
    const missing = fields.filter((each) => each.field.required && isEmpty(each.read()));
    for (const each of fields) each.fault?.(missing.includes(each) ? "Please fill this in." : "");
    if (missing.length) return missing[0].focus?.();
    const values = Object.fromEntries(fields.map((each) => [each.field.name, each.read()]).filter(([, value]) => value !== undefined));
    go.disabled = true;
    try {
      await send(command, spec.body ? spec.body(values) : values);
    } catch (error) {
      trouble.replaceChildren(alertBox(error.message));
    } finally {
      go.disabled = false;
    }
  }
  return form;
}

/** What may be done, each folded below its name; `permitted` alone decides what is there. */
export function commandList(permitted, specs, context, send, { without = [], open = [] } = {}) {
  return permitted.filter((command) => !without.includes(command)).map((command) => {
    const spec = specs[command] ?? { title: plain(command) };
    const folded = element("details", { open: open.includes(command) }, element("summary", { text: spec.title }),
      commandForm(command, spec, context, send));
    return folded;
  });
}

const isEmpty = (value) => value === undefined || value === "" || (Array.isArray(value) && !value.length);

function labelled(field, control, read) {
  control.id = freshId(field.name);
  const fault = element("p", { className: "fault", id: `${control.id}-fault` });
  control.setAttribute("aria-describedby", [field.help && `${control.id}-help`, fault.id].filter(Boolean).join(" "));
  const node = element("div", { className: "field" },
    element("label", { htmlFor: control.id, text: field.label }, field.required ? null : element("span", { className: "optional", text: " (optional)" })),
    field.help ? element("p", { className: "hint", id: `${control.id}-help`, text: field.help }) : null, control, fault);
  return { node, read, focus: () => control.focus(), fault: (text) => {
    fault.textContent = text;
    control.setAttribute("aria-invalid", String(Boolean(text)));
  } };
}

const input = (type) => (field) => {
  const control = element("input", { type });
  return labelled(field, control, () => control.value.trim() || undefined);
};

function area(field) {
  const control = element("textarea", { rows: 4 });
  return labelled(field, control, () => control.value.trim() || undefined);
}

function lines(field) {
  const control = element("textarea", { rows: 3 });
  return labelled(field, control, () => linesOf(control.value));
}

function number(field) {
  const control = element("input", { type: "number", min: 1 });
  return labelled(field, control, () => (control.value ? Number(control.value) : undefined));
}

function choice(field) {
  const control = select(field.options, "Choose …");
  return labelled(field, control, () => (control.value === "" ? undefined : JSON.parse(control.value)));
}

function check(field) {
  const box = element("input", { type: "checkbox", id: freshId(field.name), checked: Boolean(field.value) });
  return { node: element("div", { className: "check field" }, box, element("label", { htmlFor: box.id, text: field.label })), read: () => box.checked };
}

function group(field, children, read) {
  const fault = element("p", { className: "fault" });
  const node = element("fieldset", {}, element("legend", { text: field.label }),
    field.help ? element("p", { className: "hint", text: field.help }) : null, ...children, fault);
  return { node, read, fault: (text) => { fault.textContent = text; }, focus: () => node.querySelector("input,select,textarea")?.focus() };
}

function several(field, context) {
  const boxes = (field.options ?? context.datasets.map((id) => [id, id])).map(([value, text]) => {
    const box = element("input", { type: "checkbox", value, id: freshId(field.name), checked: Boolean(field.all) });
    return { box, node: element("div", { className: "check" }, box, element("label", { htmlFor: box.id, text })) };
  });
  return group(field, boxes.map((each) => each.node), () => boxes.filter((each) => each.box.checked).map((each) => each.box.value));
}

function select(options, first) {
  return element("select", {}, element("option", { value: "", text: first }),
    ...options.map(([value, text]) => element("option", { value: JSON.stringify(value), text })));
}

/** A choice with a note for each of several things. → {thing: [choice, note]} */
function table(things, options, noteLabel) {
  return things.map(([thing, text]) => {
    const control = select(options, "Choose …");
    const note = element("input", { type: "text", ariaLabel: `${noteLabel}: ${text}`, placeholder: noteLabel });
    control.ariaLabel = text;
    return { thing, read: () => (control.value === "" ? undefined : JSON.parse(control.value)), note: () => note.value.trim(),
      node: element("div", { className: "field" }, element("p", { text }), element("div", { className: "row" }, control, noteLabel ? note : null)) };
  });
}

function criteria(field) {
  const rows = table(field.options, [[true, "is met"], [false, "is not met"]], "Reason");
  return group(field, rows.map((each) => each.node), () => {
    const said = rows.filter((each) => each.read() !== undefined);
    if (said.length < rows.length) return undefined;
    return { criteria: Object.fromEntries(said.map((each) => [each.thing, each.read()])),
      reasons: Object.fromEntries(said.filter((each) => each.note()).map((each) => [each.thing, each.note()])) };
  });
}

function votes(field, context) {
  if (context.datasets.length < 2) return { node: element("div"), read: () => undefined };
  const rows = table(context.datasets.map((id) => [id, id]), field.options, "");
  return group(field, rows.map((each) => each.node), () =>
    Object.fromEntries(rows.filter((each) => each.read() !== undefined).map((each) => [each.thing, each.read()])));
}

function rulings(field, context) {
  const parts = context.datasets.map((dataset) => {
    const one = (kind, name, label, rest = {}) => ({ name, ...KINDS[kind]({ name, label, ...rest }, context) });
    const fields = [
      one("choice", "granted", "Decision", { required: true, options: [[true, "Grant"], [false, "Refuse"]] }),
      one("prose", "reasons", "Reasons"),
      one("lines", "conditions", "Conditions, one a line"),
      one("date", "until", "Until", { help: "Empty: as long as was asked for." }),
      one("lines", "regions", "Only these regions, one a line", { help: "Such as 22:1001-2000; empty: all." }),
    ];
    const node = element("fieldset", { className: "card" }, element("legend", { text: dataset }), ...fields.map((each) => each.node));
    return { node, read: () => ({ dataset, ...Object.fromEntries(fields.map((each) => [each.name, each.read()]).filter(([, value]) => value !== undefined)) }) };
  });
  return group(field, parts.map((each) => each.node), () => {
    const said = parts.map((each) => each.read()).filter((each) => each.granted !== undefined);
    return said.length === parts.length ? said : field.required ? undefined : said;
  });
}

const linesOf = (text) => text.split("\n").map((each) => each.trim()).filter(Boolean);

const KINDS = { text: input("text"), email: input("email"), date: input("date"), prose: area, lines, number, choice, check, several,
  datasets: several, criteria, votes, rulings };
