// The verdicts, unpacked: columns of codes and numbers, each verdict at one place of all of them.
const $ = (selector, inside = document) => inside.querySelector(selector);
const $$ = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

async function unpacked() {
  const bytes = Uint8Array.from(atob($("#packed").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// Infinities are texts in JSON; NaN stands for a stage that was not seen.
const number = (value) => {
  if (value === null || value === undefined) return NaN;
  if (value === "inf") return Infinity;
  return value === "-inf" ? -Infinity : Number(value);
};

function table(packed) {
  const { names, codes, numbers } = packed;
  const size = codes.lane.length;
  const coded = {};
  const floats = {};
  for (const name of Object.keys(codes)) coded[name] = Uint32Array.from(codes[name]);
  for (const name of Object.keys(numbers)) floats[name] = Float64Array.from(numbers[name], number);
  const lower = {};
  for (const name of Object.keys(names)) lower[name] = names[name].map((n) => n.toLowerCase());
  const text = (name, row) => names[name][coded[name][row]];
  return { size, names, lower, coded, floats, text };
}

// A number as a person reads it; rounding never takes a score to the other side of 1.
function shown(value) {
  if (Number.isNaN(value)) return "";
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "inf");
  if (value === 0) return "0";
  if (value >= 100 && value < 1e6) return Math.round(value).toLocaleString("en");
  if (value < 0.01 || value >= 1e6) return value.toExponential(2).replace("e+", "e");
  return (value <= 1 ? Math.min(value, 0.999) : Math.max(value, 1.001)).toFixed(3);
}
const rate = (value) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
