// What countries tell of alleles: one allele whole, several as a plot and a table whose rows open.

import { element } from "/portal/dom.js";
import { interval, positions, shares } from "/portal/plot.js";
import { countryName } from "/portal/words.js";

export const number = (value) => (value === undefined || value === null ? "–" : value.toLocaleString("en"));
const frequency = (value) => (value >= 0.001 ? value.toFixed(4) : value.toExponential(1));

const SEXES = { F: "women", M: "men" };
const CARD_HEADINGS = ["Country", "Population", "AC", "AN", "Hom", "Het", "Hemi", "Frequency", ""];

/** Result sets regrouped as variant id → [{country, dataset, record}]. */
export function byVariant(resultSets, memberOf) {
  const variants = new Map();
  for (const set of resultSets) {
    for (const record of set.results ?? []) {
      const rows = variants.get(record.variantInternalId) ?? [];
      rows.push({ country: memberOf(set), dataset: set.id, record });
      variants.set(record.variantInternalId, rows);
    }
  }
  return variants;
}

const cells = (record) => (record.frequencyInPopulations ?? []).flatMap((block) => block.frequencies);
const total = (populations) => populations?.find((each) => each.population === "Total");

/** Where an allele is, from its id; not a number for one that has another form. */
export const positionOf = (id) => Number(id.split(":")[2]);

function nameOf(id) {
  const [, contig, pos, ref, ...alt] = id.split(":");
  return alt.length ? [contig, pos, ref, alt.join(":")].filter(Boolean).join("-") : id;
}

/** The countries' totals of an allele: [[country, cell]]. */
const totalsOf = (rows) => rows.map(({ country, record }) => [country, total(cells(record))]).filter(([, cell]) => cell);

// --- one allele -------------------------------------------------------------------------------

/** An allele whole. allele: {id, rows, pooled}, rows as of `byVariant`, pooled as the hub tells it. */
export function alleleCard({ id, rows, pooled }) {
  const hgvs = rows[0].record.identifiers?.genomicHGVSId ?? "";
  const highest = Math.max(...rows.flatMap((row) => cells(row.record).map((cell) => cell.alleleFrequency)), 1e-9);
  const head = element("tr", {}, ...CARD_HEADINGS
    .map((text, place) => element(text ? "th" : "td", { text, className: place > 1 && place < 8 ? "n" : "" })));
  return element("article", {},
    element("h2", { text: nameOf(id) }),
    element("p", { className: "sub", text: [id.split(":")[0], hgvs, pooledText(pooled)].filter(Boolean).join(" · ") }),
    countriesPlot(rows, pooled),
    wide(`Table of ${nameOf(id)}`, element("table", {},
      element("thead", {}, head), element("tbody", {}, ...rows.flatMap((row) => frequencyRows(row, highest))))));
}

const wide = (label, table) => element("div", { className: "wide", tabIndex: 0, attributes: { role: "region", "aria-label": label } }, table);

/** Frequencies of the countries, and of all together, each with its 95 % interval: what the table says, to be seen. */
function countriesPlot(rows, pooled) {
  const totals = totalsOf(rows);
  const all = total(pooled?.populations);
  const drawn = [...totals, ...(all && totals.length > 1 ? [["Together", all]] : [])].filter(([, cell]) => cell.alleleNumber > 0);
  if (drawn.length < 2) return "";
  return shares("Frequency by country with 95 % intervals; the table below says the same in numbers", drawn.map(([label, cell]) => {
    const [low, high] = interval(cell.alleleCount, cell.alleleNumber);
    return { label, share: cell.alleleFrequency, low, high, told: `${frequency(cell.alleleFrequency)} (${frequency(low)} to ${frequency(high)})` };
  }));
}

/** `EE_F` → `Estonia, women`; a name that is not made of known parts stays. */
function populationName(code) {
  const [place, sex] = code in SEXES ? ["", code] : code.split("_");
  if (!/^([A-Z]{2})?$/.test(place) || (sex && !SEXES[sex])) return code;
  return [place && countryName(place), SEXES[sex]].filter(Boolean).join(", ");
}

function pooledText(pooled) {
  const all = total(pooled?.populations);
  if (!all) return "";
  return `together: ${frequency(all.alleleFrequency)} (${number(all.alleleCount)} of ${number(all.alleleNumber)})`;
}

