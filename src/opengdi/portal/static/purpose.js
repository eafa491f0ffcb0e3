// The use of data in terms of DUO, as a person fills it in. What this form does not show is kept as it was.

import { element, freshId } from "/portal/dom.js";

const TOPICS = [["health", "Health, medical or biomedical research"], ["ancestry", "Populations, origins or ancestry"],
  ["any", "Any research"], ["other", "Neither health nor ancestry"]];
const SENSITIVE = [["paediatric", "Children"], ["vulnerable", "Vulnerable people"], ["stigmatising", "Stigmatising conditions"],
  ["behavioural", "Behaviour"], ["population", "Population groups"], ["recontact", "Contacting people again"]];
const YES_NO = (name, question) => [name, question, [["", "not said"], ["true", "yes"], ["false", "no"]]];
const CHOICES = [YES_NO("commercial", "Is it for profit?"), YES_NO("genetic", "Are genotypes studied?")];

/** {node, read}: `read` gives the use as the API takes it. `changed` is called after each change. */
export function purposeForm(duo, changed, isFixed = false) {
  const state = { ...duo };
  const put = (name, value) => {
    if (value === undefined || (Array.isArray(value) && !value.length)) delete state[name];
    else state[name] = value;
    changed(state);
  };
  const node = element("div", { className: "purpose" }, checks("topics", "What is studied", TOPICS),
    diseases(), ...CHOICES.map(([name, question, options]) => choice(name, question, options)),
    flag("methods", "Methods or software are developed"),
    checks("sensitive", "It touches", SENSITIVE));

  function checks(name, legend, options) {
    const boxes = options.map(([value, text]) => {
      const id = freshId(name);
      const box = element("input", { type: "checkbox", id, value, checked: (state[name] ?? []).includes(value), disabled: isFixed,
        on: { change: () => put(name, boxes.filter((each) => each.box.checked).map((each) => each.box.value)) } });
      return { box, line: element("div", { className: "check" }, box, element("label", { htmlFor: id, text })) };
    });
    return element("fieldset", {}, element("legend", { text: legend }), ...boxes.map((each) => each.line));
  }

  function diseases() {
    const id = freshId("diseases");
    const help = `${id}-help`;
    const input = element("input", { id, value: (state.diseases ?? []).join(" "), disabled: isFixed, autocomplete: "off", spellcheck: false,
      attributes: { "aria-describedby": help },
      on: { input: () => put("diseases", input.value.split(/[\s,;]+/).filter(Boolean)) } });
    return element("div", { className: "field" }, element("label", { htmlFor: id, text: "Diseases, as MONDO terms" }),
      element("p", { className: "hint", id: help, text: "Such as MONDO:0005148 (type 2 diabetes); several with spaces between." }), input);
  }

  function choice(name, question, options) {
    const id = freshId(name);
    const select = element("select", { id, disabled: isFixed, on: { change: () =>
      put(name, select.value === "" ? undefined : select.value === "true") } },
      ...options.map(([value, text]) => element("option", { value, text })));
    select.value = name in state ? String(state[name]) : "";
    return element("div", { className: "field" }, element("label", { htmlFor: id, text: question }), select);
  }

  function flag(name, text) {
    const id = freshId(name);
    const box = element("input", { type: "checkbox", id, checked: Boolean(state[name]), disabled: isFixed,
      on: { change: () => put(name, box.checked || undefined) } });
    return element("div", { className: "check" }, box, element("label", { htmlFor: id, text }));
  }

  return { node, read: () => state };
}
