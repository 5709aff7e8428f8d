"""The little Markdown that facekp itself writes, as HTML: paragraphs, lists, tables, emphasis.

Everything else is text, and is escaped: what comes from files cannot become markup.
"""
import re

from markupsafe import Markup, escape

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*")
_CELL = re.compile(r"((?:\\[\\|]|[^|])*)(?:\||$)")
_RULE = re.compile(r"\|?[\s:|-]*-[\s:|-]*\|?")


def to_html(text):
    """HTML of paragraphs, lists and tables that have an empty line between them.

    Parameters
    ----------
    text : str

    Returns
    -------
    markupsafe.Markup
    """
    blocks = [block.strip() for block in re.split(r"\n[ \t]*\n", text)]
    return Markup("\n").join(map(_block, filter(None, blocks)))


def _block(block):
    if block.startswith("|"):
        return _table(block)
    if block.startswith("* "):
        items = re.split(r"^\* ", block, flags=re.MULTILINE)[1:]
        return Markup("<ul>{}</ul>").format(Markup().join(
            Markup("<li>{}</li>").format(inline(item.strip())) for item in items))
    return Markup("<p>{}</p>").format(inline(block))


def inline(text):
    """HTML of a paragraph's or a cell's text.

    Parameters
    ----------
    text : str

    Returns
    -------
    markupsafe.Markup
    """
    html, end = Markup(), 0
    for found in _INLINE.finditer(text):
        html += escape(text[end:found.start()])
        code, strong, em = found.groups()
        tag, inner = (("code", code) if code else ("strong", strong) if strong else ("em", em))
        html += Markup(f"<{tag}>{{}}</{tag}>").format(inner)
        end = found.end()
    return html + escape(text[end:])


def _table(block):
    header, *rows = (_cells(line.strip()) for line in block.splitlines()
                     if not _RULE.fullmatch(line.strip()))
    head = Markup().join(Markup('<th scope="col">{}</th>').format(cell) for cell in header)
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(Markup().join(Markup("<td>{}</td>").format(cell)
                                                   for cell in row)) for row in rows)
    return Markup('<div class="box" tabindex="0"><table>\n<thead><tr>{}</tr></thead>\n'
                  "<tbody>\n{}\n</tbody></table></div>").format(head, body)


def _cells(line):
    """HTML of a table row's cells; a bar after a backslash, and a backslash after one, is text."""
    *cells, _ = _CELL.findall(line[line.startswith("|"):])  # the last is what follows the end
    return [inline(re.sub(r"\\([\\|])", r"\1", cell).strip()) for cell in cells]
