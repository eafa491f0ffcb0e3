// The editor of a draft: everything the applicant says, saved while typing, with what is wrong beside each field.

import { $, alertBox, badge, button, element, inWords, link, section, table } from "/portal/dom.js";
import { cohortEditor } from "/portal/cohort.js";
import { formFields } from "/portal/fields.js";
import { matchBox, matches } from "/portal/match.js";
import { datasetLine } from "/portal/new-request.js";
import { purposeForm } from "/portal/purpose.js";
import { all, get, portalFacts, post, put, who } from "/portal/session.js";
import { countryOfDataset, faultText, purposes } from "/portal/words.js";

const PAUSE_MS = 900;
const FRAME = { "title-missing": "title", "until-missing": "until", "until-past": "until", "datasets-missing": "datasets",
  "dataset-not-offered": "datasets", "dataset-governed-elsewhere": "datasets" };

/** The editor of `told`, at `place`. redraw(told): the page shows something else now. */
export function draftEditor(told, place, redraw) {
  const may = new Set(told.permitted);
  const state = { base: told.digest, attachments: told.attachments, purpose: told.purpose, isChecked: false, duo: told.duo ?? {} };
  const said = element("span", { className: "saved", id: "saved", text: "Saved", attributes: { role: "status" } });
  const trouble = element("div");
  const summary = element("div", { id: "faults" });
  const hints = element("div");
  const costs = element("div");
  const match = element("div", { attributes: { "aria-live": "polite" } });
  let timer = 0;
  let running = Promise.resolve();
  let isDirty = false;

  const text = (id, label, type, value, help = "") => {
    const fault = element("p", { className: "fault", id: `${id}-fault` });
    const input = element("input", { id, type, value: value ?? "", autocomplete: "off", attributes: { "aria-describedby": `${help ? `${id}-help ` : ""}${fault.id}` }, on: { input: changed } });
    return { input, node: element("div", { className: "field" }, element("label", { htmlFor: id, text: label }),
      help ? element("p", { className: "hint", id: `${id}-help`, text: help }) : null, input, fault),
    fault: (words) => { fault.textContent = words; input.setAttribute("aria-invalid", String(Boolean(words))); } };
  };
  const frame = {
    title: text("title-of-request", "Title", "text", told.title),
    until: text("until", "Data are needed until", "date", told.until),
    environment: text("environment", "Secure environment in which they are used", "text", told.environment, "Its address or its name."),
  };
  const purpose = element("select", { id: "purpose", on: { change: changed } }, ...purposes.map(([value, words]) => element("option", { value, text: words })));
  purpose.value = told.purpose;
  const use = purposeForm(state.duo, (duo) => { state.duo = duo; changed(); });
  const around = { changed, place, isFixed: false, attachments: () => state.attachments.filter((file) => !file.redacted), upload };
  const forms = told.forms.map((form) => ({ form, ...formFields(form, around) }));
  const datasets = datasetsPart();
  const cohort = cohortEditor(told.cohort, datasets.ids(), (dataset) => countryOfDataset(told, dataset), portalFacts().subject_network, count);

  function changed() {
    isDirty = true;
    said.textContent = "Not saved yet …";
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  }

  function content() {
    return { title: frame.title.input.value, until: frame.until.input.value, environment: frame.environment.input.value, purpose: purpose.value,
      duo: state.duo, answers: forms.flatMap((each) => each.answers()), base: state.base };
  }

  /** Saves what was changed, one save after the other. True if all is saved. */
  function save() {
    clearTimeout(timer);
    running = running.then(async () => {
      if (!isDirty) return true;
      isDirty = false;
      said.textContent = "Saving …";
      try {
        const after = await post(`${place}/commands/save-draft`, content());
        state.base = after.digest;
        if (!isDirty) said.textContent = `Saved at ${new Date().toLocaleTimeString("en")}`;
        trouble.replaceChildren();
        if (after.purpose !== state.purpose) {  // other forms are asked then
          await redraw(after);
          $("purpose").focus();
        } else await look();
        return true;
      } catch (error) {
        isDirty = true;
        said.textContent = "Not saved";
        const isConflict = error.status === 409;
        trouble.replaceChildren(alertBox(`Not saved: ${error.message}`),
          isConflict ? button("Load what others wrote", async () => redraw(await get(place)), { className: "second" }) : "");
        return false;
      }
    });
    return running;
  }

  /** The cohort of these filters. Nothing is saved meanwhile, as both change the same draft. */
  async function count(filters) {
    if (!(await save())) throw new Error("Not counted, as what you wrote could not be saved.");
    const counting = put(`${place}/cohort`, { filters, base: state.base });
    running = counting.then((after) => { state.base = after.digest; return true; }, () => false);
    const after = await counting;
    look().catch((error) => trouble.replaceChildren(alertBox(error.message)));
    return after.cohort;
  }

  async function upload(file) {
    const body = new FormData();
    body.append("file", file);
    const before = new Set(state.attachments.map((each) => each.id));
    const after = await post(`${place}/attachments`, body);
    state.attachments = after.attachments;
    showFiles();
    return after.attachments.find((each) => !before.has(each.id)).id;
  }

  // -- what is wrong, and what helps

  async function look() {
    const [advice, estimate, found] = await Promise.all([get(`${place}/hints`), get(`${place}/estimate`),
      matches(state.purpose, state.duo, datasets.ids(), frame.environment.input.value).catch((error) => error)]);
    showFaults(advice.errors);
    showHints(advice.items);
    showCosts(estimate);
    if (found instanceof Error) match.replaceChildren(alertBox(found.message));
    else match.replaceChildren(...datasets.ids().flatMap((id) => [element("h3", { text: id }), matchBox(found.get(id))]));
  }

  /** Beside their fields; what is merely missing only once somebody wanted to submit. */
  function showFaults(errors) {
    const shown = errors.filter((each) => state.isChecked || !(each.type.endsWith("/required") || each.type.endsWith("-missing")));
    for (const { form, show } of forms) {
      show(new Map(shown.filter((each) => each.formId === form.id).map((each) => [each.fieldId, faultText(each)])));
    }
    for (const [name, part] of Object.entries(frame)) {
      const fault = shown.find((each) => FRAME[each.type] === name);
      part.fault(fault ? faultText(fault) : "");
    }
    const elsewhere = shown.filter((each) => !each.fieldId && !(FRAME[each.type] in frame));
    const count = shown.length;
    summary.replaceChildren(...(state.isChecked ? [element("p", { className: count ? "error" : "", attributes: { role: "status" },
      text: count ? `${count} ${count === 1 ? "thing keeps" : "things keep"} it from being submitted.` : "Nothing keeps it from being submitted." }),
    element("ul", { className: "reasons" }, ...elsewhere.map((each) => element("li", { text: faultText(each, who().subject) })))] : []));
  }

  function showHints(items) {
    hints.replaceChildren(items.length ? element("ul", { className: "reasons" }, ...items.map((each) => element("li", {},
      badge(each.weight === "warning" ? "They will ask" : "Advice", each.weight === "warning" ? "wait" : ""), ` ${each.text} `,
      element("span", { className: "code", text: each.source })))) : element("p", { className: "hint", text: "None." }));
  }

  function showCosts(told_) {
    const money = (cents, currency) => new Intl.NumberFormat("en", { style: "currency", currency }).format(cents / 100);
    const rows = told_.items.map((each) => [each.node, each.what, String(each.number), money(each.amount, each.currency)]);
    costs.replaceChildren(rows.length ? table(["Node", "For", "Number", "Amount"], rows) : "",
      element("p", { text: told_.totals.length ? `About ${told_.totals.map((each) => money(each.amount, each.currency)).join(" + ")} for ${told_.months} months; not binding.` : "No prices are known." }),
      told_.withoutPrices.length ? element("p", { className: "hint", text: `Without a price list: ${told_.withoutPrices.join(", ")}.` }) : "");
  }

  async function check() {
    state.isChecked = true;
    if (await save()) {
      await look();
      focusFirst();
    }
  }

  function focusFirst() {
    const bad = node.querySelector("[aria-invalid=true]");
    if (!bad) return;
    bad.scrollIntoView({ block: "center" });
    (bad.matches("input,select,textarea") ? bad : bad.querySelector("input,select,textarea,button"))?.focus({ preventScroll: true });
  }

  async function submit(command) {
    state.isChecked = true;
    if (!(await save())) return;
    try {
      redraw(await post(`${place}/commands/${command}`), "It was submitted.");
    } catch (error) {
      trouble.replaceChildren(alertBox(error.errors.length ? "It was not submitted: see what is marked." : error.message));
      if (error.errors.length) showFaults(error.errors);
      focusFirst();
    }
  }

  // -- datasets

  function datasetsPart() {
    let asked = told.datasets;
    const listed = element("div");
    const choice = element("div");
    const draw = () => listed.replaceChildren(asked.length ? table(["Dataset", "Version", "Body", "Type"], asked.map((each) => [each.dataset, each.version, each.body, each.type]))
      : element("p", { className: "hint", text: "No dataset is chosen." }));
    async function change() {
      const lines = (await all("/access/v1/datasets")).map(datasetLine);
      for (const each of lines) each.box.checked = asked.some((one) => one.dataset === each.offered.dataset);
      const keep = async () => {
        const wanted = lines.filter((each) => each.box.checked).map(({ offered }) => ({ dataset: offered.dataset, version: offered.version }));
        try {
          if (!(await save())) return;
          redraw(await post(`${place}/commands/change-datasets`, { datasets: wanted }), "The datasets were changed.");
        } catch (error) { choice.prepend(alertBox(error.message)); }
      };
      choice.replaceChildren(element("ul", { className: "list" }, ...lines.map((each) => each.node)),
        element("div", { className: "buttons" }, button("Keep these", keep), button("Leave as it was", () => choice.replaceChildren(), { className: "second" })));
    }
    draw();
    return { ids: () => asked.map((each) => each.dataset), node: section("Datasets", { id: "datasets" }, listed,
      may.has("change-datasets") ? button("Change the datasets", change, { className: "second" }) : null, choice) };
  }

  // -- attachments

  const files = element("ul", { className: "reasons" });
  function showFiles() {
    files.replaceChildren(...around.attachments().map((file) => element("li", {}, link(file.name || file.id, `${place}/attachments/${file.id}`),
      ` ${Math.ceil(file.size / 1024)} KiB `, may.has("remove-attachment") ? button("Remove", () => remove(file), { className: "second small", ariaLabel: `Remove ${file.name}` }) : null)));
  }
  async function remove(file) {
    try {
      state.attachments = (await post(`${place}/commands/remove-attachment`, { attachment: file.id })).attachments;
      showFiles();
      await look();
    } catch (error) { trouble.replaceChildren(alertBox(error.message)); }
  }
  showFiles();

  const sends = ["submit", "resubmit"].filter((command) => may.has(command));
  const node = element("div", {},
    datasets.node, cohort,
    section("The frame", { id: "frame" }, frame.title.node,
      element("div", { className: "field" }, element("label", { htmlFor: purpose.id, text: "Purpose" }), purpose), frame.until.node, frame.environment.node),
    section("What the data are used for", { id: "use" }, element("p", { className: "hint", text: "In terms of the Data Use Ontology (DUO), so that it can be compared with the conditions of each dataset." }), use.node,
      element("h3", { text: "May I use them?" }), match),
    ...forms.map((each) => section(inWords(each.form.title), { id: `form-${each.form.id.replaceAll(".", "-")}` }, each.node)),
    section("Attachments", { id: "attachments" }, element("p", { className: "hint", text: "They are uploaded at the questions that ask for them." }), files),
    section("Hints", { id: "hints" }, element("p", { className: "hint", text: "What a committee would notice; none of it keeps the request back." }), hints),
    section("What it will cost", { id: "costs" }, costs),
    element("div", { className: "savebar" }, ...(sends.length ? [button("Check", check, { id: "check", className: "second" })] : []),
      ...sends.map((command) => button(command === "submit" ? "Submit" : "Send it again", () => submit(command), { id: command })),
      button("Save now", save, { className: "second", id: "save" }), said, summary, trouble));
  node.addEventListener("focusout", () => { if (isDirty) save(); });
  addEventListener("beforeunload", (event) => { if (isDirty && node.isConnected) event.preventDefault(); });
  look().catch((error) => trouble.replaceChildren(alertBox(error.message)));
  return node;
}
