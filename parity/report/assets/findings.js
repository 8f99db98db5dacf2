// Findings: charts when opened, copying, sorting, links that open what they point to.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // A file that is not let at the clipboard copies a selection, as a person would.
    const area = el("textarea", { readonly: "", class: "away" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const done = await copy($("code", button.closest(".copying")).textContent);
    button.textContent = done ? "Copied" : "Not copied: select it";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

function makeFindings(carried) {
  const list = $(".found");
  const all = $$(".finding");
  for (const one of all) {
    const found = carried.steps[one.id];
    if (!found) continue;
    for (const figure of $$(".chart", one)) {
      const make = figure.dataset.kind === "values" ? valuesChart : scoresChart;
      chart(figure, () => make(found));
    }
  }
  const KEYS = { lane: "lane", optimizer: "optimizer", stage: "stage" };
  const sorting = $("#sort-findings");
  sorting?.addEventListener("change", () => {
    const key = KEYS[sorting.value];
    const sorted = key ? [...all].sort((a, b) => a.dataset[key].localeCompare(b.dataset[key])) : all;
    list.append(...sorted);
  });
  for (const hidden of $$(".order")) hidden.hidden = false;

  // A finding is shown where the filter's fields let it through and its text has the words.
  function update({ wanted, idle }) {
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of all) {
      const { lane, optimizer, stage, status } = one.dataset;
      const text = idle || !words.length ? "" : one.textContent.toLowerCase();
      const pass = (!wanted.lane || wanted.lane === lane)
        && (!wanted.optimizer || wanted.optimizer === optimizer)
        && (!wanted.stage || wanted.stage === stage)
        && (!wanted.status.size || wanted.status.has(status))
        && words.every((word) => text.includes(word));
      one.hidden = !pass;
      count += pass;
    }
    $("#findings .count").textContent = idle ? String(all.length) : `${count} of ${all.length}`;
  }
  return { update };
}

// Open what a link points to, with everything around it.
function follow(clear) {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  if (!target) return;
  if (target.hidden) clear();
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView({ block: "start" });
  $("summary", target)?.focus({ preventScroll: true });
}
