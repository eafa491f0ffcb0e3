// What people of a deciding body can do with a case, and what each asks for. One table.

const VOTES = [["grant", "Grant"], ["deny", "Deny"], ["abstain", "Abstain"]];
const note = (label = "Note") => ({ name: "text", label, type: "prose" });
const reason = (label = "Reason") => ({ name: "text", label, type: "prose", required: true });

export const CRITERIA = [
  ["institutionalSignOff", "The institution has signed off"],
  ["analysisPlan", "The analysis plan is suitable"],
  ["dataMinimisation", "No more data than needed are asked for"],
  ["suitableAlgorithms", "Methods and algorithms are suitable"],
  ["ethicsApproval", "Ethics approval was obtained and is followed"],
  ["funding", "Funding is named"],
  ["consistency", "The request is consistent in itself"],
  ["scientificReview", "Its scientific validity was reviewed"],
];

export const CASE_COMMANDS = {
  "declare-interest": { title: "Declare your interest", button: "Declare",
    help: "Whoever has a conflict of interest takes no part. Say so before anything else.", fields: [
      { name: "conflict", label: "Do you have a conflict of interest in this case?", type: "choice", required: true,
        options: [[false, "No, I have none"], [true, "Yes, I take no part"]] }, note("What it is")] },
  "assign-reviewers": { title: "Assign reviewers", button: "Assign", fields: [
    { name: "members", label: "Subjects of members, one a line", type: "lines", required: true }, note()] },
  "check-conformity": { title: "Check conformity", button: "Record the check", fields: [
    { name: "found", label: "Criteria", type: "criteria", options: CRITERIA, required: true, help: "Each must be judged; say why where one is not met." }, note()],
    body: ({ found, ...rest }) => ({ ...found, ...rest }) },
  "check-ethics": { title: "Check ethics", button: "Record the check", fields: [
    { name: "outcome", label: "Outcome", type: "choice", required: true,
      options: [["cleared", "Cleared"], ["refused", "Refused"], ["board", "A board of ethics members must look at it"]] }, note("Reasons")] },
  "give-opinion": { title: "Give your opinion", button: "Give the opinion", fields: [
    { name: "favours", label: "Opinion", type: "choice", required: true, options: [[true, "In favour"], [false, "Against"]] }, note("Reasons")] },
  "cast-ballot": { title: "Cast your ballot", button: "Cast the ballot", help: "How others voted is shown once the vote is over.", fields: [
    { name: "vote", label: "Vote", type: "choice", required: true, options: VOTES },
    { name: "datasets", label: "Other votes for single datasets", type: "votes", options: VOTES }, note("Reasons")] },
  "close-vote": { title: "Close the vote", fields: [note()] },
  decide: { title: "Decide formally", button: "Sign the decision",
    help: "It is signed with the key of the body, and the applicant is told. A refusal needs reasons.", fields: [
      { name: "datasets", label: "For each dataset", type: "rulings", required: true }, note()] },
  countersign: { title: "Countersign", button: "Countersign", help: "Your country lets go what is decided centrally.", fields: [
    { name: "datasets", label: "Terms for single datasets", type: "rulings" }, note()] },
  veto: { title: "Lay a veto", button: "Lay the veto", danger: true, fields: [
    { name: "datasets", label: "On these datasets; none: on all", type: "datasets" },
    { name: "final", label: "It is final: no consensus is looked for", type: "check" }, reason()] },
  "lift-veto": { title: "Lift a veto", fields: [{ name: "datasets", label: "For these datasets; none: for all", type: "datasets" }, note()] },
  "seek-consensus": { title: "Look for a consensus", fields: [note()] },
  "conclude-consensus": { title: "Conclude the consensus", button: "Conclude", fields: [
    { name: "reached", label: "Was a consensus reached?", type: "choice", required: true, options: [[true, "Yes"], [false, "No"]] }, note()] },
  "ask-question": { title: "Ask the applicant a question", button: "Ask", help: "The clock stands still until the applicant has answered; you can go on working.", fields: [reason("Question")] },
  "request-change": { title: "Request a change", button: "Send it back", help: "The clock stands still until the applicant has answered.",
    fields: [reason("What is to be changed")] },
  resume: { title: "Go on without waiting", button: "Go on", fields: [note()] },
  remark: { title: "Remark", button: "Remark", fields: [reason("Remark"), { name: "public", label: "The applicant may read it", type: "check" }] },
  extend: { title: "Extend the deadline", button: "Extend", fields: [
    { name: "workingDays", label: "Working days", type: "number", required: true }, reason()] },
};

/** Those that one reaches for first, in this order. */
export const FIRST = ["declare-interest", "check-conformity", "check-ethics", "give-opinion", "cast-ballot", "close-vote", "decide", "countersign",
  "veto", "lift-veto", "conclude-consensus"];
