"""How Ceph spreads copies, and how many placement groups its pools get."""

import math

from scs_rack.design.types import NodeDesign, Pool, Storage
from scs_rack.model import Rack

_SHARES = {"volumes": 8, "vms": 4, "images": 2, "backups": 4}
"""How the data of block devices is expected to divide over pools: weights, not sizes."""
_OBJECT_DATA = ("default.rgw.buckets.data", 4)
_OBJECT_NAMES = {
    "default.rgw.buckets.index": 8,
    "default.rgw.log": 8,
    ".rgw.root": 2,
    "default.rgw.control": 2,
    "default.rgw.meta": 2,
    "default.rgw.buckets.non-ec": 2,
    "default.rgw.otp": 2,
}
"""Pools of the RADOS gateway's zone `default` that hold names and logs, and next to no data: placement groups."""
_LEAST = 8
_MOST = 32768


def placement_groups(osds: int, replicas: int, share: float, per_osd: int) -> int:
    """Placement groups of a pool: the power of two that is nearest (by ratio) to its share of what the OSDs can bear.

    Args:
        osds: number of OSDs.
        replicas: copies of each object; each occupies a placement group of another OSD.
        share: part of all data that is expected in this pool, 0 to 1.
        per_osd: placement groups that each OSD should bear in all.
    """
    target = max(osds, 1) * per_osd * share / replicas
    return min(max(1 << round(math.log2(max(target, 1))), _LEAST), _MOST)


def storage(rack: Rack, nodes: dict[str, NodeDesign]) -> Storage:
    """Pools for block devices, and those of object storage where the rack file asks for it."""
    options = rack.cloud.ceph
    hosts = [node for node in nodes.values() if node.in_service and "storage" in node.roles]
    osds = sum(disk.use == "osd" for node in hosts for disk in node.disks.values())
    stated = {node.name: rack.servers[node.name].failure_domain for node in hosts}
    places = {name: place for name, place in stated.items() if place is not None}
    objects = "swift" in rack.cloud.services
    shares = _SHARES | dict([_OBJECT_DATA] if objects else [])
    pools = [
        Pool(
            name,
            "rgw" if name == _OBJECT_DATA[0] else "rbd",
            options.pg_num
            or placement_groups(osds, options.replicas, share / sum(shares.values()), options.pgs_per_osd),
            exact=options.pg_num is not None,
        )
        for name, share in shares.items()
    ]
    small = [Pool(name, "rgw", pg_num, exact=False) for name, pg_num in _OBJECT_NAMES.items()]
    return Storage(
        failure_domain="rack" if len(set(places.values())) >= max(options.replicas, 2) else "host",
        places=places,
        pools=(*pools, *(small if objects else ())),
    )
