"""axe-core in a page: what it finds that keeps somebody out."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """
async (selector) => {
  const found = await axe.run(selector, { resultTypes: ["violations"] });
  return found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.impact} ${one.id}: ${one.help}: `
      + one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; "));
}
"""


def serious_violations(page: Page, selector: str) -> list[str]:
    """What axe-core calls serious or critical in the elements that a selector names."""
    # Evaluated, not added as a script element, which a page's policy may forbid.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(_RUN, selector)
    return found
