// What can be done with a request: what each will do, and what it asks for. One table; `permitted` says which of it is offered.

const note = { name: "text", label: "Note", type: "prose" };
const reason = (label = "Reason", rest = {}) => ({ name: "text", label, type: "prose", required: true, ...rest });
const BODIES_READ = { help: "The bodies of all countries concerned read this." };

export const REQUEST_COMMANDS = {
  confirm: { title: "Confirm for the organisation", button: "Confirm",
    does: "You say, as its signing official, that the organisation stands behind this request. It goes to the bodies that decide at once.", fields: [note] },
  "refuse-confirmation": { title: "Refuse to confirm", button: "Refuse", danger: true, does: "The request goes back to the applicant with your reason, and to no body.",
    fields: [reason()] },
  withdraw: { title: "Take the request back", button: "Withdraw", danger: true, does: "The request ends, and so does every case about it.",
    sure: "It cannot be sent again; it can be copied as a new one.", fields: [note] },
  remark: { title: "Write to the bodies", button: "Send", does: "Your message stands in the case; nobody has to answer, and no clock stops.",
    fields: [{ name: "case", label: "To whom? None chosen: to all", type: "choice", options: ({ cases }) => cases }, reason("Message", BODIES_READ)] },
  answer: { title: "Answer", button: "Send the answer", does: "The body reads your answer, and its clock runs again.", fields: [reason("Answer")] },
  appeal: { title: "Appeal against a decision", button: "Appeal", does: "Other people of the same body vote and decide again. It is possible within 20 working days of the decision; if nobody decides, the first decision stands.",
    fields: [reason("Why it should be decided again", { help: "Answer the reasons that were given for the refusal." })] },
  "change-applicant": { title: "Hand over to another member", button: "Hand over", does: "That member becomes the applicant, and answers for the request from then on; you are in it no longer unless you are invited again.",
    sure: "Only the new applicant can give it back.", fields: [{ name: "subject", label: "To whom", type: "choice", required: true, missing: "Choose a member.", nothing: "There is no other member: invite one first.", options: ({ members }) => members }] },
  "invite-member": { title: "Invite a member", button: "Invite", does: "You get an address to send to them; it works once. Whoever accepts may use what is granted, as you may.", fields: [
    { name: "name", label: "Name", type: "text" }, { name: "email", label: "E-mail address", type: "email" },
    { name: "subject", label: "Or the subject of somebody who is known here", type: "text" }] },
  "accept-invitation": { title: "Accept the invitation", does: "You become a member of this request." },
  "decline-invitation": { title: "Decline the invitation", danger: true, does: "The invitation ends." },
  leave: { title: "Leave this request", button: "Leave", danger: true, does: "You are no member any longer, and what was granted is no longer open to you.", sure: "You can come back by an invitation only." },
  "redact-attachment": { title: "Redact an attachment", button: "Redact", danger: true, does: "The file is erased; that it was there stays known.", sure: "The file cannot be brought back.", fields: [
    { name: "attachment", label: "Attachment", type: "choice", required: true, missing: "Choose a file.", options: ({ attachments }) => attachments }, { name: "reason", label: "Reason", type: "prose" }] },
  "copy-as-new": { title: "Copy as a new request", button: "Copy", does: "A new draft begins with the same answers; this request stays as it is." },
  amend: { title: "Amend what was granted", button: "Begin an amendment", does: "A new draft begins that changes this request, for other people or data. What was granted goes on until the bodies have decided on it." },
  extend: { title: "Ask for more time", button: "Begin an extension", does: "A new draft begins that asks the same bodies for a later end. The permit goes on as it is until they have decided.",
    fields: [{ name: "until", label: "Until", type: "date", required: true, missing: "Give a day." }] },
  attest: { title: "Attest that the data are still needed", button: "Attest", does: "You say, as is asked once a year, that the data are still needed for the purpose that was granted. Without it the permit is suspended.", fields: [note] },
  "close-out": { title: "Close the project", button: "Close the project", danger: true, does: "The permit ends at once in every country, for everybody in it. Duties such as publishing results remain.",
    sure: "It cannot be opened again: a new request is needed then.", fields: [
      { name: "reason", label: "Why does it end?", type: "choice", required: true, missing: "Choose the reason.", options: [["completed", "It is completed"], ["moved-institution", "Moved to another institution"],
        ["transferred", "Transferred to somebody else"], ["superseded", "Superseded"], ["never-begun", "It never began"]] }, note] },
  close: { title: "Close", button: "Close", danger: true, does: "The request is put away; nothing further happens to it.", sure: "It cannot be opened again.", fields: [note] },
  delete: { title: "Delete the draft", button: "Delete", danger: true, does: "The draft and its attachments are erased.", sure: "It cannot be brought back." },
};

/** Done elsewhere on the page: beside what they are about. */
export const IN_PLACE = ["save-draft", "change-datasets", "invite-member", "uninvite-member", "remove-member", "accept-terms", "add-attachment",
  "remove-attachment", "submit", "resubmit", "answer", "appeal", "accept-invitation", "decline-invitation"];
