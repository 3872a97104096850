/** Distances of the layout, in the drawing's units (px at scale 1). */
export const SPACING = {
  box: 22,
  line: 10,
  track: 9,
  /** Room for a rate label where a line leaves its port. */
  label: 60,
  /** Room before a port, for the head of the arrow. */
  arrow: 18,
  borderGap: 14,
  corridor: 14,
  /** Between two rows, without the tracks in the corridor. */
  row: 18,
} as const;
