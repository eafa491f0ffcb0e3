// What people can be asked for by: the terms that a network knows, to be chosen from.

/** [{id, label}]; none where the network does not answer, as any term can be typed too. */
export async function ontologyTerms(network) {
  const answer = await fetch(`${network}/filtering_terms?limit=0`).then((each) => each.json()).catch(() => ({}));
  return (answer.response?.filteringTerms ?? []).filter((term) => term.type === "ontology");
}
