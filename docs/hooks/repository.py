"""Pages of the repository as pages of a site: the README is the first, and links keep working.

A link to a published report leads to a copy of it in the site. A link to another file of the
repository leads there where ``repo_url`` is set; otherwise it is printed as the file's name.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
#: Copied into the site.
PUBLISHED = "reports/reference/"

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the README and the published reports."""
    files.append(
        File.generated(config, "index.md", content=(ROOT / "README.md").read_text("utf-8"))
    )
    for path in sorted((ROOT / PUBLISHED).rglob("*")):
        if path.is_file() and path.suffix in (".html", ".pdf", ".parquet", ".json", ".csv"):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Rewrite the links of a page, from places in the repository to places in the site."""
    source = page.file.src_uri
    here = "" if source == "index.md" else posixpath.dirname(f"docs/{source}")

    def rewritten(found: re.Match[str]) -> str:
        image, text, target = found.groups()
        path, mark, anchor = target.partition("#")
        if not path or ":" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join(here, path))
        if path == "README.md":
            path = "docs/index.md"
        inside = path.removeprefix("docs/") if path.startswith("docs/") else path
        if files.get_file_from_path(inside) is not None:
            relative = posixpath.relpath(inside, posixpath.dirname(source) or ".")
            return f"{image}[{text}]({relative}{mark}{anchor})"
        if not (ROOT / path).exists():
            return found[0]  # is reported as a link that leads nowhere
        if config.repo_url:
            return f"{image}[{text}]({config.repo_url.rstrip('/')}/blob/main/{path}{mark}{anchor})"
        return text if path in text or "`" in text else f"{text} (`{path}`)"

    return _LINK.sub(rewritten, markdown)
