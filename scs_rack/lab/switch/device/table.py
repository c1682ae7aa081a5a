"""Tables as text, in the two forms that SONiC's `show` prints."""

from collections.abc import Sequence

GAP = "  "
PADDING = 2
"""A column is at least that much wider than its name."""


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-").isdigit()


def _right(rows: Sequence[Sequence[str]], column: int) -> bool:
    """A column of numbers is aligned right."""
    cells = [line for row in rows for line in row[column].split("\n") if line]
    return bool(cells) and all(_is_number(cell) for cell in cells)


def simple(header: Sequence[str], rows: Sequence[Sequence[object]], *, right: bool = False) -> str:
    """Columns with a line of dashes below the header; `right` aligns text right too."""
    cells = [[_text(value) for value in row] for row in rows]
    widths = [max(len(name) + PADDING, *(len(row[i]) for row in cells), 0) for i, name in enumerate(header)]
    rights = [right or _right(cells, i) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        parts = [
            f"{value:>{width}}" if to_right else f"{value:<{width}}"
            for value, width, to_right in zip(row, widths, rights, strict=True)
        ]
        return GAP.join(parts).rstrip()

    return "\n".join([line(header), GAP.join("-" * width for width in widths), *(line(row) for row in cells)])


def grid(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with a frame; cells may have several lines."""
    cells = [[_text(value) for value in row] for row in rows]
    widths = [
        max(len(name) + PADDING, *(len(one) for row in cells for one in row[i].split("\n")), 0)
        for i, name in enumerate(header)
    ]
    rights = [_right(cells, i) for i in range(len(header))]

    def rule(mark: str) -> str:
        return "+" + "+".join(mark * (width + 2) for width in widths) + "+"

    def lines(row: Sequence[str]) -> list[str]:
        parts = [value.split("\n") for value in row]
        height = max(len(part) for part in parts)
        found = []
        for number in range(height):
            texts = [part[number] if number < len(part) else "" for part in parts]
            padded = [
                f" {text:>{width}} " if to_right else f" {text:<{width}} "
                for text, width, to_right in zip(texts, widths, rights, strict=True)
            ]
            found.append(f"|{'|'.join(padded)}|")
        return found

    out = [rule("-"), *lines(header), rule("=")]
    for row in cells:
        out += [*lines(row), rule("-")]
    return "\n".join(out)
