/**
 * Version of what kernel and browser say to each other, in traits and messages.
 *
 * `ezmsg_nb/front_end.py` holds the same number. They differ when the package was upgraded under
 * an open page: the page still runs the old bundle and has to be loaded again.
 */
export const PROTOCOL = 1;

export function protocolMismatch(kernelProtocol: unknown): string | null {
  if (kernelProtocol === PROTOCOL) return null;
  return (
    "This page runs another version of ezmsg-nb than the kernel. " +
    "Save the notebook and reload the page."
  );
}
