"use strict";

const field = (id) => document.getElementById(id);
const inWords = (name) => name.replaceAll("-", " ");
let csrf = "";

function made(tag, text, ...children) {
  const element = document.createElement(tag);
  element.append(...children, text);
  return element;
}

function show(told) {
  field("list").replaceChildren(...told.choices.map((choice) => {
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: !choice.declined, name: choice.notice });
    return made("label", ` ${choice.about}: ${inWords(choice.notice)}`, box);
  }));
  field("choices").hidden = false;
  field("items").replaceChildren(...told.items.map((item) =>
    made("li", `${item.at.slice(0, 10)} ${inWords(item.notice)}: ${item.thing} (${item.state})`)));
  field("past").hidden = told.items.length === 0;
}

async function open() {
  const me = await fetch("/login/me");
  if (!me.ok) {
    location.assign(`/login/start?next=${encodeURIComponent(location.pathname)}`);
    return;
  }
  csrf = (await me.json()).csrf;
  show(await (await fetch("/access/v1/notices")).json());
}

field("choices").addEventListener("submit", async (event) => {
  event.preventDefault();
  const declined = [...field("list").querySelectorAll("input")].filter((box) => !box.checked).map((box) => box.name);
  const answer = await fetch("/access/v1/notices/declined", {
    method: "PUT",
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify({ notices: declined }),
  });
  const told = await answer.json();
  if (answer.ok) show(told);
  field("outcome").textContent = answer.ok ? "Saved." : told.detail || "This did not work.";
});

open();
