// Notices: which of them one wants by e-mail, and what one was told last.

import { $, alertBox, element, freshId, moment, section, table } from "/portal/dom.js";
import { get, mustSignIn, open, put, refusal } from "/portal/session.js";
import { plain } from "/portal/words.js";

const page = $("page");

function box({ notice, about, declined }) {
  const made = element("input", { type: "checkbox", id: freshId("choice"), name: notice, checked: !declined });
  return element("div", { className: "check" }, made, element("label", { htmlFor: made.id, text: `${plain(about)}: ${plain(notice).toLowerCase()}` }));
}

function choices(told) {
  const boxes = element("fieldset", { className: "field" }, element("legend", { text: "Tell me by e-mail" }), ...told.choices.map(box));
  const trouble = element("div");
  async function save(event) {
    event.preventDefault();
    trouble.replaceChildren();
    const notices = [...boxes.querySelectorAll("input")].filter((each) => !each.checked).map((each) => each.name);
    try {
      draw(await put("/access/v1/notices/declined", { notices }));
      $("status").textContent = "Saved.";
      page.focus();
    } catch (error) {
      trouble.replaceChildren(refusal(error));
    }
  }
  return element("form", { on: { submit: save } }, boxes, trouble, element("div", { className: "buttons" }, element("button", { text: "Save" })));
}

const past = (items) => (items.length ? table(["When", "What", "About", "State"],
  items.map((each) => [moment(each.at), plain(each.notice), each.thing, plain(each.state)]))
  : element("p", { className: "hint", text: "Nothing yet." }));

function draw(told) {
  page.replaceChildren(element("h1", { text: "Notices" }),
    element("p", { className: "lead", text: "You get an e-mail when something needs you, and when something you take part in goes on. The first you always get. Of the rest, take away what you do not want." }),
    section("What you want to hear", { id: "choices" }, choices(told)), section("What you were told last", { id: "past" }, past(told.items)));
}

await open("Notices");
try {
  if (!mustSignIn(page, "Notices", "Sign in to say which notices you want.")) draw(await get("/access/v1/notices"));
} catch (error) {
  page.replaceChildren(element("h1", { text: "Notices" }), alertBox(error.message));
}
