"""How long the pages are: `python book/tools/size.py` prints their words and displayed equations.

Words are what is read: text, headings, captions and tables of the page's source. Code, formulas,
raw HTML, what cells print, and what is folded (`:class: dropdown`) do not count.
"""

import re
from pathlib import Path

FENCE = re.compile(r"^(`{3,}|:{3,})(?:\{([\w:-]+)\})?(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
CAPTION = re.compile(r"^ +caption: \|\n((?: {6}.*\n)+)", re.MULTILINE)
READ = ("admonition", "container", "exercise", "glossary", "important", "margin", "note", "tip")
# Front matter, formulas, tags, addresses of links, options of directives, what a role is.
UNREAD = r"\A---\n.*?\n---\n|\$+[^$]+\$+|<[^>\n]+>|\]\([^)\s]*\)|^:[\w-]+:|\{[\w:]+\}(?=`)"
WORD = re.compile(r"`[^`]+`|[^\s`|]*\w[^\s`|]*")
EQUATION = re.compile(r"^ *`{3,}\{(?:glue:)?math\}|^\$\$.+?\$\$", re.MULTILINE | re.DOTALL)


def article(source: str) -> str:
    """A page's source without what does not count."""
    return re.sub(UNREAD, " ", FENCE.sub(read, source), flags=re.MULTILINE | re.DOTALL)


def read(fence: re.Match[str]) -> str:
    """What is read of a fenced block, or of the blocks inside it."""
    if fence[2] == "code-cell":
        return " ".join(CAPTION.findall(fence[3]))
    folded = "class: dropdown" in fence[3] or fence[2] not in READ
    return "" if folded else FENCE.sub(read, fence[3])


def size(source: str) -> tuple[int, int]:
    """The words and the displayed equations of a page's source."""
    return len(WORD.findall(article(source))), len(EQUATION.findall(source))


if __name__ == "__main__":
    for page in sorted(Path(__file__).parents[1].glob("*.md")):
        print("{:6,} words {:4} equations  {}".format(*size(page.read_text("utf-8")), page.name))
