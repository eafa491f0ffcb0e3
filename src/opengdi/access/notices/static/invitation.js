"use strict";

const field = (id) => document.getElementById(id);
const KEPT = "invitation";

// The code stands behind `#`, which no server sees; it is kept over the login, and not in the address.
field("code").value = decodeURIComponent(location.hash.slice(1)) || sessionStorage.getItem(KEPT) || "";
history.replaceState(null, "", location.pathname);

async function accept(as, csrf) {
  return fetch(`/access/v1/invitations/commands/${as}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify({ code: field("code").value.trim() }),
  });
}

field("invitation").addEventListener("submit", async (event) => {
  event.preventDefault();
  const me = await fetch("/login/me");
  if (!me.ok) {
    sessionStorage.setItem(KEPT, field("code").value.trim());
    location.assign(`/login/start?next=${encodeURIComponent(location.pathname)}`);
    return;
  }
  const { csrf } = await me.json();
  let answer = await accept("accept-office", csrf);
  if (answer.status === 404) answer = await accept("join", csrf);
  const told = await answer.json();
  if (answer.ok) sessionStorage.removeItem(KEPT);
  field("outcome").textContent = answer.ok
    ? `You are part of ${told.organisation} now.`
    : told.detail || "This did not work.";
});
