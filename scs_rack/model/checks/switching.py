"""Checks of switches' options against their releases, and of numbers that belong together."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Path, Problem
from scs_rack.model.switching import Switching, overlaid

SPANNING_TREE_RELEASE = SEARCH_RELEASE = "202511"
"""First release with these tables."""
RESERVED = frozenset({"root", "admin"})
"""Accounts of switches that are not the rack file's: scs-rack itself logs in by them."""


def _effective(draft: Draft) -> Iterator[tuple[str, Switching]]:
    """Each switch with its options, those of the rack included."""
    if draft.switching is None or not draft.whole("switching"):
        return
    for name, switch in draft.switches.items():
        if not draft.torn("switches", name, "switching"):
            yield name, overlaid(draft.switching, switch.switching) if switch.switching else draft.switching


def _stated(draft: Draft) -> Iterator[tuple[Path, Switching]]:
    """Each place where options are stated."""
    if draft.switching:
        yield ("switching",), draft.switching
    for name, switch in draft.switches.items():
        if switch.switching:
            yield ("switches", name, "switching"), switch.switching


def spanning_tree(draft: Draft, switch: str) -> bool:
    """True if a switch breaks loops of the out-of-band network."""
    options = dict(_effective(draft)).get(switch)
    return bool(options and options.out_of_band.spanning_tree and draft.switches[switch].role == "oob")


def switch_release(draft: Draft) -> Iterator[Problem]:
    """A switch's release has what is asked of it."""
    for name, options in _effective(draft):
        release, path = draft.switches[name].release, ("switches", name, "release")
        wants_tree = draft.switches[name].role == "oob" and options.out_of_band.spanning_tree
        if wants_tree and release < SPANNING_TREE_RELEASE:
            hint = f"run {SPANNING_TREE_RELEASE} or newer, or leave `out_of_band.spanning_tree` out"
            yield Problem(path, "the release has no spanning tree", hint, release)
        if options.dns and options.dns.search and release < SEARCH_RELEASE:
            hint = f"run {SEARCH_RELEASE} or newer, or leave `dns.search` out for it"
            yield Problem(path, "the release has no search domains", hint, release)


def switch_mtu(draft: Draft) -> Iterator[Problem]:
    """Ports of leaves and spines carry what the underlay sends."""
    if not draft.pools:
        return
    for path, options in _stated(draft):
        if options.mtu < draft.pools.tunnel_mtu:
            hint = f"pools.tunnel_mtu is {draft.pools.tunnel_mtu}"
            yield Problem((*path, "mtu"), "the MTU of ports is below that of the underlay", hint, str(options.mtu))


def switch_users(draft: Draft) -> Iterator[Problem]:
    """Users of switches are people, not the accounts that scs-rack needs itself."""
    for path, options in _stated(draft):
        for name in options.users or ():
            if name in RESERVED:
                hint = "scs-rack logs in by it; give each person an account of their own"
                yield Problem((*path, "users", name), "the name is reserved", hint, "")


def roce_classes(draft: Draft) -> Iterator[Problem]:
    """Storage and its congestion notifications are told apart, and marking begins before it ends."""
    for path, options in _stated(draft):
        roce = options.roce
        if roce and roce.dscp in (roce.cnp_dscp, 48, 56):
            hint = "48, 56 and `cnp_dscp` go first, before all else; choose another one"
            yield Problem((*path, "roce", "dscp"), "storage can't have this marking", hint, str(roce.dscp))
        if roce and roce.ecn_min > roce.ecn_max:
            hint = f"ecn_max is {roce.ecn_max}"
            yield Problem((*path, "roce", "ecn_min"), "marking would begin after it ends", hint, str(roce.ecn_min))
