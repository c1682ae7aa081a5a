"""Layer cloud-objects: what administrators alone can make, and the rack file does not have; and services shut by hand.

What is missing or different in what the rack file has is told by the plan of stage `resources`.
"""

from collections.abc import Iterator
from typing import Any

from scs_rack.bmc.drain import drained
from scs_rack.clouds import clouds_file
from scs_rack.days import kept
from scs_rack.drift.layers import Blind, Drift, Layer
from scs_rack.engine.stage import Context
from scs_rack.provision.guest import guest_image
from scs_rack.resources.ensure import connect
from scs_rack.resources.wanted import Wanted, wanted
from scs_rack.stages.cloud import failures

DEFAULT_TYPE = "__DEFAULT__"
"""Cinder's own volume type."""


def look(ctx: Context) -> Layer:
    """Ask the APIs as the administrator; a limit to some devices leaves this out."""
    layer = Layer("cloud-objects")
    if ctx.limit is not None:
        return layer
    target = wanted(ctx.design, guest_image().path, ctx.rack_dir)
    try:
        cloud = connect(clouds_file(ctx.state_dir), "admin")
        layer.drifts += beyond(cloud, target)
        layer.drifts += shut(cloud, [*drained(ctx.state_dir).get("compute", []), *kept.known(ctx.state_dir)])
    except failures() as error:
        layer.blind.append(Blind(ctx.design.api.host, " ".join(str(error).split())[:300]))
    return layer


def beyond(cloud: Any, target: Wanted) -> Iterator[Drift]:
    """Public flavors, public images, volume types and external networks that the rack file does not have."""
    hint = "delete it when nobody uses it, or state it in the rack file"
    offered = {
        "flavor": (
            {one.name for one in cloud.compute.flavors(is_public=None) if one.is_public},
            {one.name for one in target.flavors},
        ),
        "image": (
            {one.name for one in cloud.image.images(visibility="public", status="active")},
            {one.name for one in target.images},
        ),
        "volume type": (
            {one.name for one in cloud.block_storage.types()} - {DEFAULT_TYPE},
            {one.name for one in target.volume_types},
        ),
        "external network": (
            {one.name for one in cloud.network.networks(is_router_external=True)},
            {one.name for one in target.networks},
        ),
    }
    for kind, (seen, stated) in offered.items():
        for name in sorted(seen - stated):
            yield Drift("cloud", f"{kind} {name}", "what the rack file offers", "one more", hint=hint)


def shut(cloud: Any, kept: list[str]) -> Iterator[Drift]:
    """Services that are disabled, but for those that `scs-rack` disabled and will enable again."""
    rows = [(f"{one.binary} on {one.host}", str(one.host), one.status) for one in cloud.compute.services()]
    rows += [(f"{one.binary} on {one.host}", str(one.host), one.status) for one in cloud.block_storage.services()]
    for what, host, status in rows:
        if status != "enabled" and host.partition(".")[0] not in kept:
            yield Drift("cloud", what, "enabled", str(status), hint="enable it when its host is fit for service again")
