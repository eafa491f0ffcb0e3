// A new request: which datasets, for what; and what their conditions say to it, before anything is made.

import { alertBox, badge, element, freshId, link, section } from "/portal/dom.js";
import { matchBox, matches } from "/portal/match.js";
import { purposeForm } from "/portal/purpose.js";
import { all, post } from "/portal/session.js";
import { countryOf, purposes } from "/portal/words.js";

export async function showNew(page) {
  const datasets = await all("/access/v1/datasets");
  const form = pickForm(datasets, create);

  async function create({ title, purpose, chosen, duo }) {
    const made = await post("/access/v1/applications", { title, purpose, datasets: chosen });
    if (Object.keys(duo).length) await post(`/access/v1/applications/${made.id}/commands/save-draft`, { duo, base: made.digest });
    location.assign(`/requests/${made.id}`);
  }
  document.title = "New request · OpenGDI";
  page.replaceChildren(element("p", { className: "crumbs" }, link("Requests", "/requests"), " › New"),
    element("h1", { text: "New request" }),
    element("p", { className: "lead", text: "Choose data, say what for, and see at once whether their conditions of use allow it. Nothing is sent yet." }), form);
}

function pickForm(datasets, create) {
  let duo = {};
  let asked = 0;
  const trouble = element("div");
  const title = element("input", { id: "new-title", maxLength: 300, autocomplete: "off" });
  const purpose = element("select", { id: "new-purpose", on: { change: compare } }, ...purposes.map(([value, text]) => element("option", { value, text })));
  const find = element("input", { id: "new-find", type: "search", autocomplete: "off", on: { input: narrow } });
  const lines = datasets.map(datasetLine);
  const use = purposeForm({}, (state) => { duo = state; clearTimeout(asked); asked = setTimeout(compare, 400); });
  const go = element("button", { id: "new-create", text: "Create the draft" });
  const form = element("form", { noValidate: true, on: { submit: (event) => { event.preventDefault(); send(); } } },
    section("What for", { id: "what-for" },
      element("div", { className: "field" }, element("label", { htmlFor: title.id, text: "Title" }), title),
      element("div", { className: "field" }, element("label", { htmlFor: purpose.id, text: "Purpose" }), purpose), use.node),
    section("Which data, and may I use them?", { id: "which-data" },
      datasets.length > 8 ? element("div", { className: "field" }, element("label", { htmlFor: find.id, text: "Find a dataset" }), find) : null,
      datasets.length ? element("ul", { className: "list" }, ...lines.map((each) => each.node))
        : element("p", { className: "hint", text: "No country offers a dataset to ask for at the moment." })),
    trouble, element("div", { className: "buttons" }, go));

  function narrow() {
    const text = find.value.toLowerCase();
    for (const each of lines) each.node.hidden = !each.words.includes(text) && !each.box.checked;
  }

  async function compare() {
    for (const each of lines) each.box.indeterminate = false;
    try {
      const found = await matches(purpose.value, duo, [...new Set(datasets.map((each) => each.dataset))]);
      for (const each of lines) each.show(found.get(each.offered.dataset));
      trouble.replaceChildren();
    } catch (error) {
      trouble.replaceChildren(alertBox(`The conditions cannot be compared: ${error.message}`));
    }
  }

  async function send() {
    const chosen = lines.filter((each) => each.box.checked).map(({ offered }) => ({ dataset: offered.dataset, version: offered.version }));
    if (!chosen.length) return trouble.replaceChildren(alertBox("Choose one dataset at least."));
    go.disabled = true;
    try {
      await create({ title: title.value.trim(), purpose: purpose.value, chosen, duo });
    } catch (error) {
      trouble.replaceChildren(alertBox(error.message));
      go.disabled = false;
    }
  }
  compare();
  return form;
}

/** A dataset with its box; one that is governed elsewhere says where to ask. */
export function datasetLine(offered) {
  const id = freshId("dataset");
  const isElsewhere = offered.type === "ExternallyGoverned";
  const box = element("input", { type: "checkbox", id, value: offered.dataset, disabled: isElsewhere });
  const found = element("div", { attributes: { "aria-live": "polite" } });
  const where = isElsewhere
    ? element("p", {}, badge("Governed elsewhere"), " ", offered.url ? link("Ask for it there", offered.url, { rel: "noopener noreferrer" }) : "")
    : element("p", { className: "hint", text: `Decided by ${offered.body}` });
  const node = element("li", { className: "card" },
    element("div", { className: "check" }, box, element("label", { htmlFor: id }, element("b", { text: offered.title || offered.dataset }),
      element("span", { className: "code", text: ` ${offered.dataset}, version ${offered.version}, ${countryOf(offered.node)}` }))), where, found);
  node.dataset.dataset = offered.dataset;
  return { offered, node, box, words: `${offered.title} ${offered.dataset} ${countryOf(offered.node)}`.toLowerCase(),
    show: (match) => found.replaceChildren(isElsewhere ? "" : matchBox(match)) };
}
