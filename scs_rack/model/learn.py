"""Put cables into the text of a rack file, and leave every other byte of it as it is. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from scs_rack.errors import UsageError

Pair = tuple[str, str]
"""Both ends of a cable, each DEVICE:PORT."""


@dataclass(frozen=True)
class Change:
    """What learning does to a rack file."""

    text: str
    """The new content."""
    added: tuple[Pair, ...]
    replaced: tuple[tuple[Pair, Pair], ...]
    """Planned and seen cable."""
    removed: tuple[Pair, ...]
    """Planned cables whose ports were seen with others that replaced another line."""


def learn(text: str, seen: Sequence[Pair], *, replace: bool = False) -> Change:
    """Add cables that were seen to a rack file.

    Args:
        text: the rack file.
        seen: cables, in the order in which they shall stand.
        replace: also change planned cables that contradict what was seen.

    Raises:
        UsageError: the cables are written in a way that can't be edited, or contradict what was seen.
    """
    sequence = _cables(text)
    items = [] if sequence is None else list(sequence.value)
    planned = [_pair(item) for item in items]
    new = [pair for pair in seen if frozenset(pair) not in {frozenset(one) for one in planned}]
    ends = {end: pair for pair in new for end in pair}
    differing = [number for number, pair in enumerate(planned) if any(end in ends for end in pair)]
    if differing and not replace:
        told = "".join(f"\n  planned {_item(planned[n])}, seen {_item(_seen(planned[n], ends))}" for n in differing)
        raise UsageError(
            f"{len(differing)} cables of the rack file are not where it says{told}",
            "move them (`scs-rack cable verify` says how), or write what is there with --replace",
        )
    edits: list[tuple[int, int, str]] = []
    replaced: list[tuple[Pair, Pair]] = []
    removed: list[Pair] = []
    used: set[Pair] = set()
    for number in differing:
        candidates = [ends[end] for end in planned[number] if end in ends and ends[end] not in used]
        item = items[number]
        if candidates:
            used.add(candidates[0])
            replaced.append((planned[number], candidates[0]))
            edits.append((item.start_mark.index, item.end_mark.index, _item(candidates[0])))
        else:
            removed.append(planned[number])
            start = text.rfind("\n", 0, item.start_mark.index) + 1
            edits.append((start, _line_end(text, item.end_mark.index), ""))
    added = [pair for pair in new if pair not in used]
    if added:
        edits.append(_insertion(text, sequence, added))
    for start, end, content in sorted(edits, reverse=True):
        text = text[:start] + content + text[end:]
    return Change(text, tuple(added), tuple(replaced), tuple(removed))


def _stated(text: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of `cables`, None when there is none."""
    top = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(top, yaml.MappingNode):
        raise UsageError("the rack file is no mapping", "`scs-rack validate` says what is wrong")
    return next(((key, value) for key, value in top.value if key.value == "cables"), None)


def _cables(text: str) -> yaml.SequenceNode | None:
    """The list of cables, None when there is none.

    Raises:
        UsageError: it is no list that can be edited.
    """
    stated = _stated(text)
    if stated is None or (isinstance(stated[1], yaml.ScalarNode) and stated[1].tag.endswith(":null")):
        return None
    found = stated[1]
    if not isinstance(found, yaml.SequenceNode) or (found.flow_style and found.value):
        raise UsageError("cables are not a list with one line for each", "write `- [DEVICE:PORT, DEVICE:PORT]` lines")
    return found


def _pair(item: yaml.Node) -> Pair:
    values = [str(end.value) for end in item.value] if isinstance(item, yaml.SequenceNode) else []
    if len(values) != 2 or not item.flow_style:  # type: ignore[attr-defined]
        line = item.start_mark.line + 1
        raise UsageError(f"line {line}: a cable that can't be edited", "write `- [DEVICE:PORT, DEVICE:PORT]`")
    return values[0], values[1]


def _item(pair: Pair) -> str:
    return f"[{pair[0]}, {pair[1]}]"


def _seen(planned: Pair, ends: dict[str, Pair]) -> Pair:
    return next(ends[end] for end in planned if end in ends)


def _line_end(text: str, index: int) -> int:
    """Where the line after the one that holds an index begins."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _insertion(text: str, sequence: yaml.SequenceNode | None, pairs: Sequence[Pair]) -> tuple[int, int, str]:
    """The edit that adds lines: below the last cable, below the empty `cables:`, or at the end of the file."""
    if sequence is not None and sequence.value:
        last = sequence.value[-1]
        line = text[text.rfind("\n", 0, last.start_mark.index) + 1 : last.start_mark.index]
        place = _line_end(text, last.end_mark.index)
        start = "" if text[:place].endswith("\n") else "\n"
        return place, place, start + "".join(f"{line}{_item(pair)}\n" for pair in pairs)
    lines = "".join(f"  - {_item(pair)}\n" for pair in pairs)
    stated = _stated(text)
    if stated is None:
        gap = "" if text.endswith("\n") else "\n"
        return len(text), len(text), f"{gap}\ncables:\n{lines}"
    key, value = stated
    colon = text.index(":", key.end_mark.index) + 1
    rest_at = value.end_mark.index if isinstance(value, yaml.SequenceNode) or value.value else colon
    end = _line_end(text, rest_at)
    rest = text[rest_at:end].rstrip("\n")  # a comment that stands there
    return colon, end, f"{rest if rest.strip() else ''}\n{lines}"
