// Steps per second by size, a line a lane, under the machine's ceiling.
// Colours that stay apart for a colour-blind reader (Okabe and Ito), then the same ones dashed.
const INKS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const LINES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

function speedChart(group, only) {
  const sizes = group.sizes.map((size) => size.size);
  const lanes = group.lanes.filter((lane) => !only || lane.lane === only);
  const series = lanes.map((lane) => {
    const place = group.lanes.indexOf(lane);
    return {
      label: lane.lane, stroke: INKS[place % INKS.length], width: 2,
      dash: LINES[Math.floor(place / INKS.length) % LINES.length],
      points: { show: true, size: 6, fill: ink("paper") }, value: (u, v) => (v === null ? "–" : rate(v)),
    };
  });
  const rates = lanes.map((lane) => sizes.map((size) => lane.sizes[size]?.per_second ?? null));
  const ceiling = group.sizes.map((size) => size.ceiling || null);
  return {
    options: {
      legend: LEGEND,
      focus: { alpha: 0.25 },
      cursor: { focus: { prox: 24 } },
      scales: { x: { time: false, range: () => [-0.25, sizes.length - 0.75] }, y: { distr: 3 } },
      axes: [
        axis({ splits: () => sizes.map((_, place) => place), values: (u, at) => at.map((n) => sizes[n]), size: 30 }),
        logAxis({ size: 52, label: "steps per second", labelSize: 18, labelFont: "11px system-ui" }),
      ],
      series: [
        { label: "size", value: (u, v) => sizes[v] ?? "–" },
        ...series,
        { label: "ceiling", stroke: ink("ink"), width: 1, dash: [1, 3], points: { fill: ink("paper") }, value: (u, v) => (v === null ? "–" : rate(v)) },
      ],
    },
    data: [sizes.map((_, place) => place), ...rates, ceiling],
  };
}

function makeThroughput(groups) {
  let only = "";
  const figures = $$(".chart.speed");
  for (const figure of figures) {
    chart(figure, () => speedChart(groups[Number(figure.dataset.group)], only));
  }
  // Of the filter's fields, a lane is the one that a measured step has too.
  function update({ wanted }) {
    if (only === wanted.lane) return;
    only = wanted.lane;
    for (const row of $$(".speeds tr[data-lane]")) row.hidden = only && row.dataset.lane !== only;
    for (const figure of figures) if (drawn.has(figure)) draw(figure, makers.get(figure));
  }
  return { update };
}
