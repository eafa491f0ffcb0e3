// An organisation's invitation: accepted by its code, which says in what capacity somebody is invited.

import { commandForm } from "/portal/commands.js";
import { INVITED } from "/portal/organisation-commands.js";
import { post } from "/portal/session.js";

const KEPT = "invitation";

/** Of the letter that led here. It stands behind `#`, which no server sees; it is kept over a login, and not in the address. */
export function codeOfLetter() {
  const code = location.hash.slice(1) || sessionStorage.getItem(KEPT) || "";
  sessionStorage.setItem(KEPT, code);
  history.replaceState(null, "", location.pathname);
  return code;
}

/** Asks for the code and accepts; then the organisation is shown. */
export const invitedForm = (code = "") => commandForm("join", INVITED, { code }, async (_, body) => {
  const told = await accept(body);
  sessionStorage.removeItem(KEPT);
  location.assign(`/organisations/${told.organisation}`);
});

async function accept(body) {
  try {
    return await post("/access/v1/invitations/commands/accept-office", body);
  } catch (error) {
    if (error.status !== 404) throw error;  // it is no office that the code brings
    return post("/access/v1/invitations/commands/join", body);
  }
}
