// Light, dark, or as the system has it; the choice is kept where the browser lets a file keep one.
const THEMES = ["system", "light", "dark"];
const root = document.documentElement;
const watchers = [];

function setTheme(name) {
  if (name === "system") delete root.dataset.theme;
  else root.dataset.theme = name;
  $("#theme").textContent = `Theme: ${name}`;
  for (const redraw of watchers) redraw();
}

function startTheme() {
  let now = "system";
  try { now = localStorage.getItem("parity-theme") || now; } catch { /* no storage for files */ }
  setTheme(THEMES.includes(now) ? now : "system");
  $("#theme").addEventListener("click", () => {
    now = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    try { localStorage.setItem("parity-theme", now); } catch { /* no storage for files */ }
    setTheme(now);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(now));
}

const ink = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
