"""The documentation builds into a site in which every link leads somewhere."""

from __future__ import annotations

import posixpath
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


class _Links(HTMLParser):
    """What a page links to and loads, and the places in it that can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in ("img", "script", "link") and values.get("rel") != "canonical":
            self.loaded.append(values.get("src") or values.get("href", ""))
        if "id" in values:
            self.places.add(values["id"])


def read(page: Path) -> _Links:
    links = _Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def test_every_page_is_there_and_in_the_navigation(site: Path) -> None:
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 10
    linked = {unquote(link) for link in read(site / "index.html").links}
    for page in pages:
        name = page.with_suffix("").as_posix()
        assert (site / name / "index.html").is_file()
        assert f"{name}/" in linked


def test_links_lead_to_files_and_places_of_the_site(site: Path) -> None:
    checked = 0
    pages = [page for page in site.rglob("*.html") if "reports" not in page.parts]
    for page in pages:
        if page.name == "404.html":  # its links are of the site's address
            continue
        found = read(page)
        for link in (*found.links, *found.loaded):
            parts = urlsplit(link)
            if not parts.scheme and not parts.path:
                assert not parts.fragment or parts.fragment in found.places, (page, link)
            if parts.scheme or not parts.path:
                continue
            folder = page.parent.relative_to(site).as_posix()
            target = site / posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (page, link)
            if parts.fragment and target.suffix == ".html":
                assert parts.fragment in read(target).places, (page, link)
            checked += 1
    assert checked > 200


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in read(page).loaded:
            assert not urlsplit(address).netloc, (page, address)
