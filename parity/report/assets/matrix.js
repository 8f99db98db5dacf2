// The matrix: its cells follow the filter, arrow keys walk it, a cell opens its verdicts.
function makeMatrix(verdicts, carried, open) {
  const grid = $(".matrix");
  if (!grid) return { update() {}, order() {}, focus() {} };
  const body = $("tbody", grid);
  const rows = $$("tr[data-lane]", body);
  const glyphs = carried.glyphs;
  const lanes = new Map(verdicts.names.lane.map((name, code) => [name, code]));
  const statuses = verdicts.names.status;
  // The worst first: a cell shows the first of these that its verdicts have.
  const rank = statuses.map((name) => carried.order.indexOf(name));
  const keys = new Map();
  const cells = rows.map((row) => $$(".cell", row));
  for (const [place, cell] of (cells[0] || []).entries()) keys.set(cell.dataset.key, place);
  const width = keys.size;
  const column = Int32Array.from(verdicts.coded.optimizer, (code, row) =>
    keys.get(`${verdicts.names.optimizer[code]}/${verdicts.text("problem", row)}`) ?? -1);
  const line = new Int32Array(verdicts.names.lane.length).fill(-1);
  rows.forEach((row, place) => { line[lanes.get(row.dataset.lane)] = place; });
  const words = carried.words;

  function update({ mask, idle }) {
    const best = new Uint8Array(rows.length * width).fill(99);
    const count = new Uint32Array(best.length);
    const worst = new Float64Array(best.length);
    const { lane, status } = verdicts.coded;
    const score = verdicts.floats.score;
    for (let row = 0; row < mask.length; row++) {
      if (!mask[row]) continue;
      const at = line[lane[row]] * width + column[row];
      if (rank[status[row]] < best[at]) best[at] = rank[status[row]];
      if (score[row] > worst[at]) worst[at] = score[row];
      count[at]++;
    }
    cells.forEach((own, place) => {
      let any = false;
      own.forEach((cell, across) => {
        const at = place * width + across;
        const name = count[at] ? carried.order[best[at]] : "skipped";
        any ||= count[at] > 0;
        const glyph = cell.firstElementChild;
        if (glyph.className !== `g s-${name}`) {
          glyph.className = `g s-${name}`;
          glyph.textContent = glyphs[name];
        }
        const [optimizer, problem] = cell.dataset.key.split("/");
        const told = count[at]
          ? `${words[name]}, ${count[at]} verdict${count[at] > 1 ? "s" : ""}, worst ${shown(worst[at])}`
          : idle ? "skipped" : "nothing that passes the filter";
        const label = `${rows[place].dataset.lane}, ${optimizer}, ${problem}: ${told}`;
        if (cell.getAttribute("aria-label") !== label) {
          cell.setAttribute("aria-label", label);
          cell.title = label;
        }
      });
      rows[place].classList.toggle("out", !any);
    });
  }

  function order(by) {
    const worst = new Map();
    const bad = new Map();
    for (let row = 0; row < verdicts.size; row++) {
      const lane = verdicts.text("lane", row);
      worst.set(lane, Math.max(worst.get(lane) || 0, verdicts.floats.score[row]));
      const kind = verdicts.text("status", row);
      if (kind === "diverge" || kind === "error") bad.set(lane, (bad.get(lane) || 0) + 1);
    }
    const value = { worst, bad }[by];
    const sorted = [...rows].sort((a, b) => {
      const [x, y] = [a.dataset.lane, b.dataset.lane];
      return (value ? (value.get(y) || 0) - (value.get(x) || 0) : 0) || (x < y ? -1 : 1);
    });
    body.prepend(...sorted);
  }

  let current = null;
  function focus(cell, { really = true } = {}) {
    if (!cell) return;
    if (current) current.tabIndex = -1;
    current = cell;
    cell.tabIndex = 0;
    if (really) cell.focus();
  }
  focus(cells[0]?.[0], { really: false });

  function pick(cell) {
    focus(cell);
    for (const one of $$('.cell[aria-selected="true"]', grid)) one.removeAttribute("aria-selected");
    cell.setAttribute("aria-selected", "true");
    const [optimizer, problem] = cell.dataset.key.split("/");
    open({ lane: cell.parentElement.dataset.lane, optimizer, problem }, () => {
      cell.removeAttribute("aria-selected");
      focus(cell);
    });
  }
  body.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) pick(cell);
  });
  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  body.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pick(cell);
      return;
    }
    const now = $$("tr[data-lane]", body);
    const own = $$(".cell", cell.parentElement);
    const across = own.indexOf(cell);
    const down = now.indexOf(cell.parentElement);
    let target = null;
    if (event.key === "Home") target = own[0];
    else if (event.key === "End") target = own.at(-1);
    else if (MOVES[event.key]) {
      const [dy, dx] = MOVES[event.key];
      target = $$(".cell", now[down + dy] || cell.parentElement)[across + dx];
    }
    if (target || MOVES[event.key]) event.preventDefault();
    focus(target);
  });
  return { update, order, focus: () => focus(current) };
}
