"""A small SVG canvas in millimetres: the same calls give the same bytes."""

from xml.sax.saxutils import escape, quoteattr

Style = dict[str, str | float | None]
"""Attributes of an element; underscores stand for hyphens."""

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"


def number(value: float) -> str:
    """A length in as few characters as possible, to a hundredth of a millimetre."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def _attributes(values: Style) -> str:
    parts = []
    for key, value in values.items():
        if value is not None:
            text = value if isinstance(value, str) else number(value)
            parts.append(f" {key.rstrip('_').replace('_', '-')}={quoteattr(text)}")
    return "".join(parts)


class Drawing:
    """Collects shapes. Lengths are millimetres from the upper left corner."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.width, self.height = width, height
        self.title, self.description = title, description
        self.parts: list[str] = []

    def add(self, element: str, **attributes: str | float | None) -> None:
        """Add any empty element."""
        self.parts.append(f"<{element}{_attributes(attributes)}/>")

    def rect(self, x: float, y: float, width: float, height: float, **style: str | float | None) -> None:
        """Add a rectangle."""
        self.add("rect", x=x, y=y, width=width, height=height, **style)

    def line(self, start: tuple[float, float], end: tuple[float, float], **style: str | float | None) -> None:
        """Add a line."""
        self.add("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], **style)

    def text(self, x: float, y: float, content: str, size: float = 2.4, **style: str | float | None) -> None:
        """Add one line of text; y is its base line."""
        values = _attributes({"x": x, "y": y, "font_size": size, **style})
        self.parts.append(f"<text{values}>{escape(content)}</text>")

    def tip(self, content: str) -> None:
        """Begin a group whose tool tip a browser shows; end it with `end`."""
        self.parts.append(f"<g><title>{escape(content)}</title>")

    def end(self) -> None:
        """End a group."""
        self.parts.append("</g>")

    def svg(self) -> str:
        """The whole file."""
        size = f'width="{number(self.width)}mm" height="{number(self.height)}mm"'
        box = f'viewBox="0 0 {number(self.width)} {number(self.height)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="{FONT}" fill="#1d2733" role="img">'
        paper = f'<rect width="{number(self.width)}" height="{number(self.height)}" fill="#fff"/>'
        names = [f"<title>{escape(self.title)}</title>", f"<desc>{escape(self.description)}</desc>"]
        return "\n".join([head, *names, paper, *self.parts, "</svg>", ""])


def shorten(text: str, width: float, size: float) -> str:
    """Text cut to what fits into a width, by the usual breadth of a sans-serif letter."""
    fits = max(int(width / (size * 0.54)), 1)
    return text if len(text) <= fits else text[: fits - 1].rstrip() + "…"


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines of words that fit into a width."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and len(longer) * size * 0.5 <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
