"""Check a built site: check_site.py FOLDER. Every internal link has its target, every public name has its entry."""

import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import autograd


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.add(value or "")
            elif name == "id":
                self.anchors.add(value or "")


def wrong_links(pages: dict[Path, Page]) -> list[str]:
    """Return the links to files and anchors that are not there."""
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            lacks_anchor = parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            if not parts.scheme and not parts.netloc and (lacks_anchor or not target.exists()):
                wrong.append(f"{path}: no target of the link {link}")
    return wrong


def missing_names(pages: dict[Path, Page]) -> list[str]:
    """Return the public names without an entry."""
    entries = {anchor for page in pages.values() for anchor in page.anchors if anchor.startswith("autograd.")}
    last = {entry.rpartition(".")[2] for entry in entries}
    package = Path(autograd.__file__).parent
    modules = [f"autograd.{path.stem}" for path in package.glob("*.py") if not path.stem.startswith("_")]
    names = [f"{name}.{public}" for name in modules for public in import_module(name).__all__]
    missing = [name for name in names if name not in entries]
    missing += [f"autograd.{name}" for name in autograd.__all__ if name not in last and not name.startswith("__")]
    return [f"the reference lacks {name}" for name in missing]


pages = {path: Page(path) for path in sorted(Path(sys.argv[1]).resolve().rglob("*.html"))}
wrong = wrong_links(pages) + missing_names(pages)
print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links")
sys.exit("\n".join(wrong[:50]) or None)
