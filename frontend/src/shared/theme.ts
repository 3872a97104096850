/**
 * The colours and fonts of the page, resolved for a canvas (which knows no CSS variables).
 *
 * JupyterLab's and Notebook's variables come first, VS Code's next, then neutral ones.
 */
import { css, luminance, mix, parseColor, type Rgb, readable } from "./color";

export interface Theme {
  dark: boolean;
  /** Ground of the drawing. */
  ground: Rgb;
  /** Ground of a card on it. */
  card: Rgb;
  text: Rgb;
  muted: Rgb;
  line: Rgb;
  border: Rgb;
  accent: Rgb;
  danger: Rgb;
  warning: Rgb;
  success: Rgb;
  font: string;
}

const LIGHT = { ground: [255, 255, 255], text: [33, 33, 33] } as const;
const DARK = { ground: [24, 24, 24], text: [230, 230, 230] } as const;

export function readTheme(element: HTMLElement): Theme {
  const probe = document.createElement("span");
  probe.style.display = "none";
  element.append(probe);
  const color = (names: string[]): Rgb | null => {
    for (const name of names) {
      probe.style.color = `var(${name}, transparent)`;
      const found = parseColor(getComputedStyle(probe).color);
      if (found) return found;
    }
    return null;
  };
  probe.style.fontFamily = "var(--jp-ui-font-family, var(--vscode-font-family, system-ui))";
  const font = getComputedStyle(probe).fontFamily || "system-ui, sans-serif";
  const page = color(["--jp-layout-color0", "--vscode-editor-background"]);
  const prefersDark = globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false;
  const base = page ? (luminance(page) < 0.4 ? DARK : LIGHT) : prefersDark ? DARK : LIGHT;
  const ground = page ?? base.ground;
  const theme = themeFrom({
    page: ground,
    text: color(["--jp-ui-font-color0", "--vscode-foreground"]) ?? base.text,
    accent: color(["--jp-brand-color1", "--vscode-focusBorder"]) ?? [33, 118, 210],
    danger: color(["--jp-error-color1", "--vscode-errorForeground"]) ?? [211, 47, 47],
    warning: color(["--jp-warn-color1"]) ?? [245, 124, 0],
    success: color(["--jp-success-color1"]) ?? [56, 142, 60],
    font,
  });
  probe.remove();
  return theme;
}

export interface BaseColors {
  page: Rgb;
  text: Rgb;
  accent: Rgb;
  danger: Rgb;
  warning: Rgb;
  success: Rgb;
  font: string;
}

/** A whole theme from a few colours, each text readable on the grounds that it stands on. */
export function themeFrom({ page, text, font, ...state }: BaseColors): Theme {
  const dark = luminance(page) < 0.4;
  const strong: Rgb = mix(page, text, 0.92);
  const ground = dark ? mix(page, [255, 255, 255], 0.025) : mix(page, [22, 40, 70], 0.028);
  const card = dark ? mix(page, [255, 255, 255], 0.085) : page;
  return {
    dark,
    ground,
    card,
    text: readable(strong, card, 7),
    muted: readable(mix(ground, text, dark ? 0.6 : 0.58), dark ? card : ground),
    line: mix(ground, text, dark ? 0.34 : 0.3),
    border: mix(card, text, dark ? 0.2 : 0.17),
    accent: readable(state.accent, ground, 3),
    danger: readable(state.danger, card),
    warning: readable(state.warning, card),
    success: readable(state.success, card),
    font,
  };
}

/** The theme as CSS variables of a widget's root, for what isn't drawn on a canvas. */
export function applyTheme(element: HTMLElement, theme: Theme): void {
  for (const [name, value] of Object.entries(theme)) {
    if (Array.isArray(value)) element.style.setProperty(`--ezn-${name}`, css(value as never));
  }
  element.style.setProperty("--ezn-font", theme.font);
  element.style.colorScheme = theme.dark ? "dark" : "light";
}

/**
 * Calls back when the page's theme may have changed: JupyterLab names it on the body and loads
 * its style sheet later, so the colours are read again for a while; at the beginning as well.
 */
export function watchTheme(onChange: () => void): () => void {
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const readLater = (): void => {
    for (const delay of [60, 300, 1000, 5000]) timers.add(setTimeout(onChange, delay));
  };
  const changed = (): void => {
    onChange();
    readLater();
  };
  readLater();
  const observer = new MutationObserver(changed);
  const attributeFilter = ["data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-id"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", changed);
    for (const timer of timers) clearTimeout(timer);
  };
}
