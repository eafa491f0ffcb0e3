// Discover: reads a question, asks the network, draws answers while they arrive.

import { alleleCard, allelesOverview, byVariant, number, positionOf } from "/portal/alleles.js";
import { $, element } from "/portal/dom.js";
import { csrf, open, who } from "/portal/session.js";
import { ontologyTerms } from "/portal/terms.js";
import { countryName } from "/portal/words.js";

const PAGE = 50;

// --- the question -----------------------------------------------------------------------------

const ALLELE = /^([\w.]+)-(\d+)-([ACGTN]+)-([ACGTN]+)$/i;
const REGION = /^([\w.]+):([\d,]+)-([\d,]+)$/;

/** Request parameters for what a person typed: positions are typed 1-based and sent 0-based. */
function variantParameters(text, assemblyId) {
  const typed = text.trim();
  const allele = typed.match(ALLELE);
  if (allele) {
    const [, referenceName, pos, ref, alt] = allele;
    return { assemblyId, referenceName, start: [Number(pos) - 1], referenceBases: ref.toUpperCase(), alternateBases: alt.toUpperCase() };
  }
  const region = typed.match(REGION);
  if (region) {
    const [first, last] = region.slice(2).map((part) => Number(part.replaceAll(",", "")));
    return { assemblyId, referenceName: region[1], start: [first - 1], end: [last] };
  }
  if (typed.includes(":g.")) return { assemblyId, genomicAlleleShortForm: typed };
  return { assemblyId, geneId: typed.toUpperCase() };
}

function body(parameters, filters, requestedGranularity, limit) {
  return {
    meta: { apiVersion: "v2.2.0" },
    query: {
      requestedGranularity,
      includeResultsetResponses: "ALL",
      pagination: { skip: 0, limit },
      filters,
      ...(parameters && { requestParameters: { g_variant: parameters } }),
    },
  };
}

// --- the network ------------------------------------------------------------------------------

let running = new AbortController();

/** Sends the question and calls `onEvent(name, data)` for each line of the stream as it arrives. */
async function ask(url, question, token, onEvent) {
  running.abort();
  running = new AbortController();
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  if (token) headers.Authorization = `Bearer ${token}`;
  else Object.assign(headers, csrf());
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(question), signal: running.signal });
  if ([401, 403].includes(answer.status)) $("by-token").hidden = false;
  if (!answer.ok) throw new Error(await explain(answer));
  let rest = "";
  for await (const text of textOf(answer.body)) {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop();
    for (const part of parts) deliver(part, onEvent);
  }
}

async function* textOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) yield chunk.value;
}

function deliver(block, onEvent) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).trim());
  }
  if (data.length) onEvent(name, JSON.parse(data.join("\n")));
}

async function explain(answer) {
  const said = await answer.json().catch(() => ({}));
  const reason = said.error?.errorMessage ?? said.detail ?? answer.statusText;
  return answer.status === 401 ? `You need to sign in, or an access token is needed: ${reason}` : reason;
}

// --- the answer -------------------------------------------------------------------------------

const STATUS_WORDS = {
  ok: "answered", timeout: "did not answer in time", error: "could not answer",
  denied: "declined", suppressed: "nothing that may be told", skipped: "not asked, was out of order",
};

/** How long it took; of an answer that the hub had kept, how old it is. */
function when({ latencyMs, ageMs }) {
  if (ageMs !== undefined) return ` ${Math.round(ageMs / 1000)} s ago`;
  return latencyMs ? `, ${Math.round(latencyMs)} ms` : "";
}

function showMembers(members) {
  $("members").hidden = !members.length;
  $("members").replaceChildren(...members.map((member) => element("li", {
    className: member.status,
    title: member.reason ?? "",
    text: `${countryName(member.country || "") || member.id}: ${STATUS_WORDS[member.status] ?? member.status}${when(member)}`,
  })));
}

function showFrequencies(answer, members) {
  const names = new Map(members.flatMap((member) => (member.datasets ?? []).map((id) => [id, countryName(member.country || "") || member.id])));
  const sets = answer.response?.resultSets ?? [];
  const pooled = new Map((answer.info?.pooledFrequencies ?? []).map((each) => [each.variantInternalId, each]));
  const variants = byVariant(sets, (set) => names.get(set.id) ?? countryName(set.id.split("-")[1] ?? "") ?? set.id);
  const last = lastOfAll(sets);
  const silent = sets.filter((set) => !(set.results ?? []).length).map((set) => names.get(set.id) ?? set.id);
  const alleles = [...variants].filter(([id]) => !(positionOf(id) > last)).map(([id, rows]) => ({ id, rows, pooled: pooled.get(id) }));
  const shown = alleles.length > 1 ? [allelesOverview(alleles)] : alleles.map(alleleCard);
  if (silent.length) shown.push(element("p", { className: "hint", text: `Nothing to tell: ${silent.join(", ")}. Either nobody there carries it, or so few that telling would point at them.` }));
  $("answers").replaceChildren(...shown);
  $("status").textContent = headline(alleles.length, last, members);
}

