// Light or dark: as the system is, until the person chooses; then as chosen, on this device.

const dark = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";

/** The other one, and remember it. */
export function switchTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  tell();
  remember();
}

/** Write the choice down again: when somebody signs out the service has the browser forget all that the page stored. */
export function remember() {
  const { theme } = document.documentElement.dataset;
  if (theme) localStorage.setItem("tema", theme);
}

/** Call `listener` whenever the colours change, until `signal` is aborted. */
export const onThemeChange = (listener, signal) => document.addEventListener("themechange", listener, { signal });

const tell = () => document.dispatchEvent(new CustomEvent("themechange"));
dark.addEventListener("change", tell);
