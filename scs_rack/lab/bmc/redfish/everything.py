"""All paths of the tree: importing this registers them."""

from scs_rack.lab.bmc.redfish import (  # noqa: F401 (each registers its paths)
    accounts,
    bios,
    certificates,
    chassis,
    events,
    logs,
    managers,
    media,
    parts,
    power,
    registries,
    root,
    sensors,
    sessions,
    shelf,
    systems,
    tasks,
    update,
)
