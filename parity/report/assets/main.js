// Start: the page is readable before any of this runs.
function startKeys(panel, filter) {
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $("#search").focus();
      $("#search").select();
    } else if (event.key === "Escape") {
      if (!panel.close() && !filter.isIdle()) filter.clear();
      else if (typing) event.target.blur();
    }
  });
}

// What is printed is all of it: findings open, in light colours, charts drawn.
function startPrinting() {
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = $$("details.finding:not([open])");
    for (const one of closed) one.open = true;
    root.dataset.print = "";
    for (const [figure, make] of makers) if (figure.clientWidth) draw(figure, make);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.print;
    for (const one of closed) one.open = false;
    redraw();
  });
}

async function start() {
  startTheme();
  startCopying();
  watchers.push(redraw);
  const carried = await unpacked();
  const verdicts = table(carried.verdicts);
  const everything = $("#verdicts");
  let now = null;
  const list = () => {
    if (!everything.open || !now) return;
    const places = [];
    now.mask.forEach((pass, row) => { if (pass) places.push(row); });
    $(".list", everything).replaceChildren(verdictTable(verdicts, carried, places));
  };
  let filter = null;
  const panel = makePanel(verdicts, carried, () => filter);
  const matrix = makeMatrix(verdicts, carried, panel.open);
  const findings = makeFindings(carried);
  const throughput = makeThroughput(carried.throughput);
  filter = makeFilter(verdicts, (seen) => {
    const begun = performance.now();
    now = seen;
    matrix.update(seen);
    findings.update(seen);
    throughput.update(seen);
    const count = seen.count.toLocaleString("en");
    const all = verdicts.size.toLocaleString("en");
    $("#shown").textContent = seen.idle ? `${all} verdicts` : `${count} of ${all} verdicts`;
    $("#verdicts > summary .count").textContent = count;
    list();
    performance.measure("parity filter", { start: begun });
  });
  everything.hidden = verdicts.size === 0;
  everything.addEventListener("toggle", list);
  $("#order").addEventListener("change", (event) => matrix.order(event.target.value));
  filter.apply();
  startKeys(panel, filter);
  startPrinting();
  addEventListener("hashchange", () => follow(filter.clear));
  follow(filter.clear);
  document.body.classList.replace("plain", "ready");
}

start().catch((error) => {
  $("#matrix").append(el("p", { class: "none" }, `The verdicts could not be unpacked here: ${error.message}. What is above and below is complete.`));
  throw error;
});
