"use strict";
/* What every page has: themes, copying, printing, and what only scripts can do shown at all. */
const find = (selector, within = document) => within.querySelector(selector);
const every = (selector, within = document) => [...within.querySelectorAll(selector)];
const say = (text) => { find("#said").textContent = text; };

every(".needs-script").forEach((part) => { part.hidden = false; });

(() => {
  const button = find("#theme"), names = ["system", "light", "dark"];
  const kept = () => { try { return localStorage.getItem("clipgate-theme"); } catch { return null; } };
  const keep = (name) => { try { localStorage.setItem("clipgate-theme", name); } catch { /* a browser that keeps nothing */ } };
  const show = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
    find("span", button).textContent = name;
  };
  let now = names.includes(kept()) ? kept() : "system";
  show(now);
  button.addEventListener("click", () => { now = names[(names.indexOf(now) + 1) % names.length]; show(now); keep(now); });
})();

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const text = find("code", button.parentElement).textContent;
  let copied = false;
  try {
    await navigator.clipboard.writeText(text);
    copied = true;
  } catch { /* no right to the clipboard: the older way */
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = copied ? "Copied" : "Not copied";
  say(copied ? "Copied" : "The browser does not let this page copy: select the command instead");
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

/* Printing opens what matters, draws what is not drawn yet, and afterwards closes what it has opened. */
const beforePrint = [];
(() => {
  let opened = [];
  const open = () => {
    const more = every(".case[data-prints]:not([open]), details.more:not([open])");
    more.forEach((part) => { part.open = true; });
    opened.push(...more);
    return Promise.all(beforePrint.map((work) => work()));
  };
  addEventListener("beforeprint", open);
  addEventListener("afterprint", () => { opened.forEach((part) => { part.open = false; }); opened = []; });
  find("#print").addEventListener("click", async () => {
    say("What matters is being opened and drawn");
    await open();
    print();
  });
})();
