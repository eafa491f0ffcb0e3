// What can be done with a permit, at the hub and at a node: what each will do, and what it asks for. One table.

const note = { name: "text", label: "Note", type: "prose" };
const reason = (label = "Reason", rest = {}) => ({ name: "text", label, type: "prose", required: true, ...rest });
const people = (label) => ({ name: "people", label, type: "several", options: (context) => context.people });
const datasets = (label) => ({ name: "datasets", label, type: "several", options: (context) => context.held });
const dropEmpty = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => !Array.isArray(value) || value.length));

export const PERMIT_COMMANDS = {
  attest: { title: "Attest that the data are still needed", button: "Attest", does: "You say, as is asked once a year, that the data are still needed for the purpose that was granted. Without it the permit is suspended.", fields: [note] },
  amend: { title: "Take people or data out", button: "Take out", danger: true, does: "Whoever and whatever you choose leaves the permit at once, in every country.",
    sure: "What was taken out comes back by a new decision of the bodies only.", fields: [
      { ...people("People"), name: "removePeople", options: (context) => context.members },
      { ...datasets("Datasets"), name: "removeDatasets" }], body: dropEmpty },
  extend: { title: "Ask for more time", button: "Ask", does: "Your wish is noted. The bodies decide about it by the request's own extension; until then nothing changes.", fields: [
    { name: "until", label: "Until", type: "date", moment: true, required: true, missing: "Give a day." }, note] },
  "refuse-extension": { title: "Refuse the extension", button: "Refuse", danger: true, does: "The holder is told that there is no more time.", fields: [note] },
  sleep: { title: "Let it sleep", button: "Let it sleep", does: "Nothing is open until you wake it. The end stays where it is." },
  wake: { title: "Wake it", button: "Wake", does: "What the permit grants is open again." },
  fulfil: { title: "Say that a duty is done", button: "It is done", does: "The duty is shown as done, with your note.", fields: [
    { name: "duty", label: "Duty", type: "choice", required: true, missing: "Choose the duty.", options: (context) => context.duties }, note] },
  leave: { title: "Leave this permit", button: "Leave", danger: true, does: "The data are no longer open to you, at once.", sure: "You can come back by a new decision only." },
  suspend: { title: "Suspend", button: "Suspend", danger: true, does: "Everything that the permit opens is closed at once, for everybody in it, until a coordinator resumes it.", fields: [reason()] },
  resume: { title: "Resume", button: "Resume", does: "What the permit grants is open again.", fields: [note] },
  "close-out": { title: "Close the project", button: "Close the project", danger: true, does: "The permit ends at once in every country, for everybody in it. Duties such as publishing results remain.",
    sure: "It cannot be opened again.", fields: [
      { name: "for", label: "Why does it end?", type: "choice", required: true, missing: "Choose the reason.", options: [["completed", "It is completed"], ["moved-institution", "Moved to another institution"],
        ["transferred", "Transferred to somebody else"], ["superseded", "Superseded"], ["never-begun", "It never began"]] }, note] },
  revoke: { title: "Revoke", button: "Revoke", danger: true, does: "What you choose is closed at once, at every door, also to who is reading just now. Nothing chosen: all of it, for everybody.",
    sure: "It is for ever, whatever is decided later.",
    told: ({ people: whom = [], datasets: which = [] }) => [whom.length ? `Only for ${whom.join(", ")}` : "For everybody", which.length ? `Only ${which.join(", ")}` : "All data of the permit that you answer for"], fields: [people("Only for these people"), datasets("Only these datasets"), reason()], body: dropEmpty },
};
