// What can be done with a request, and what each asks for. One table; `permitted` says which of it is offered.

const note = { name: "text", label: "Note", type: "prose" };
const reason = (label = "Reason") => ({ name: "text", label, type: "prose", required: true });

export const REQUEST_COMMANDS = {
  confirm: { title: "Confirm for the organisation", button: "Confirm",
    help: "You confirm, as its signing official, that the organisation stands behind this request.", fields: [note] },
  "refuse-confirmation": { title: "Refuse to confirm", button: "Refuse", danger: true, fields: [reason()] },
  withdraw: { title: "Take the request back", button: "Withdraw", danger: true, help: "All cases about it end.", fields: [note] },
  remark: { title: "Write to the bodies", button: "Send", fields: [reason("Message"),
    { name: "case", label: "To one case only, by its id", type: "text" }] },
  answer: { title: "Answer", button: "Send the answer", fields: [reason("Answer")] },
  appeal: { title: "Appeal against a decision", button: "Appeal", fields: [
    { name: "case", label: "Id of the case", type: "text", required: true }, reason("Why it should be decided again")] },
  "change-applicant": { title: "Hand over to another member", button: "Hand over", fields: [
    { name: "subject", label: "Subject of the member", type: "text", required: true }] },
  "invite-member": { title: "Invite a member", button: "Invite", fields: [
    { name: "name", label: "Name", type: "text" }, { name: "email", label: "E-mail address", type: "email" },
    { name: "subject", label: "Or the subject of somebody who is known here", type: "text" }] },
  "accept-invitation": { title: "Accept the invitation", fields: [{ name: "invitation", label: "Id of the invitation", type: "text", required: true },
    { name: "token", label: "Token that was sent to you", type: "text" }] },
  "decline-invitation": { title: "Decline the invitation", danger: true, fields: [
    { name: "invitation", label: "Id of the invitation", type: "text", required: true }, { name: "token", label: "Token that was sent to you", type: "text" }] },
  leave: { title: "Leave this request", button: "Leave", danger: true },
  "redact-attachment": { title: "Redact an attachment", button: "Redact", danger: true, fields: [
    { name: "attachment", label: "Id of the attachment", type: "text", required: true }, { name: "reason", label: "Reason", type: "prose" }] },
  "copy-as-new": { title: "Copy as a new request", button: "Copy" },
  amend: { title: "Amend what was granted", button: "Begin an amendment", help: "A new request that names this one." },
  extend: { title: "Ask for more time", button: "Begin an extension", fields: [{ name: "until", label: "Until", type: "date", required: true }] },
  attest: { title: "Attest that the data are still needed", button: "Attest", fields: [note] },
  "close-out": { title: "Close the project", button: "Close the project", danger: true, fields: [
    { name: "reason", label: "Reason", type: "choice", required: true, options: [["completed", "It is completed"], ["moved-institution", "Moved to another institution"],
      ["transferred", "Transferred to somebody else"], ["superseded", "Superseded"], ["never-begun", "It never began"]] }, note] },
  close: { title: "Close", button: "Close", danger: true, fields: [note] },
  delete: { title: "Delete the draft", button: "Delete", danger: true, help: "It cannot be brought back." },
};

/** Done elsewhere on the page: beside what they are about. */
export const IN_PLACE = ["save-draft", "change-datasets", "invite-member", "uninvite-member", "remove-member", "accept-terms", "add-attachment",
  "remove-attachment", "submit", "resubmit", "answer", "appeal"];
