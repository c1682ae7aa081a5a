"""The mandatory flavors are those of scs-0103, value for value; the operator's own are what they say."""

from types import SimpleNamespace

import pytest

from scs_rack.errors import StageFailed
from scs_rack.model.flavor_name import BadName
from scs_rack.model.flavors import Flavor as Stated
from scs_rack.model.flavors import FlavorOptions
from scs_rack.resources.flavors import Flavor, flavor, flavors, wanted_flavors

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
    for one in wanted_flavors(FlavorOptions()):
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


def test_recommended_flavors_too() -> None:
    found = {one.name: one for one in wanted_flavors(FlavorOptions(recommended=True))}
    assert len(found) == 31
    assert dict(found["SCS-2V-4-10"].extra_specs)["scs:disk0-type"] == "network"
    assert found["SCS-16V-128"].size == (16, 131072, 0)


@pytest.mark.parametrize("name", ["SCS-2V", "SCS-2X-4", "SCS-2V-4-20q", "SCS-2V-4 "])
def test_names_that_begin_like_it_are_refused(name: str) -> None:
    with pytest.raises(BadName):
        flavor(name)


def test_pinning_follows_from_the_name() -> None:
    assert dict(flavor("SCS-4C-16-50p").extra_specs)["hw:cpu_thread_policy"] == "isolate"
    assert dict(flavor("SCS-4T-16").extra_specs)["hw:cpu_thread_policy"] == "prefer"
    assert "hw:cpu_policy" not in dict(flavor("SCS-4V-16").extra_specs)


def test_options_of_a_flavor() -> None:
    one = flavor("db", Stated(vcpus=4, memory_mib=2048, pinning="threads", huge_pages="1G", traits=["HW_CPU_X86_AVX2"]))
    assert one.size == (4, 2048, 0)
    assert dict(one.extra_specs) == {
        "hw:cpu_policy": "dedicated",
        "hw:cpu_thread_policy": "prefer",
        "hw:mem_page_size": "1GB",
        "trait:HW_CPU_X86_AVX2": "required",
    }


class FakeCompute:
    """Nova's flavors, as the SDK shows them."""

    def __init__(self, *present: Flavor) -> None:
        self.found: dict[str, SimpleNamespace] = {}
        for one in present:
            self.create_flavor(one.name, one.vcpus, one.ram, one.disk, is_public=one.public)
            self.found[one.name].extra_specs.update(one.extra_specs)

    def create_flavor(self, name: str, vcpus: int, ram: int, disk: int, *, is_public: bool) -> SimpleNamespace:
        one = SimpleNamespace(name=name, vcpus=vcpus, ram=ram, disk=disk, is_public=is_public, extra_specs={})
        self.found[name] = one
        return one

    def flavors(self, **_: object) -> list[SimpleNamespace]:
        return list(self.found.values())

    def create_flavor_extra_specs(self, one: SimpleNamespace, specs: dict[str, str]) -> None:
        one.extra_specs.update(specs)

    def delete_flavor_extra_specs_property(self, one: SimpleNamespace, key: str) -> None:
        del one.extra_specs[key]

    def fetch_flavor_extra_specs(self, one: SimpleNamespace) -> SimpleNamespace:
        return one


def make(compute: FakeCompute, *wanted: Flavor) -> list[str]:
    steps = list(flavors(SimpleNamespace(compute=compute), wanted))
    for _, do in steps:
        do()
    return [what for what, _ in steps]


def test_made_once_and_then_nothing() -> None:
    compute = FakeCompute()
    wanted = (flavor("SCS-2V-4"), flavor("SCS-4C-8"))
    assert make(compute, *wanted) == ["flavor SCS-2V-4", "flavor SCS-4C-8"]
    assert make(compute, *wanted) == []


def test_specs_that_are_no_longer_stated_go_and_foreign_ones_stay() -> None:
    compute = FakeCompute(flavor("db", Stated(vcpus=1, memory_mib=512, huge_pages="2M", traits=["A"])))
    compute.found["db"].extra_specs["quota:vif_outbound_average"] = "100"
    wanted = flavor("db", Stated(vcpus=1, memory_mib=512, traits=["B"]))
    assert make(compute, wanted) == ["extra specs of flavor db"]
    assert compute.found["db"].extra_specs == {"trait:B": "required", "quota:vif_outbound_average": "100"}


def test_another_size_is_an_error() -> None:
    compute = FakeCompute(flavor("db", Stated(vcpus=1, memory_mib=512)))
    with pytest.raises(StageFailed, match="db exists with"):
        make(compute, flavor("db", Stated(vcpus=2, memory_mib=512)))
