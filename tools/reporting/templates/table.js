/* Sorting of tables; and of a run's page: filters, and links to a case, all kept in the address. */
const sortKey = (cell) => {
  if (cell.dataset.rank !== undefined) return Number(cell.dataset.rank);
  const text = cell.textContent.trim(), number = Number.parseFloat(text.replace(/^[<>=≤≥+\s]+/, ""));
  return Number.isFinite(number) && !cell.matches("th") ? number : text;
};
const natural = new Intl.Collator("en", { numeric: true });
const compare = (one, other) => typeof one === typeof other ? (typeof one === "number" ? one - other : natural.compare(one, other))
  : typeof one === "number" ? -1 : 1;

function sortTable(table, name, direction) {
  const heads = every("thead th", table), column = heads.findIndex((head) => head.dataset.sort === name);
  if (column < 0) return;
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", direction);
  const body = table.tBodies[0], sign = direction === "ascending" ? 1 : -1;
  const keyed = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
  keyed.sort((one, other) => sign * compare(one[0], other[0]));
  body.append(...keyed.map(([, row]) => row));
}

const state = () => new URLSearchParams(location.hash.slice(1));
function remember(changes) {
  const next = state();
  for (const [name, value] of Object.entries(changes)) if (value) next.set(name, value); else next.delete(name);
  history.replaceState(null, "", `#${next}`);
}

every("table.sortable").forEach((table) => {
  every("thead th[data-sort]", table).forEach((head) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      sortTable(table, head.dataset.sort, direction);
      if (table.id === "all") remember({ sort: `${head.dataset.sort}:${direction}` });
      say(`Sorted by ${head.dataset.sort}, ${direction}`);
    });
  });
});

(() => {
  const form = find("#filters");
  if (!form) return;
  const rows = every("#all tbody tr"), cases = every("details.case"), fields = ["model", "device", "word", "text"];
  const texts = rows.map((row) => row.textContent.toLowerCase());

  function filter() {
    const [model, device, word] = fields.map((name) => form.elements[name].value), text = form.elements.text.value.trim().toLowerCase();
    const left = new Set();
    let count = 0;
    rows.forEach((row, index) => {
      const { dataset } = row;
      const fits = (!model || dataset.model === model) && (!device || dataset.device === device) && (!word || dataset.word === word)
        && (!text || texts[index].includes(text));
      row.hidden = !fits;
      if (fits) { count += 1; left.add(dataset.case); }
    });
    const filtered = Boolean(model || device || word || text);
    cases.forEach((part) => { part.hidden = filtered && !left.has(part.dataset.case); });
    find("#nothing").hidden = count > 0;
    find("#shown").value = `${count} of ${rows.length} numbers`;
  }

  function seek(name) {
    const part = cases.find((each) => each.dataset.case === name);
    if (!part) { say(`This run has no case ${name}`); return; }
    part.hidden = false;
    part.open = true;
    every(".sought").forEach((each) => each.classList.remove("sought"));
    part.classList.add("sought");
    find("summary", part).focus({ preventScroll: true });
    find("summary", part).scrollIntoView({ block: "start" });
  }

  function follow() {
    const wanted = state();
    for (const name of fields) form.elements[name].value = wanted.get(name) ?? "";
    filter();
    const [column, direction] = (wanted.get("sort") ?? "").split(":");
    if (column) sortTable(find("#all"), column, direction === "descending" ? "descending" : "ascending");
    if (wanted.get("case")) seek(wanted.get("case"));
  }

  form.addEventListener("input", () => {
    filter();
    remember(Object.fromEntries(fields.map((name) => [name, form.elements[name].value])));
  });
  form.addEventListener("reset", () => setTimeout(() => { filter(); remember(Object.fromEntries(fields.map((name) => [name, ""]))); }));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    const target = new URLSearchParams(link.getAttribute("href").slice(1)).get("case");
    const place = target === null && document.getElementById(decodeURIComponent(link.getAttribute("href").slice(1)));
    if (target === null && !place) return;
    event.preventDefault();  /* the address keeps the filters beside the case */
    if (target !== null) { remember({ case: target }); seek(target); return; }
    place.scrollIntoView();
    place.tabIndex = -1;
    place.focus({ preventScroll: true });
  });
  every("details.case > summary").forEach((summary) => summary.addEventListener("click", () => {
    const part = summary.parentElement;
    if (!part.open) remember({ case: part.dataset.case });
  }));
  addEventListener("hashchange", follow);
  if (location.hash.length > 1) follow();
})();

for (const [id, open] of [["#open-all", true], ["#close-all", false]]) {
  find(id)?.addEventListener("click", () => every("details.case").forEach((part) => { part.open = open; }));
}
