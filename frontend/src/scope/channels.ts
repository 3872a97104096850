/** Channels by what a person types: places, ranges, names, and names with stars. */

/** Places of the channels that are meant; null for all. Throws an Error with what is not there. */
export function placesOf(text: string, names: readonly string[]): number[] | null {
  const words = text
    .split(/[,;]+/)
    .map((word) => word.trim())
    .filter((word) => word !== "");
  if (words.length === 0) return null;
  const found = new Set<number>();
  for (const word of words) {
    const places = placesOfWord(word, names);
    if (places.length === 0) throw new Error(`There is no channel ${word}.`);
    for (const place of places) found.add(place);
  }
  return [...found];
}

function placesOfWord(word: string, names: readonly string[]): number[] {
  const exact = names.indexOf(word);
  if (exact >= 0) return [exact];
  const range = /^(\d*):(\d*)$/.exec(word);
  if (range) {
    const from = range[1] ? Number(range[1]) : 0;
    const to = Math.min(names.length, range[2] ? Number(range[2]) : names.length);
    return Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);
  }
  if (/^\d+$/.test(word)) return Number(word) < names.length ? [Number(word)] : [];
  const escaped = word.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  const pattern = new RegExp(`^${escaped}$`, "i");
  return names.flatMap((name, place) => (pattern.test(name) ? [place] : []));
}
