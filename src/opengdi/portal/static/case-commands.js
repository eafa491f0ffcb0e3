// What people of a deciding body can do with a case: what each will do, and what it asks for. One table.

const VOTES = [["grant", "Grant"], ["deny", "Deny"], ["abstain", "Abstain"]];
const YES_NO = [[true, "Yes"], [false, "No"]];
const note = (label = "Note") => ({ name: "text", label, type: "prose" });
const reason = (label = "Reason", rest = {}) => ({ name: "text", label, type: "prose", required: true, ...rest });
const APPLICANT_READS = { help: "The applicant reads this as you write it." };

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

/** In the place of a declaration, once there is one. */
export const CONFLICT_SINCE = { title: "A conflict of interest came up", button: "Declare it", danger: true,
  does: "You declared that you have none. If that changed, say so: you take no part from then on, and lose the votes and checks given so far.", fields: [reason("What it is")],
  body: (values) => ({ ...values, conflict: true }) };

export const CASE_COMMANDS = {
  "declare-interest": { title: "Declare your interest", button: "Declare",
    does: "You say whether anything of your own is at stake. Whoever has a conflict of interest takes no part, and loses the votes and checks given so far; nobody acts before having said so.", fields: [
      { name: "conflict", label: "Do you have a conflict of interest in this case?", type: "choice", required: true, missing: "Say yes or no.",
        options: [[false, "No, I have none"], [true, "Yes, I take no part"]] }, { ...note("What it is"), when: (values) => values.conflict === true }] },
  "assign-reviewers": { title: "Assign reviewers", button: "Assign", does: "The case is shown to these people first. Others of the body can still act on it.", fields: [
    { name: "known", label: "People who declared to have no conflict", type: "several", options: ({ unconflicted, mine }) => unconflicted.map((each) => [each, each === mine ? `${each} (you)` : each]) },
    { name: "others", says: "members", label: "Others, by their subject, one a line", type: "lines" }, note()],
  body: ({ known = [], others = [], ...rest }) => ({ members: [...new Set([...known, ...others])], ...rest }) },
  "check-conformity": { title: "Check conformity", button: "Record the check",
    does: "You judge each of eight criteria. If all are met, the case goes on to its next step; if one is not, nothing can be granted until the request was changed.", fields: [
      { name: "found", says: "criteria", label: "Criteria", type: "criteria", options: CRITERIA, required: true }, note()],
    body: ({ found, ...rest }) => ({ ...found, ...rest }) },
  "check-ethics": { title: "Check ethics", button: "Record the check", does: "You say what the ethics check came to. What was refused here cannot be granted.", fields: [
    { name: "outcome", label: "Outcome", type: "choice", required: true, missing: "Choose the outcome.",
      options: [["cleared", "Cleared"], ["refused", "Refused"], ["board", "A board of ethics members must look at it"]] }, note("Reasons")] },
  "give-opinion": { title: "Give your opinion", button: "Give the opinion", does: "Your opinion stands in the case under your name, for the committee to read before it votes. It is no vote.", fields: [
    { name: "favours", label: "Opinion", type: "choice", required: true, missing: "Say which.", options: [[true, "In favour"], [false, "Against"]] }, note("Reasons")] },
  "cast-ballot": { title: "Cast your ballot", button: "Cast the ballot",
    does: "Your vote is counted for every dataset of the case. It can be changed until the vote is over; how others voted is shown only then.", fields: [
      { name: "vote", label: "Vote", type: "choice", required: true, missing: "Choose a vote.", options: VOTES },
      { name: "datasets", label: "Other votes for single datasets", type: "votes", options: VOTES }, note("Reasons")] },
  "close-vote": { title: "Close the vote", does: "Ballots are counted, and the case goes on to the formal decision. It needs the quorum.",
    sure: "Nobody can vote afterwards.", fields: [note()] },
  decide: { title: "Decide formally", button: "Sign the decision",
    does: "The decision is signed with the key of the body, and the applicant is told. What is granted becomes part of a permit.",
    sure: "A signed decision is not taken back: only an appeal or a revocation follows it.",
    told: ({ datasets }) => datasets.map((each) => `${each.dataset}: ${each.granted ? "granted" : "refused"}`), fields: [
      { name: "datasets", label: "For each dataset", type: "rulings", required: true }, note()] },
  countersign: { title: "Countersign", button: "Countersign", does: "Your country lets go its share of what is decided centrally. Once enough people have countersigned, it is signed with the key of the body.",
    sure: "A countersignature is not taken back.", fields: [
      { name: "datasets", label: "Terms for single datasets", type: "rulings", termsOnly: true }, note()] },
  veto: { title: "Lay a veto", button: "Lay the veto", danger: true,
    does: "The data named stay closed, whatever the vote or silence says. The applicant reads your reasons.",
    sure: "If the veto is final and on all data, the case is decided with it: refused.",
    told: ({ datasets, final }) => [datasets.length ? datasets.join(", ") : "All data of the case", final ? "Final" : "A consensus is looked for first"], fields: [
      { name: "datasets", label: "On which datasets? None chosen: on all", type: "datasets" },
      { name: "final", label: "Is it final?", type: "choice", required: true, missing: "Say whether it is final.",
        options: [[true, "Yes, it is final"], [false, "No, a consensus is looked for first"]] },
      reason("Justification", APPLICANT_READS)] },
  "lift-veto": { title: "Lift a veto", does: "The data named can be granted again, if the body wants it.", fields: [
    { name: "datasets", label: "For which datasets? None chosen: for all", type: "datasets" }, reason("Why it is lifted")] },
  "seek-consensus": { title: "Look for a consensus", does: "Voting pauses while the body looks for what all can agree to; the time for that comes on top of the deadline.", fields: [note()] },
  "conclude-consensus": { title: "Conclude the consensus", button: "Conclude",
    does: "With a consensus the case goes on; without one, the data concerned are refused.", sure: "Without a consensus, this refuses the data.", fields: [
      { name: "reached", label: "Was a consensus reached?", type: "choice", required: true, missing: "Say yes or no.", options: YES_NO }, reason("What was agreed, or what was not")] },
  "ask-question": { title: "Ask the applicant a question", button: "Ask", does: "The applicant is asked, and the clock stands still until the answer comes; you can go on working.",
    fields: [reason("Question", APPLICANT_READS)] },
  "request-change": { title: "Request a change", button: "Send it back",
    does: "The request goes back to the applicant. Once it was changed and confirmed anew, this case begins at its first step again, with the time that was left.",
    fields: [reason("What is to be changed", APPLICANT_READS)] },
  resume: { title: "Go on without waiting", button: "Go on", does: "The clock runs again, though the applicant has not answered.", fields: [note()] },
  remark: { title: "Remark", button: "Remark", does: "The remark stays in the history of the case, under your name.",
    fields: [reason("Remark"), { name: "public", label: "The applicant may read it", type: "check" }] },
  extend: { title: "Extend the deadline", button: "Extend", does: "This step and the whole case get more time, and the applicant is told.", fields: [
    { name: "workingDays", label: "Working days", type: "number", required: true, missing: "Say how many." }, reason("Why more time is needed")] },
};

/** Those that one reaches for first, in this order. */
export const FIRST = ["declare-interest", "check-conformity", "check-ethics", "give-opinion", "cast-ballot", "close-vote", "decide", "countersign",
  "veto", "lift-veto", "conclude-consensus"];
