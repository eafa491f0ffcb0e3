// Fields of application forms, of every type that REMS knows. A field says what is wrong with it beside itself.

import { button, element, freshId, inWords, link } from "/portal/dom.js";

const SAID_ONLY = new Set(["label", "header", "description-label"]);
const INPUT_TYPES = { text: "text", date: "date", email: "email", "phone-number": "tel", "ip-address": "text" };

/**
 * The fields of one form. `around`: {changed(), upload(file) → id, attachments() → [{id, name}], place, isFixed}.
 * → {node, answers() → [{form, field, value}], show(faults)}
 */
export function formFields(form, around) {
  const values = new Map(form.fields.filter((field) => "value" in field).map((field) => [field.id, field.value]));
  const parts = form.fields.map((field) => ({ field, ...part(field, values.get(field.id), put(field), around) }));
  const node = element("div", {}, ...parts.map((each) => each.node));
  showVisible();

  function put(field) {
    return (value) => {
      values.set(field.id, value);
      showVisible();
      around.changed();
    };
  }

  function showVisible() {
    const shown = visible(form.fields, values);
    for (const each of parts) each.node.hidden = !shown.has(each.field.id);
  }

  function answers() {
    const shown = visible(form.fields, values);
    return form.fields.filter((field) => shown.has(field.id) && values.has(field.id) && !SAID_ONLY.has(field.type))
      .map((field) => ({ form: form.id, field: field.id, value: values.get(field.id) }));
  }

  function show(faults) {
    for (const each of parts) each.fault?.(faults.get(each.field.id) ?? "");
  }

  return { node, answers, show };
}

/** Ids of the fields that are shown; one that hangs on a hidden one is hidden. As `access.forms.rules.visible_fields`. */
export function visible(fields, values) {
  const shown = new Set();
  for (const field of fields) {
    const condition = field["visible-if"];
    const given = condition ? [values.get(condition.field) ?? ""].flat() : [];
    if (!condition || (shown.has(condition.field) && condition.values.some((each) => given.includes(each)))) shown.add(field.id);
  }
  return shown;
}

function part(field, value, put, around) {
  if (field.type === "header") return { node: element("h3", { text: inWords(field.title) }) };
  if (field.type === "label") return { node: element("p", { text: inWords(field.title) }) };
  const id = freshId(field.id);
  const fault = element("p", { className: "fault", id: `${id}-fault` });
  const help = inWords(field["info-text"]);
  const described = [help && `${id}-help`, fault.id].filter(Boolean).join(" ");
  const control = (CONTROLS[field.type] ?? single)({ field, value, put, around, id, described });
  const title = [inWords(field.title), field.optional ? element("span", { className: "optional", text: " (optional)" }) : null].filter(Boolean);
  const hint = help ? element("p", { className: "hint", id: `${id}-help`, text: help }) : null;
  const node = control.isGroup
    ? element("fieldset", { className: "field", id, attributes: { "aria-describedby": described } },
      element("legend", {}, ...title), hint, control.node, fault)
    : element("div", { className: "field" }, element("label", { htmlFor: id }, ...title), hint, control.node, fault);
  node.dataset.field = field.id;
  const marked = control.isGroup ? node : control.node;
  return { node, fault: (text) => {
    fault.textContent = text;
    if (text) marked.setAttribute("aria-invalid", "true"); else marked.removeAttribute("aria-invalid");
  } };
}

const CONTROLS = { texta: long, description: long, option, multiselect, table: rows, attachment };

function common({ field, id, described, around }) {
  return { id, disabled: around.isFixed, placeholder: inWords(field.placeholder), attributes: { "aria-describedby": described,
    ...(field.optional ? {} : { "aria-required": "true" }) }, ...(field["max-length"] && { maxLength: field["max-length"] }) };
}

function single(given) {
  const type = INPUT_TYPES[given.field.type] ?? "text";
  const input = element("input", { type, ...common(given), on: { input: () => given.put(input.value) } });
  input.value = given.value ?? "";
  return { node: input };
}

function long(given) {
  const area = element("textarea", { ...common(given), rows: 5, on: { input: () => given.put(area.value) } });
  area.value = given.value ?? "";
  return { node: area };
}

function option(given) {
  const { placeholder: _, ...rest } = common(given);
  const select = element("select", { ...rest, on: { change: () => given.put(select.value) } },
    element("option", { value: "", text: "Choose …" }),
    ...given.field.options.map((each) => element("option", { value: each.key, text: inWords(each.label) })));
  select.value = given.value ?? "";
  return { node: select };
}

