// Charts, by uPlot, drawn when they come into view and again when the theme or the width changes.
const DASHES = { seen: [], expected: [6, 4], free: [2, 3, 2, 3] };
const drawn = new Map();

function axis(extra = {}) {
  return {
    stroke: ink("dim"), grid: { stroke: ink("line"), width: 1 }, ticks: { stroke: ink("line"), width: 1, size: 4 },
    font: "11px system-ui, sans-serif", ...extra,
  };
}

function stepAxis() {
  const wholes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  return axis({ incrs: wholes, values: whole, label: "step", labelSize: 16, size: 30, labelFont: "11px system-ui" });
}

function logAxis(extra) {
  const plain = axis({ values: powers, filter: onlyPowers, ...extra });
  plain.grid.filter = plain.ticks.filter = onlyPowers;
  return plain;
}

// A figure has its height from the page's style, the plot what the legend leaves of it: nothing
// below moves when a chart is drawn.
function room(figure, chart) {
  const legend = $(".u-legend", chart.root).offsetHeight;
  return { width: Math.max(240, figure.clientWidth), height: Math.max(120, figure.clientHeight - legend) };
}

function draw(figure, make) {
  drawn.get(figure)?.destroy();
  const { options, data } = make();
  const chart = new uPlot({ width: 240, height: 120, ...options }, data, figure);
  chart.setSize(room(figure, chart));
  drawn.set(figure, chart);
}

const makers = new Map();
const seenNow = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting && !drawn.has(target)) draw(target, makers.get(target));
  }
}, { rootMargin: "200px" });
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const chart = drawn.get(target);
    if (chart && target.clientWidth && chart.width !== target.clientWidth) chart.setSize(room(target, chart));
  }
});
function chart(figure, make) {
  makers.set(figure, make);
  seenNow.observe(figure);
  resized.observe(figure);
}
function redraw() {
  for (const figure of drawn.keys()) draw(figure, makers.get(figure));
}

const finite = (value) => { const n = number(value); return Number.isFinite(n) ? n : null; };
const short = (value) => (value === null || value === undefined ? "–" : Number(value).toPrecision(6));
const steps = (found) => found.step.map((step) => step + 1);
const digits = (chart, splits) => splits.map((at) => String(Number(at.toPrecision(6))));
const whole = (chart, splits) => splits.map((at) => (Number.isInteger(at) ? at : ""));
// Of a log scale's lines those at powers of ten, and of many of these every second or third.
const onlyPowers = (chart, splits) => {
  const powers = splits.map((at) => Math.round(Math.log10(at) * 1e6) / 1e6);
  const every = Math.ceil(powers.filter(Number.isInteger).length / 7);
  return splits.map((at, place) => (powers[place] % every === 0 ? at : null));
};
const powers = (chart, splits) => splits.map((at) => {
  if (at === null) return "";
  const power = Math.round(Math.log10(at));
  return Math.abs(power) < 4 ? String(Number(at.toPrecision(1))) : `1e${power}`;
});
// A line's sample beside its name, dashed as the line is.
const LEGEND = {
  markers: {
    width: 2,
    dash: (chart, place) => ({ 0: "solid", 2: "dashed", 4: "dotted" }[(chart.series[place].dash || []).length]),
  },
};

// A weight begins where the case has it begin; anything else begins with the first step.
function valuesChart(found) {
  const begun = found.start !== undefined && found.step[0] === 0;
  return {
    options: {
      legend: LEGEND,
      scales: { x: { time: false } },
      axes: [stepAxis(), axis({ values: digits, size: 72 })],
      series: [
        { label: "step" },
        { label: "seen", stroke: ink("diverge"), width: 2, dash: DASHES.seen, points: { show: true, size: 6, fill: ink("card") }, value: (u, v) => short(v) },
        { label: "expected", stroke: ink("strong"), width: 2, dash: DASHES.expected, points: { fill: ink("card") }, value: (u, v) => short(v) },
        { label: "oracle on its own", stroke: ink("dim"), width: 1.5, dash: DASHES.free, points: { fill: ink("card") }, value: (u, v) => short(v) },
      ],
    },
    data: [
      begun ? [0, ...steps(found)] : steps(found),
      ...["seen", "expected", "free"].map((name) => [...(begun ? [finite(found.start)] : []), ...found[name].map(finite)]),
    ],
  };
}

// A log scale has no zero: what is exactly right is drawn at the bottom.
const BOTTOM = 1e-3;
const MARKS = [["forward", [2, 3, 2, 3]], ["backward", [6, 4]], ["state", [8, 3]], ["update", []]];
function scoresChart(found) {
  const stages = MARKS.filter(([name]) => found.score[name]);
  const top = Math.max(10, ...stages.flatMap(([name]) => found.score[name].map(finite)).filter(Number.isFinite));
  const log = (value) => { const n = finite(value); return n === null ? (value === "inf" ? top * 10 : null) : Math.max(BOTTOM, n); };
  return {
    options: {
      legend: LEGEND,
      scales: { x: { time: false }, y: { distr: 3, range: () => [BOTTOM, top * 10] } },
      axes: [stepAxis(), logAxis({ size: 48 })],
      series: [
        { label: "step" },
        ...stages.map(([name, dash], place) => ({
          label: name, stroke: ink(`stage-${name}`), width: 2, dash, points: { show: true, size: 5 + place, fill: ink("card") }, value: (u, v) => (v === null ? "–" : v <= BOTTOM ? "0" : shown(v)),
        })),
        { label: "bound", stroke: ink("ink"), width: 1, points: { show: false }, value: () => "1" },
      ],
    },
    data: [steps(found), ...stages.map(([name]) => found.score[name].map(log)), found.step.map(() => 1)],
  };
}
