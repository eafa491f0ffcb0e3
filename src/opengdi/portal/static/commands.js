// Forms of commands, made from tables: what will happen, what a command asks for, and a question before what is for ever.

import { button, element, freshId } from "/portal/dom.js";
import { KINDS, isEmpty } from "/portal/command-fields.js";
import { post, refusal } from "/portal/session.js";
import { plain } from "/portal/words.js";

/**
 * spec: {title, button, does, sure, danger, fields: [{name, says, label, type, required, options, help, when}], body?(values)}.
 * does: what will happen, in one sentence. sure: what cannot be undone; it is asked once more then, after a dry run, and
 * told(body) repeats what was chosen.
 * says: what the service calls it in faults, if not by its name. context: {place, datasets: [id], …}, which fields choose from. send(command, body): does it, and shows what is so then.
 */
export function commandForm(command, spec, context, send) {
  const made = (spec.fields ?? []).map((field) => ({ field, ...KINDS[field.type ?? "text"](field, context) }));
  const without = made.find((each) => !each.node && each.field.required);
  if (without) return element("p", { className: "hint", text: without.field.nothing ?? "There is nothing to choose from." });
  const fields = made.filter((each) => each.node);
  const trouble = element("div");
  const go = element("button", { text: spec.button ?? spec.title, className: spec.danger ? "danger" : "" });
  const form = element("form", { className: "act", noValidate: true, on: { submit: (event) => { event.preventDefault(); submit(); }, change: unfold } },
    spec.does ? element("p", { className: "does", text: spec.does }) : null,
    ...fields.map((each) => each.node), trouble, element("div", { className: "buttons" }, go));
  form.dataset.command = command;
  
  const asked = () => fields.filter((each) => !each.node.hidden);
  const said = (from) => Object.fromEntries(from.map((each) => [each.field.name, each.read()]).filter(([, value]) => value !== undefined));

  /** Fields that hang on others: `field.when(values)`. */
  function unfold() {
    for (const each of fields) if (each.field.when) each.node.hidden = !each.field.when(said(fields));
  }

  function missing() {
    const wrong = asked().map((each) => [each, fault(each)]);
    for (const [each, words] of wrong) each.fault?.(words);
    return wrong.find(([, words]) => words)?.[0];
  }

  async function submit() {
    trouble.replaceChildren();
    const first = missing();
    if (first) return first.focus?.();
    go.disabled = true;
    try {
      const body = await (spec.body ?? Object.freeze)(said(asked()));
      if (spec.sure && context.place) await post(`${context.place}/commands/${command}?dry-run=true`, body);
      if (!spec.sure || await sure(spec, spec.told?.(body) ?? [])) return await send(command, body);
    } catch (error) {
      show(error);
    } finally {
      go.disabled = false;
    }
  }

  /** Beside the field that the service names, else above the button. */
  function show(error) {
    const [name, inJson] = [/^\w+/, /\$\.(\w+)/].map((each) => each.exec(error.message)?.at(-1));
    const named = asked().find(({ field }) => [field.name, field.says].some((each) => each && [name, inJson].includes(each)));
    if (!named?.fault) return trouble.replaceChildren(refusal(error));
    named.fault(sentence(error.message.replace(`${name}: `, "")));
    named.focus?.();
  }
  unfold();
  return form;
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function fault({ field, read, check }) {
  if (field.required && isEmpty(read())) return field.missing ?? "Please fill this in.";
  return check?.() ?? "";
}

/** Asks once more, before what cannot be undone; told: what was chosen, line by line. True for yes. */
function sure({ title, button: words, does = "", sure: warning }, told) {
  const heading = element("h2", { id: freshId("sure"), text: `${title}?` });
  const dialog = element("dialog", { attributes: { "aria-labelledby": heading.id } }, heading,
    does ? element("p", { text: does }) : null, told.length ? element("ul", {}, ...told.map((text) => element("li", { text }))) : null,
    element("p", {}, element("strong", { text: warning })),
    element("div", { className: "buttons" }, button("No, go back", () => dialog.close(), { className: "second", autofocus: true }),
      button(`Yes: ${(words ?? title).toLowerCase()}`, () => dialog.close("yes"), { className: "danger" })));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    dialog.showModal();
  });
}

/** What may be done, each folded below its name; `permitted` alone decides what is there. */
export function commandList(permitted, specs, context, send, { without = [], open = [] } = {}) {
  return permitted.filter((command) => !without.includes(command)).map((command) => {
    const spec = specs[command] ?? { title: plain(command) };
    return element("details", { open: open.includes(command), attributes: { "data-folds": command } }, element("summary", { text: spec.title }),
      commandForm(command, spec, context, send));
  });
}
