// What is shown: a mask over all verdicts, made anew from the fields whenever one changes.
const FIELDS = ["lane", "optimizer", "stage"];
const WORDS_IN = ["lane", "optimizer", "problem", "dtype", "check", "claims", "case", "stage", "run"];

function makeFilter(verdicts, changed) {
  const wanted = { text: "", status: new Set(), lane: "", optimizer: "", stage: "" };
  const mask = new Uint8Array(verdicts.size);

  // Of each column, which of its names are let through; null where all of them are.
  function allowed() {
    const by = {};
    for (const field of FIELDS) {
      if (wanted[field]) by[field] = verdicts.names[field].map((name) => name === wanted[field]);
    }
    if (wanted.status.size) by.status = verdicts.names.status.map((n) => wanted.status.has(n));
    return Object.entries(by).map(([name, found]) => [verdicts.coded[name], found]);
  }

  // For each word, which names of which columns hold it.
  function holding() {
    return wanted.text.toLowerCase().split(/\s+/).filter(Boolean).map((word) =>
      WORDS_IN.map((name) => [
        verdicts.coded[name],
        verdicts.lower[name].map((text) => text.includes(word)),
      ]).filter(([, hits]) => hits.includes(true)));
  }

  function apply() {
    const tests = allowed();
    const words = holding();
    let count = 0;
    for (let row = 0; row < mask.length; row++) {
      const pass = tests.every(([codes, found]) => found[codes[row]])
        && words.every((columns) => columns.some(([codes, hits]) => hits[codes[row]]));
      mask[row] = pass ? 1 : 0;
      count += mask[row];
    }
    changed({ mask, count, wanted, idle: isIdle() });
  }

  const isIdle = () => !wanted.text && !wanted.status.size && FIELDS.every((name) => !wanted[name]);

  const fields = $$("[data-field]");
  for (const select of fields) {
    const name = select.dataset.field;
    const names = verdicts.names[name].filter(Boolean);
    for (const value of name === "lane" ? names.sort() : names) select.append(el("option", {}, value));
    select.addEventListener("change", () => { wanted[name] = select.value; apply(); });
  }
  const search = $("#search");
  search.addEventListener("input", () => { wanted.text = search.value; apply(); });
  const chips = $$(".chip[data-status]");
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const { status } = chip.dataset;
      if (!wanted.status.delete(status)) wanted.status.add(status);
      chip.setAttribute("aria-pressed", wanted.status.has(status));
      apply();
    });
  }
  function clear() {
    wanted.text = search.value = "";
    wanted.status.clear();
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    for (const select of fields) { select.value = ""; wanted[select.dataset.field] = ""; }
    apply();
  }
  $("#clear").addEventListener("click", clear);
  $(".filter").hidden = false;
  return { apply, clear, isIdle, mask };
}
