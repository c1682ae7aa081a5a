"""A backup is taken: part after part, each sealed as it comes; a part that fails costs no other."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scs_rack import __version__
from scs_rack.backup import manager, pipe
from scs_rack.backup.shelf import Backup, Draft
from scs_rack.backup.sources import MANAGER, SOURCES, SWITCHES, Source
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, ScsRackError, StageFailed, Unreachable
from scs_rack.sonic.backup import Kept
from scs_rack.sonic.backup import take as running
from scs_rack.sonic.transport import on_all, switches

Said = Callable[[str, str], None]
"""Told the name of a part, and what becomes of it."""


def take(ctx: Context, folder: Path, password: bytes, parts: Sequence[str], said: Said) -> Backup:
    """Take a backup of some parts, while the rack is held.

    Raises:
        Interrupted: the operator stopped it; nothing is left of it.
    """
    draft = Draft(folder, ctx.design.rack.name, password)
    try:
        for name in parts:
            said(name, "begun")
            try:
                said(name, _part(ctx, draft, name))
            except Interrupted:
                raise
            except ScsRackError as error:
                draft.failed(name, error.message)
                said(name, f"failed: {error.message}")
            except OSError as error:
                draft.failed(name, str(error))
                said(name, f"failed: {error}")
        return draft.finish(__version__)
    except BaseException:
        draft.drop()
        raise


def _part(ctx: Context, draft: Draft, name: str) -> str:
    """Take one part; returns where it came from."""
    if name == MANAGER:
        with draft.part(name, "manager", {}) as sealed:
            return f"{manager.pack(sealed, ctx.rack_dir, ctx.state_dir)} files"
    if name == SWITCHES:
        return _switches(ctx, draft)
    return _node(ctx, draft, next(one for one in SOURCES if one.name == name))


def _node(ctx: Context, draft: Draft, source: Source) -> str:
    """A part that a node gives: the first that can be asked and does not refuse."""
    why: list[str] = []
    for host in source.hosts(ctx.design):
        try:
            with draft.part(source.name, host, {}) as sealed:
                pipe.fetch(ctx, host, source.argv(host), sealed.write)
                if not sealed.size:
                    raise StageFailed(f"{host} gave nothing")
        except (Unreachable, StageFailed) as error:
            why.append(error.message)
            continue
        return f"from {host}"
    raise StageFailed("; ".join(why) or "no server for it in the rack file")


def _switches(ctx: Context, draft: Draft) -> str:
    """Configurations of all switches that answer; a silent one is named, and costs no other."""
    answers = on_all(switches(ctx), running)
    kept = {name: one for name, one in answers.items() if isinstance(one, Kept)}
    silent = {name: one.message for name, one in answers.items() if isinstance(one, ScsRackError)}
    if not kept:
        raise StageFailed("; ".join(silent.values()) or "the rack file has no switch")
    with draft.part(SWITCHES, "switches", {"switches": sorted(kept)}) as sealed:
        _pack(sealed, kept)
    if silent:
        draft.failed(f"{SWITCHES}: {', '.join(silent)}", "; ".join(silent.values()))
    return ", ".join(kept)


def _pack(out: Any, kept: Mapping[str, Kept]) -> None:
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for name, one in kept.items():
            _text(tar, f"{name}.json", json.dumps(one.tables, indent=4, sort_keys=True) + "\n")
            if one.frr is not None:
                _text(tar, f"{name}.frr.conf", one.frr)


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))