function frequencyRows({ country, dataset, record }, highest) {
  return cells(record).map((cell) => {
    const isTotal = cell.population === "Total";
    const bar = element("progress", { max: 1, value: cell.alleleFrequency / highest, title: `${cell.alleleFrequency}`, ariaLabel: `${country}, ${cell.population}, beside the highest` });
    return element("tr", { className: isTotal ? "total" : "part" },
      element("td", { text: isTotal ? country : "", title: dataset }),
      element("td", { text: populationName(cell.population), title: cell.population }),
      ...[cell.alleleCount, cell.alleleNumber, cell.alleleCountHomozygous, cell.alleleCountHeterozygous, cell.alleleCountHemizygous]
        .map((value) => element("td", { className: "n", text: number(value) })),
      element("td", { className: "n", text: frequency(cell.alleleFrequency) }),
      element("td", { className: "bar-cell" }, bar));
  });
}

// --- several alleles --------------------------------------------------------------------------

/** Many alleles at a glance: where they are and how frequent, and a row for each that opens to the whole of it. */
export function allelesOverview(alleles) {
  const told = alleles.map((allele) => ({ ...allele, totals: totalsOf(allele.rows) }));
  return element("article", { className: "overview" },
    regionPlot(told),
    wide("Table of the alleles", overviewTable(told, overviewColumns(told))));
}

function regionPlot(alleles) {
  const drawn = alleles.filter(({ id, totals }) => totals.length && Number.isFinite(positionOf(id)));
  if (drawn.length < 2) return "";
  return positions("Frequency of each allele by its position; the table below says the same in numbers", drawn.map(({ id, totals, pooled }) => {
    const all = totals.map(([, cell]) => cell.alleleFrequency);
    const middle = total(pooled?.populations)?.alleleFrequency ?? all.reduce((sum, each) => sum + each, 0) / all.length;
    const told = totals.map(([country, cell]) => `${country} ${frequency(cell.alleleFrequency)}`).join(", ");
    return { at: positionOf(id), share: middle, low: Math.min(...all), high: Math.max(...all), told: `${nameOf(id)}: ${told}` };
  }));
}

/** Frequencies of an allele in each country and in all: [{heading, of}], `of` gives those of a country's datasets. */
function overviewColumns(alleles) {
  const countries = [...new Set(alleles.flatMap(({ totals }) => totals.map(([country]) => country)))].sort();
  const shares = (found) => found.map((cell) => cell.alleleFrequency);
  return [
    ...countries.map((heading) => ({ heading, of: ({ totals }) => shares(totals.filter(([country]) => country === heading).map(([, cell]) => cell)) })),
    { heading: "Together", of: ({ pooled }) => shares([total(pooled?.populations)].filter(Boolean)) },
  ];
}

/** By position first; by the frequencies of a column, the highest first, when its heading is pressed. */
function overviewTable(alleles, columns) {
  const body = element("tbody");
  const pairs = alleles.map((allele) => ({ allele, lines: overviewRow(allele, columns) }));
  const heads = [
    sortable("Allele", "ascending", ({ id }) => positionOf(id)),
    ...columns.map(({ heading, of }) => sortable(heading, "descending", (allele) => -Math.max(...of(allele), -1))),
  ];

  function sortable(heading, order, key) {
    const press = element("button", { type: "button", className: "sort", text: heading, on: { click: () => sort(head, order, key) } });
    const head = element("th", { scope: "col", className: order === "ascending" ? "" : "n" }, press);
    return head;
  }
  function sort(by, order, key) {
    pairs.sort((one, other) => key(one.allele) - key(other.allele));
    body.replaceChildren(...pairs.flatMap(({ lines }) => lines));
    for (const head of heads) head.setAttribute("aria-sort", head === by ? order : "none");
  }
  heads[0].firstChild.click();
  return element("table", { className: "alleles" }, element("thead", {}, element("tr", {}, ...heads)), body);
}

/** The row of an allele, and the one below it that holds the whole of it once it is opened. */
function overviewRow(allele, columns) {
  const whole = element("td", { colSpan: columns.length + 1 });
  const below = element("tr", { className: "whole", hidden: true }, whole);
  const opens = element("button", { type: "button", className: "fold", text: nameOf(allele.id), ariaExpanded: "false" });
  opens.addEventListener("click", () => {
    if (!whole.hasChildNodes()) whole.append(alleleCard(allele));
    below.hidden = !below.hidden;
    opens.ariaExpanded = String(!below.hidden);
  });
  const told = columns.map(({ of }) => of(allele).map(frequency).join(" · ") || "–");
  return [element("tr", {}, element("th", { scope: "row" }, opens), ...told.map((text) => element("td", { className: "n", text }))), below];
}
