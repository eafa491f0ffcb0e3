// Whose data a request asks for: people with something in common, as the hub counted them; else everybody in the datasets.

import { alertBox, badge, button, element, facts, moment, section, table } from "/portal/dom.js";
import { ontologyTerms } from "/portal/terms.js";

const SEX = new Map([["NCIT:C16576", "female"], ["NCIT:C20197", "male"]]);
const OPERATORS = { ">": "over", "<": "under", ">=": "at least", "<=": "at most", "=": "", "!": "not" };
const YEARS = /^P(\d+)Y$/;
const EVERYBODY = "Everybody in the datasets.";

/** A filter of Beacon in words; nothing of it is left out but its scope. labels: of terms, by id. */
function filterText({ id, operator, value, scope: _, ...rest }, labels) {
  const what = SEX.has(id) ? `Sex: ${SEX.get(id)}` : labels.has(id) ? `${labels.get(id)} (${id})` : id === "age" ? "Age" : id;
  const than = operator ? [OPERATORS[operator] ?? operator, String(value).replace(YEARS, "$1 years")] : [];
  const more = Object.entries(rest).map(([name, said]) => `(${name}: ${JSON.stringify(said)})`);
  return [what, ...than, ...more].filter(Boolean).join(" ");
}

/** A count as it may be told: a bound, two bounds, or a number that is exact only where the node says so. */
function peopleText({ count = null, precision, adjusted = [] }) {
  if (count === null) return "no answer";
  if (adjusted.length === 1) return String(adjusted[0]).replace("<", "fewer than ").replace(">", "more than ");
  if (adjusted.length === 2) return `about ${count} (${adjusted.join(" to ")})`;
  return precision && precision !== "exact" ? `about ${count}` : String(count);
}

/** countryOf(dataset): what its country is called; none: all counts are of the same body. */
function cohortText(cohort, countryOf, labels) {
  if (!cohort) return element("p", { text: EVERYBODY });
  const place = (each) => (countryOf ? [countryOf(each.dataset)] : []);
  return element("div", {}, facts([["Those with all of this", cohort.filters.map((each) => filterText(each, labels)).join("\n")], ["Counted by the hub", moment(cohort.at)]]),
    table([...(countryOf ? ["Country"] : []), "Dataset", "Version", "People"], cohort.counts.map((each) => [...place(each), each.dataset, each.version, peopleText(each)]), "People counted"));
}

/** To be read: of a request, or of a case, which is told the counts of its own data only. */
export const cohortSection = (cohort, countryOf = null) => section("Whose data", { id: "cohort" },
  cohortText(cohort, countryOf, new Map()), cohort ? element("p", { className: "hint", text: "Submitting freezes these counts; the digest of the request covers them." }) : null);

/** To be chosen. count(filters): counts them and keeps them in the draft; no filters: everybody. */
export function cohortEditor(cohort, datasets, countryOf, network, count) {
  const said = element("div", { attributes: { "aria-live": "polite" } });
  const trouble = element("div");
  const old = cohort?.filters ?? [];
  const sex = element("select", { id: "cohort-sex" }, element("option", { value: "", text: "any" }), ...[...SEX].map(([value, text]) => element("option", { value, text })));
  const terms = element("datalist", { id: "cohort-terms" });
  const term = element("input", { id: "cohort-term", autocomplete: "off", placeholder: "any", attributes: { list: terms.id } });
  const age = element("input", { id: "cohort-age", type: "number", min: 0, max: 120, placeholder: "any" });
  const labels = new Map();
  const isPlain = (filter) => Object.keys(filter).every((name) => ["id", "scope"].includes(name));
  const isAge = (filter) => filter.id === "age" && filter.operator === ">" && YEARS.test(filter.value);
  const chosen = { sex: old.find((each) => SEX.has(each.id) && isPlain(each)), term: old.find((each) => !SEX.has(each.id) && isPlain(each)), age: old.find(isAge) };
  /** What was asked by other means, and has no field here, stays. */
  const others = old.filter((each) => !Object.values(chosen).includes(each));
  sex.value = chosen.sex?.id ?? "";
  term.value = chosen.term?.id ?? "";
  age.value = chosen.age ? YEARS.exec(chosen.age.value)[1] : "";

  function filters() {
    const ids = [sex.value, term.value.trim()].filter(Boolean).map((id) => ({ id, scope: "individual" }));
    return [...others, ...ids, ...(age.value ? [{ id: "age", operator: ">", value: `P${age.value}Y`, scope: "individual" }] : [])];
  }

  async function ask(wanted) {
    trouble.replaceChildren();
    for (const each of buttons) each.disabled = true;
    said.replaceChildren(element("p", { text: wanted.length ? "Counting in all countries …" : "Saving …" }));
    try {
      cohort = await count(wanted);
    } catch (error) {
      trouble.replaceChildren(alertBox(error.message));
    } finally {
      for (const each of buttons) each.disabled = false;
      show();
    }
  }

  function show() {
    const counted = cohort?.counts.map((each) => each.dataset).sort().join() ?? "";
    said.replaceChildren(...(cohort && counted !== [...datasets].sort().join()
      ? [element("p", {}, badge("Count again", "wait"), " The datasets were changed since, so it cannot be submitted with these counts.")] : []),
    cohortText(cohort, countryOf, labels));
    everybody.hidden = !cohort;
  }

  const some = button("Count these people", () => {
    const wanted = filters();
    if (wanted.length) return ask(wanted);
    trouble.replaceChildren(alertBox("Say something that they have in common, or leave it at everybody."));
    return sex.focus();
  }, { id: "cohort-count" });
  const everybody = button("Ask for everybody instead", () => { others.length = 0; sex.value = term.value = age.value = ""; ask([]); }, { className: "second" });
  const buttons = [some, everybody];
  const field = (input, text) => element("div", { className: "field" }, element("label", { htmlFor: input.id, text }), input);
  ontologyTerms(network).then((found) => {
    terms.replaceChildren(...found.map((each) => element("option", { value: each.id, label: each.label ?? each.id })));
    for (const each of found) if (each.label) labels.set(each.id, each.label);
    if (cohort) show();
  });
  show();
  return section("Whose data", { id: "cohort" },
    element("p", { className: "hint", text: "Ask for less than everybody where it is enough: a committee looks at that. The hub counts in your name, rounded and without small numbers; submitting freezes the counts." }),
    said, element("div", { className: "row" }, field(sex, "Sex"), field(term, "Disease or other term"), field(age, "Age over")), terms,
    element("div", { className: "buttons" }, some, everybody), trouble);
}
