"""Makes the README's picture from the real thing: ``python tests/browser/readme_picture.py``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jupyter_lab import chromium, jupyter_lab, notebook_page

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "quickstart.png"
CELLS = (
    "import ezmsg_nb as ezn\n\ng = ezn.demo()\ng",
    'g.settings.form("LP")',
)


def main() -> None:
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, jupyter_lab(Path(home) / "lab") as lab:
        lab.write_notebook("pipeline.ipynb", CELLS)
        with chromium() as browser, notebook_page(browser, lab, "pipeline.ipynb") as page:
            page.page.set_viewport_size({"width": 1200, "height": 1170})
            page.page.keyboard.press("Control+b")
            page.run_all()
            box = page.page.locator('[data-field="cutoff"]').get_by_role("textbox").first
            box.fill("30")
            box.press("Enter")
            page.page.locator('[data-field="cutoff"][data-state="applied"]').wait_for()
            page.page.locator('[data-ezmsg-nb="topology"] [data-rate-of]').first.wait_for(
                state="attached"
            )
            page.page.wait_for_timeout(1500)
            page.page.screenshot(path=PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
