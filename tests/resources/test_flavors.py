"""The mandatory flavors are those of scs-0103, value for value."""

import pytest

from scs_rack.resources.flavors import flavor, mandatory_flavors

# vCPU, RAM in MiB, disk in GB, scs:cpu-type, scs:disk0-type, scs:name-v1: the table of the standard
STANDARD = {
    "SCS-1V-4": (1, 4096, 0, "shared-core", None, "SCS-1V:4"),
    "SCS-2V-8": (2, 8192, 0, "shared-core", None, "SCS-2V:8"),
    "SCS-4V-16": (4, 16384, 0, "shared-core", None, "SCS-4V:16"),
    "SCS-8V-32": (8, 32768, 0, "shared-core", None, "SCS-8V:32"),
    "SCS-1V-2": (1, 2048, 0, "shared-core", None, "SCS-1V:2"),
    "SCS-2V-4": (2, 4096, 0, "shared-core", None, "SCS-2V:4"),
    "SCS-4V-8": (4, 8192, 0, "shared-core", None, "SCS-4V:8"),
    "SCS-8V-16": (8, 16384, 0, "shared-core", None, "SCS-8V:16"),
    "SCS-16V-32": (16, 32768, 0, "shared-core", None, "SCS-16V:32"),
    "SCS-1V-8": (1, 8192, 0, "shared-core", None, "SCS-1V:8"),
    "SCS-2V-16": (2, 16384, 0, "shared-core", None, "SCS-2V:16"),
    "SCS-4V-32": (4, 32768, 0, "shared-core", None, "SCS-4V:32"),
    "SCS-1L-1": (1, 1024, 0, "crowded-core", None, "SCS-1L:1"),
    "SCS-2V-4-20s": (2, 4096, 20, "shared-core", "ssd", "SCS-2V:4:20s"),
    "SCS-4V-16-100s": (4, 16384, 100, "shared-core", "ssd", "SCS-4V:16:100s"),
}


def test_exactly_the_mandatory_flavors() -> None:
    made = {}
    for one in mandatory_flavors():
        specs = dict(one.extra_specs)
        assert specs["scs:name-v2"] == one.name
        made[one.name] = (
            one.vcpus,
            one.ram,
            one.disk,
            specs["scs:cpu-type"],
            specs.get("scs:disk0-type"),
            specs["scs:name-v1"],
        )
    assert made == STANDARD


@pytest.mark.parametrize("name", ["SCS-2V", "m1.small", "SCS-2X-4", "SCS-2V-4-20n", "scs-2v-4", "SCS-2V-4 "])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="mandatory SCS flavor"):
        flavor(name)
