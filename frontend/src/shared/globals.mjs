// Globals that the bundles use often, under names that a minifier may shorten: see build.mjs.
export const {
  max: Math_max,
  min: Math_min,
  round: Math_round,
  abs: Math_abs,
  floor: Math_floor,
  ceil: Math_ceil,
  hypot: Math_hypot,
  sqrt: Math_sqrt,
  log10: Math_log10,
} = Math;
export const { entries: Object_entries, keys: Object_keys } = Object;
export const { Map: a_Map, Set: a_Set, document: a_document } = globalThis;
// As properties: these names themselves are replaced here too.
export const performance_now = () => globalThis.performance.now();
export const a_setTimeout = (act, after) => globalThis.setTimeout(act, after);
export const a_clearTimeout = (timer) => globalThis.clearTimeout(timer);