function multiselect({ field, value, put, around }) {
  const boxes = field.options.map((each) => {
    const id = freshId(each.key);
    const box = element("input", { type: "checkbox", id, value: each.key, disabled: around.isFixed,
      checked: (value ?? []).includes(each.key), on: { change: () => put(boxes.filter((one) => one.box.checked).map((one) => one.box.value)) } });
    return { box, line: element("div", { className: "check" }, box, element("label", { htmlFor: id, text: inWords(each.label) })) };
  });
  return { isGroup: true, node: element("div", {}, ...boxes.map((each) => each.line)) };
}

function rows({ field, value, put, around }) {
  const kept = (value ?? []).map((row) => ({ ...row }));
  const bodyOfTable = element("tbody");
  const names = field.columns.map((column) => inWords(column.label));
  const draw = () => bodyOfTable.replaceChildren(...kept.map((row, place) => element("tr", {},
    ...field.columns.map((column, at) => element("td", {}, cell(row, column.key, `${names[at]}, row ${place + 1}`))),
    element("td", {}, around.isFixed ? "" : button("Remove", () => { kept.splice(place, 1); draw(); put(copy()); },
      { className: "second small", ariaLabel: `Remove row ${place + 1}` })))));
  const copy = () => kept.map((row) => ({ ...row }));
  const cell = (row, key, ariaLabel) => {
    const input = element("input", { value: row[key] ?? "", ariaLabel, disabled: around.isFixed,
      on: { input: () => { row[key] = input.value; put(copy()); } } });
    return input;
  };
  const add = () => {
    kept.push(Object.fromEntries(field.columns.map((column) => [column.key, ""])));
    draw();
    bodyOfTable.lastElementChild.querySelector("input").focus();
    put(copy());
  };
  draw();
  const head = element("tr", {}, ...names.map((text) => element("th", { text, scope: "col" })), element("td"));
  return { isGroup: true, node: element("div", { className: "wide" },
    element("table", {}, element("thead", {}, head), bodyOfTable),
    around.isFixed ? null : button("Add a row", add, { className: "second small" })) };
}

function attachment({ value, put, around, id, described }) {
  const said = element("p", { className: "hint", attributes: { role: "status" } });
  const choice = element("select", { id, disabled: around.isFixed, attributes: { "aria-describedby": described }, on: { change: () => { put(choice.value); draw(); } } });
  const chosen = element("p", { className: "hint" });
  let current = value ?? "";
  function draw() {
    current = choice.value || current;
    chosen.replaceChildren(...(choice.value ? [link("Open the file", `${around.place}/attachments/${choice.value}`)] : []));
  }
  function fill(selected) {
    choice.replaceChildren(element("option", { value: "", text: "No file yet" }),
      ...around.attachments().map((file) => element("option", { value: file.id, text: file.name || file.id })));
    choice.value = selected;
    draw();
  }
  const file = element("input", { type: "file", ariaLabel: "Upload a file", disabled: around.isFixed,
    accept: ".pdf,.png,.jpg,.txt,.csv,.docx,.xlsx,.pptx,.odt,.ods",
    on: { change: async () => {
      if (!file.files.length) return;
      said.textContent = "Uploading …";
      try {
        const uploaded = await around.upload(file.files[0]);
        fill(uploaded);
        put(uploaded);
        said.textContent = "Uploaded, and named here.";
      } catch (error) {
        said.textContent = `Not uploaded: ${error.message}`;
      }
      file.value = "";
    } } });
  choice.addEventListener("focus", () => fill(choice.value));
  fill(current);
  const node = element("div", {}, choice, chosen, around.isFixed ? null : file, said);
  return { node, isGroup: false };
}

/** An answer as text or elements, to be read. */
export function answerText(field, nameOf = (id) => id) {
  const { value } = field;
  if (value === undefined || value === "" || (Array.isArray(value) && !value.length)) return element("span", { className: "hint", text: "no answer" });
  const label = (key) => inWords(field.options?.find((each) => each.key === key)?.label) || key;
  if (field.type === "attachment") return nameOf(value);
  if (field.type === "option") return label(value);
  if (field.type === "multiselect") return [value].flat().map(label).join("; ");
  if (field.type === "table" && Array.isArray(value)) {
    return element("ul", {}, ...value.map((row) => element("li", { text: Object.entries(row).map(([key, text]) =>
      `${inWords(field.columns?.find((each) => each.key === key)?.label) || key}: ${text}`).join("; ") })));
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
