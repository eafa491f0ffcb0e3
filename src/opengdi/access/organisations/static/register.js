"use strict";

const field = (id) => document.getElementById(id);
const contact = (name, email) => ({ name: field(name).value.trim(), email: field(email).value.trim() });

field("isOfficial").addEventListener("change", (event) => {
  field("official").hidden = event.target.checked;
});

function registration() {
  const wish = {
    name: field("name").value.trim(),
    country: field("country").value.trim().toUpperCase(),
    domain: field("domain").value.trim().toLowerCase(),
    ror: field("ror").value.trim(),
    registrationNumber: field("registrationNumber").value.trim(),
    notForProfit: field("notForProfit").checked,
    legalRepresentative: contact("legalName", "legalEmail"),
    registrant: contact("ownName", "ownEmail"),
  };
  if (!field("isOfficial").checked) wish.official = contact("officialName", "officialEmail");
  return wish;
}

async function csrf() {
  const me = await fetch("/login/me", { credentials: "same-origin" });
  return me.ok ? (await me.json()).csrf : "";
}

field("registration").addEventListener("submit", async (event) => {
  event.preventDefault();
  const outcome = field("outcome");
  const answer = await fetch("/access/v1/organisations", {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json", "x-csrf-token": await csrf() },
    body: JSON.stringify(registration()),
  });
  const told = await answer.json();
  if (answer.status === 401) {
    location.assign(`/login/start?next=${encodeURIComponent(location.pathname)}`);
  } else if (!answer.ok) {
    outcome.textContent = told.detail || "This did not work.";
  } else {
    const code = told.invitationCode ? ` Give the signing official this code: ${told.invitationCode}` : "";
    outcome.textContent = `Registered as ${told.id}; an operator will vet it.${code}`;
  }
});