/** Up to which position every country told all it has; beyond it a country's silence would mean nothing. */
function lastOfAll(sets) {
  const cut = sets.filter((set) => set.results?.length && set.resultsCount > set.results.length);
  return Math.min(...cut.map((set) => Math.max(...set.results.map((record) => positionOf(record.variantInternalId)))));
}

function headline(shown, last, members) {
  const reasons = new Set(members.map((member) => member.reason).filter(Boolean));
  if (!shown) return ["No country can tell anything about this.", ...reasons].join(" ");
  const alleles = `${shown} allele${shown > 1 ? "s" : ""}`;
  return Number.isFinite(last) ? `The first ${alleles}, up to position ${number(last)}. To see others, ask for a region after it.` : alleles;
}

function showCounts(answer) {
  const sets = answer.response?.resultSets ?? [];
  const total = answer.responseSummary?.numTotalResults ?? 0;
  const rows = sets.map((set) => element("tr", {},
    element("td", { text: countryName(set.id.split("-")[1] ?? "") }),
    element("td", { text: set.id }),
    element("td", { className: "n", text: set.exists ? number(set.resultsCount) : (set.countAdjustedTo ?? ["0"]).join(" to ") })));
  const head = element("tr", {}, ...["Country", "Dataset", "People"].map((text, place) => element("th", { text, className: place === 2 ? "n" : "" })));
  $("answers").replaceChildren(element("article", {},
    element("p", { className: "big", text: `${number(total)} people` }),
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))));
  $("status").textContent = "";
}

// --- wiring -----------------------------------------------------------------------------------

const facts = await open("Discover");
$("by-token").hidden = Boolean(who());

async function run(url, question, token, show) {
  const members = [];
  $("ways").hidden = true;
  $("answers").replaceChildren();
  $("answers").ariaBusy = "true";
  showMembers(members);
  $("status").textContent = "Asking all countries…";
  try {
    await ask(url, question, token, (name, data) => {
      if (name === "member") { members.push(data.member ?? data); showMembers(members); }
      if (name === "result" || name === "end") { const all = data.info?.members ?? members; showMembers(all); show(data, all); }
    });
  } catch (error) {
    if (error.name === "AbortError") return;
    $("status").replaceChildren(element("span", { className: "error", text: error.message }));
  }
  $("answers").ariaBusy = "false";
}

function askFrequency() {
  const [text, assembly] = [$("q").value, $("assembly").value];
  history.replaceState(null, "", `?${new URLSearchParams({ q: text, assembly })}`);
  document.title = `${text} · OpenGDI`;
  return run(`${facts.aggregated_network}/g_variants`, body(variantParameters(text, assembly), [], "record", PAGE), null, showFrequencies);
}

function askPeople() {
  const filters = [$("sex").value, $("term").value].filter(Boolean).map((id) => ({ id, scope: "individual" }));
  if ($("age").value) filters.push({ id: "age", operator: ">", value: `P${$("age").value}Y`, scope: "individual" });
  const carrying = $("carrying").value.trim();
  const parameters = carrying ? variantParameters(carrying, $("assembly").value) : null;
  return run(`${facts.subject_network}/individuals`, body(parameters, filters, "count", 10), $("token").value, showCounts);
}

$("ask-frequency").addEventListener("submit", (event) => { event.preventDefault(); askFrequency(); });
$("ask-people").addEventListener("submit", (event) => { event.preventDefault(); askPeople(); });
document.querySelector(".examples").addEventListener("click", (event) => {
  const { example } = event.target.dataset;
  if (example) { $("q").value = example; askFrequency(); }
});

function select(tab) {
  for (const each of document.querySelectorAll("[role=tab]")) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = each !== tab;
  }
  $("answers").replaceChildren();
  if (tab.id === "tab-people") loadTerms();
}
const tabs = [...document.querySelectorAll("[role=tab]")];
for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!to) return;
    const next = tabs[(tabs.indexOf(tab) + to + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
}

async function loadTerms() {
  if ($("terms").childElementCount) return;
  const terms = await ontologyTerms(facts.subject_network);
  $("terms").replaceChildren(...terms.map((term) => element("option", { value: term.id, label: term.label ?? term.id })));
}

const asked = new URLSearchParams(location.search);
if (asked.get("q")) {
  $("q").value = asked.get("q");
  $("assembly").value = asked.get("assembly") ?? "GRCh38";
  askFrequency();
}
