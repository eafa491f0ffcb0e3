// Invitations: the code of a letter, and the form that accepts an organisation's.

import { commandForm } from "/portal/commands.js";
import { INVITED } from "/portal/organisation-commands.js";
import { post } from "/portal/session.js";

const kept = () => `invitation ${location.pathname}`;

/** Of the letter that led here. It stands behind `#`, which no server sees; it is kept over a login, and not in the address. */
export function codeOfLetter() {
  const code = location.hash.slice(1) || sessionStorage.getItem(kept()) || "";
  if (code) sessionStorage.setItem(kept(), code);
  history.replaceState(null, "", location.pathname);
  return code;
}

/** The same of an invitation to a request, by which that is asked for: `#invitation=…&token=…`; null: there is none. */
export function invitationOfLetter() {
  const asked = new URLSearchParams(location.hash.slice(1) || sessionStorage.getItem(kept()) || "");
  return asked.has("token") ? Object.fromEntries(new URLSearchParams(codeOfLetter())) : null;
}

/** The address that is sent to whom one invites. */
export const invitationAddress = (request, invitation, token) =>
  `${location.origin}/requests/${request}#${new URLSearchParams({ invitation, token })}`;

/** It was used. */
export const forgetCode = () => sessionStorage.removeItem(kept());

/** Asks for the code and accepts; then the organisation is shown. */
export const invitedForm = (code = "") => commandForm("join", INVITED, { code }, async (_, body) => {
  const told = await accept(body);
  forgetCode();
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
