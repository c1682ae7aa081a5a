"""All racks of a site, a bounded number at a time."""

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from scs_rack.engine.stage import Stop
from scs_rack.model.site_file import Loaded, Member
from scs_rack.sites.follow import AGAIN, Follow, Told
from scs_rack.sites.outcome import Outcome
from scs_rack.sites.ticket import Action


@dataclass(frozen=True)
class Errand:
    """What shall be done for each rack."""

    action: Action
    words: tuple[str, ...]
    """Command line of scs-rack for each rack, without `-r`."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def together(loaded: Loaded, members: Sequence[Member], errand: Errand, told: Told, stop: Stop) -> list[Outcome]:
    """Do an errand for racks, so many at a time as the site file says.

    Args:
        loaded: the site.
        members: its racks that are meant.
        errand: what shall be done.
        told: hears of what changes, from many threads.
        stop: asked for once, the runs that go on are asked to stop and no other is begun; twice, they are left alone.

    Returns:
        What became of each, in the order of the members.
    """
    patience = float(loaded.site.link_patience_s)
    works = [Follow(member, loaded.file.parent, patience, told, stop) for member in members]
    over = threading.Event()
    if errand.action == "run":
        threading.Thread(target=_ask, args=(works, errand.id, stop, over), daemon=True).start()
    try:
        with ThreadPoolExecutor(max_workers=loaded.site.at_once, thread_name_prefix="rack") as pool:
            begun = [pool.submit(work.run, errand.id, errand.action, errand.words) for work in works]
            return [one.result() for one in begun]
    finally:
        over.set()


def _ask(works: Sequence[Follow], identity: str, stop: Stop, over: threading.Event) -> None:
    """Pass the operator's wish to stop on to each run, once; one that is only just begun is asked a moment later."""
    while not stop.requested.wait(0.5):
        if over.is_set():
            return
    left = list(works)
    while left and not over.wait(0.1):
        left = [work for work in left if work.outcome.code is None]
        with ThreadPoolExecutor(max_workers=len(works)) as pool:
            asked = list(pool.map(lambda work: work.outcome.state != "waiting" and work.ask(identity), left))
        left = [work for work, done in zip(left, asked, strict=True) if not done]
        over.wait(AGAIN)
