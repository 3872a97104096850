"""The documentation builds without a warning, and needs no other host when it is read.

Without executing the notebooks, which `test_notebooks` and `make docs` do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import ezmsg.core
import pytest

import ezmsg_nb

ROOT = Path(__file__).resolve().parent.parent
LOADING = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src")}

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not ezmsg.core.__version__.startswith("3.9."),
        reason="built on one line only: the build writes into docs/",
    ),
]


class _Loaded(HTMLParser):
    """What a page asks for by itself, without a click."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if (tag, name) in LOADING]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, but for the outputs of the notebooks."""
    target = tmp_path_factory.mktemp("docs") / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", target],
        cwd=ROOT,
        env={**os.environ, "EZMSG_NB_DOCS_EXECUTE": "off"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return target


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loaded = _Loaded()
        loaded.feed(page.read_text("utf-8"))
        outside = [one for one in loaded.addresses if re.match(r"(\w+:)?//", one)]
        assert outside == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text("utf-8"))


def test_every_public_name_is_described(site: Path) -> None:
    page = (site / "api.html").read_text("utf-8")
    for name in ezmsg_nb.__all__:
        assert f'id="ezmsg_nb.{name}"' in page, name
