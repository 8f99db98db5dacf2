// Verdicts as a table that sorts by any column and grows by a piece at a time.
const PIECE = 100;
const LISTED = [
  ["status", "verdict"], ["lane", "lane"], ["optimizer", "optimizer"], ["problem", "problem"],
  ["dtype", "dtype"], ["stage", "stage"], ["check", "check"], ["score", "score"],
  ["forward", "forward"], ["backward", "backward"], ["state", "state"], ["update", "update"],
  ["parted", "parted"], ["case", "case"], ["claims", "claims"],
];
const MEANS = {
  stage: "where the lane parted first, or else where its score is the worst",
  score: "the worst |seen - expected| in units of the rounding bound",
  parted: "how far lane and free run are apart in the end, over the largest change of a weight",
};

function verdictTable(verdicts, carried, places, without = []) {
  let by = "score";
  let down = true;
  let rows = places;
  let drawn = 0;
  const columns = LISTED.filter(([name]) => !without.includes(name));
  const head = el("tr");
  const body = el("tbody");
  const more = el("button", { type: "button", class: "quiet more" });
  const rankOf = verdicts.names.status.map((name) => carried.order.indexOf(name));

  function value(row) {
    if (verdicts.floats[by]) return verdicts.floats[by];
    const names = by === "status" ? rankOf : ranks(verdicts.names[by]);
    return Float64Array.from(verdicts.coded[by], (code) => names[code]);
  }
  function ranks(names) {
    const sorted = names.map((_, code) => code).sort((a, b) => (names[a] < names[b] ? -1 : 1));
    const rank = [];
    sorted.forEach((code, place) => { rank[code] = place; });
    return rank;
  }
  function sort() {
    const values = value();
    const sign = down ? -1 : 1;
    // What was not seen comes last, whichever way.
    rows = Uint32Array.from(places).sort((a, b) => {
      const [x, y] = [values[a], values[b]];
      if (x === y) return a - b;
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
      return x < y ? -sign : sign;
    });
    drawn = 0;
    body.replaceChildren();
    draw();
    for (const th of head.children) {
      const mine = th.dataset.column === by;
      if (mine) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
  }
  function draw() {
    for (const row of rows.slice(drawn, drawn + PIECE)) body.append(line(row));
    drawn = Math.min(rows.length, drawn + PIECE);
    more.hidden = drawn >= rows.length;
    more.textContent = `Show more (${(rows.length - drawn).toLocaleString("en")} left)`;
  }
  function line(row) {
    const made = el("tr");
    for (const [name] of columns) {
      if (name === "status") {
        const status = verdicts.text("status", row);
        const glyph = el("span", { class: `g s-${status}`, "aria-hidden": "true" }, carried.glyphs[status]);
        made.append(el("td", { class: "status" }, glyph, ` ${carried.words[status]}`));
      } else if (verdicts.floats[name]) {
        const found = verdicts.floats[name][row];
        const beyond = found > 1 && name !== "parted";
        made.append(el("td", { class: beyond ? "n beyond" : "n" }, shown(found) + (beyond ? " ×" : "")));
      } else made.append(el("td", { class: `is-${name}` }, verdicts.text(name, row)));
    }
    return made;
  }
  for (const [name, title] of columns) {
    const button = el("button", { type: "button", class: "sort" }, title);
    const th = el("th", { "data-column": name, class: verdicts.floats[name] ? "n" : "" }, button);
    if (MEANS[name]) th.title = MEANS[name];
    button.addEventListener("click", () => {
      down = by === name ? !down : Boolean(verdicts.floats[name]);
      by = name;
      sort();
    });
    head.append(th);
  }
  more.addEventListener("click", draw);
  sort();
  const whole = el("table", { class: "rows verdicts" }, el("thead", {}, head), body);
  return el("div", {}, el("div", { class: "scroll" }, whole), more);
}

// The verdicts of one cell, and the way to its findings.
function makePanel(verdicts, carried, filter) {
  const panel = $("#cell");
  let back = null;
  function close() {
    if (panel.hidden) return false;
    panel.hidden = true;
    panel.replaceChildren();
    back?.();
    return true;
  }
  function open(at, closed) {
    back = closed;
    const places = [];
    for (let row = 0; row < verdicts.size; row++) {
      if (filter().mask[row] && verdicts.text("lane", row) === at.lane
        && verdicts.text("optimizer", row) === at.optimizer
        && verdicts.text("problem", row) === at.problem) places.push(row);
    }
    const button = el("button", { type: "button", class: "quiet", title: "Esc" }, "Close");
    button.addEventListener("click", close);
    const title = el("h3", {}, `${at.lane} · ${at.optimizer} · ${at.problem}`);
    const count = el("span", { class: "count" }, String(places.length));
    title.append(" ", count);
    const found = Object.entries(carried.findings).filter(([, one]) =>
      one.lane === at.lane && one.optimizer === at.optimizer && one.problem === at.problem);
    const links = found.map(([id, one]) => el("p", {}, el("a", { href: `#${id}` }, one.sentence)));
    const list = places.length
      ? verdictTable(verdicts, carried, places, ["lane", "optimizer", "problem"])
      : el("p", { class: "none" }, filter().isIdle()
        ? "Skipped: this lane has no such optimizer, or its share of the cases left this out."
        : "No verdict here passes the filter.");
    panel.replaceChildren(el("header", {}, title, button), ...links, list);
    panel.hidden = false;
    panel.scrollIntoView({ block: "nearest" });
  }
  return { open, close };
}
