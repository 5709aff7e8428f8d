"""Markdown as HTML. Markup in it is text, and is escaped: what comes from files stays text."""
from markdown_it import MarkdownIt
from markupsafe import Markup


def to_html(text):
    """HTML of Markdown; links and pictures stay text, since a page must load nothing."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(
        ["link", "image", "autolink", "reference", "entity", "code", "heading", "lheading"])
    parser.renderer.rules["table_open"] = lambda *args: '<div class="box" tabindex="0"><table>\n'
    parser.renderer.rules["table_close"] = lambda *args: "</table></div>\n"
    return Markup(parser.render(text))
