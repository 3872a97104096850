/** Colours as numbers, for mixing and for contrast. */

export type Rgb = readonly [red: number, green: number, blue: number];

/** Reads what computed styles have: `rgb(...)`, `rgba(...)`, `color(srgb ...)`; null for others. */
export function parseColor(text: string): Rgb | null {
  const call = /^(rgba?|color)\((.*)\)$/i.exec(text.trim());
  if (!call) return null;
  const numbers = (call[2]?.match(/[\d.e-]+/g) ?? []).map(Number);
  const alpha = numbers[3];
  if (numbers.length < 3 || (alpha !== undefined && alpha === 0)) return null;
  const unit = call[1]?.toLowerCase() === "color" ? 255 : 1;
  return [(numbers[0] ?? 0) * unit, (numbers[1] ?? 0) * unit, (numbers[2] ?? 0) * unit];
}

export function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const at = (i: 0 | 1 | 2): number => a[i] + (b[i] - a[i]) * share;
  return [at(0), at(1), at(2)];
}

export function css(color: Rgb, alpha = 1): string {
  return `rgb(${color.map(Math.round).join(" ")} / ${alpha})`;
}

/** Relative luminance of WCAG 2, from 0 (black) to 1 (white). */
export function luminance(color: Rgb): number {
  const linear = (part: number): number => {
    const unit = part / 255;
    return unit <= 0.04045 ? unit / 12.92 : ((unit + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2]);
}

/** Contrast ratio of WCAG 2, from 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** The colour itself, or moved towards black or white until it can be read on `ground`. */
export function readable(color: Rgb, ground: Rgb, least = 4.5): Rgb {
  const towards: Rgb = luminance(ground) > 0.4 ? [0, 0, 0] : [255, 255, 255];
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(color, towards, share);
    if (contrast(mixed, ground) >= least) return mixed;
  }
  return towards;
}
