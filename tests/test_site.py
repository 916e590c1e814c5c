"""What holds for the pages of the site before they are built; ``make docs-test`` builds the site and tests it."""

import inspect
import re
import sys
from itertools import chain
from pathlib import Path

import _examples
import _site

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")}
WRITTEN = {"api/index", "benchmarks/index", "gallery/index", "methods"}  # by the build


def anchors(text: str) -> set[str]:
    """What links may say of the headings of a page."""
    titles = re.findall(r"^#{1,3} (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def leads_somewhere(target: str) -> bool:
    """Whether a link of a page in docs has a file behind it, or is written by the build, and the heading it names."""
    page, _, anchor = target.partition("#")
    name = page.rpartition(".")[0]
    if name.startswith("gallery/") and name not in WRITTEN:
        return (DOCS.parent / "examples" / f"{Path(name).name}.py").is_file()
    if name.startswith("benchmarks/") and name not in WRITTEN:
        return (DOCS.parent / "benchmarks" / Path(name).name.replace("-", "/") / "RESULTS.md").is_file()
    if name in WRITTEN or name.startswith("api/"):
        return True
    return (DOCS / page).exists() and (not anchor or name not in PAGES or anchor in anchors(PAGES[name]))


def test_links_of_the_pages_lead_to_pages_and_headings() -> None:
    broken = []
    for name, text in PAGES.items():
        prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose)
        links = [f"{name}.md{link}" if link.startswith("#") else link for link in links]
        broken += [(name, link) for link in links if not leads_somewhere(link)]
    assert broken == []


def test_every_example_is_linked_from_the_guide() -> None:
    linked = re.findall(r"\]\(gallery/(\w+)\.rst\)", "".join(PAGES.values()))
    assert {path.stem for path in (DOCS.parent / "examples").glob("*.py")} - set(linked) == set()


def test_every_page_is_in_the_table_of_contents() -> None:
    trees = re.findall(r"```{toctree}\n(.*?)```", "\n".join(PAGES.values()), flags=re.DOTALL)
    listed = {line.strip() for tree in trees for line in tree.splitlines()}
    api = {"parameters"}  # stands in the API reference
    assert set(PAGES) - listed - api - WRITTEN == {"index"}


def test_every_public_name_has_an_example_and_one_place_in_the_reference() -> None:
    without, elsewhere = [], []
    for module_name, names in _site.public_names().items():
        module, groups = sys.modules[module_name], _site.groups_of(module_name)
        elsewhere += [module_name] if sorted(chain(*groups.values())) != sorted(names) else []
        for name in set(names) - set(groups.get(_site.WITHIN, [])):
            in_docstring = ">>> " in (inspect.getdoc(getattr(module, name)) or "")
            if not in_docstring and not _examples.example_of(f"{module_name}.{name}"):
                without.append(f"{module_name}.{name}")
    assert without == []
    assert elsewhere == []
