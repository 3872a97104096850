/** Texts on a canvas: fonts, and cutting what doesn't fit. */

export type FontOf = (size: number, weight?: number) => string;

export function fontOf(family: string): FontOf {
  return (size, weight = 400) => `${weight} ${Math.round(size * 4) / 4}px ${family}`;
}

const MAX_KEPT = 4000;

/** Cuts texts to a width, with an ellipsis; keeps what it has measured. */
export class TextFitter {
  readonly #kept = new Map<string, string>();

  readonly #context: CanvasRenderingContext2D;

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  /** The context's font has to be set to `font` already. */
  fit(text: string, width: number, font: string): string {
    if (width <= 0) return "";
    const key = `${font}|${Math.floor(width)}|${text}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#kept.size > MAX_KEPT) this.#kept.clear();
    const fitted = this.#cut(text, width);
    this.#kept.set(key, fitted);
    return fitted;
  }

  /** A name keeps its end, which often has the number that tells it from others. */
  #cut(text: string, width: number): string {
    const tail = text.includes(" ") ? 0 : 2;
    const cut = (length: number): string =>
      length < text.length ? `${text.slice(0, length)}…${text.slice(text.length - tail)}` : text;
    let length = text.length;
    while (length > 0 && this.#context.measureText(cut(length)).width > width) length -= 1;
    return length > 1 ? cut(length) : "";
  }
}
