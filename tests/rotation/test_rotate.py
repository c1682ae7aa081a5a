"""Which secrets are rotated, in which stages, and what is refused."""

import itertools
from pathlib import Path

import pytest

from scs_rack import vault
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.rotation import keys, rotate
from scs_rack.rotation.kinds import all_names, refusal

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def design():
    return make_design(load_rack(REPOSITORY / "inventory/lab"))


@pytest.fixture
def stored(design):
    return {name: f"{name} 1" for name in vault.names(design)}


def test_every_secret_is_rotated_or_refused_with_a_reason(design):
    rows = [name for name in vault.names(design) if name.startswith(("fernet_", "credential_"))]
    for name in set(vault.names(design)) - set(rows):
        why = refusal(design, name)
        assert why or rotate.kind(name), name
    assert {"fernet", "credential", "db_nova", "service_nova", "rabbitmq_password"} <= set(all_names(design))
    assert not any(name.startswith("bmc_") for name in all_names(design))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["nonsense"], "no secret nonsense"),
        (["bmc_node1"], "bmc rotate"),
        (["designate_rndc_key"], "one key only"),
        (["nonsense", "bmc_node1"], "no secret nonsense; bmc_node1: "),
        ([], "no secret named"),
    ],
)
def test_what_can_not_be_rotated_is_refused_all_at_once(design, stored, names, words):
    with pytest.raises(UsageError, match=words):
        rotate.chosen(design, stored, names, everything=False)


def test_an_unfinished_rotation_is_finished_with_the_next(design, stored):
    stored |= {"db_nova_next": "2", "fernet_old": "x", "bmc_node1_next": "y"}
    assert rotate.chosen(design, stored, [], everything=False) == ["db_nova", "fernet"]
    assert rotate.chosen(design, stored, ["db_glance"], everything=False) == ["db_glance", "db_nova", "fernet"]


def test_preparing_generates_each_next_one_once(stored):
    written = {}
    names = ["db_nova", "service_nova", "fernet"]
    rotate.prepare(written.update, stored, names)
    assert set(written) == {"db_nova_next", "service_nova_next", "fernet_next"}
    again = {}
    rotate.prepare(again.update, stored | written, names)
    assert again == {}


def test_controllers_are_configured_one_after_the_other(design):
    stages = rotate.stages(design, ["db_nova", "db_keystone"])
    assert [one.name for one in stages] == ["accept", "switch", "roll-node1", "roll-node2", "roll-node3", "retire"]
    for before, after in itertools.pairwise(stages):
        assert after.needs == (before.name,)
    assert stages[2].playbooks == ("platform.yml", "cloud.yml")
    assert rotate.stages(design, ["db_keystone"])[2].playbooks == ("platform.yml",)


def test_the_test_users_password_needs_nobody_configured(design):
    assert [one.name for one in rotate.stages(design, ["test_user_password"])] == ["accept", "switch", "retire"]


def turned(stored, times):
    for number in range(times):
        changes = keys.turned(stored | {"fernet_next": f"k{number}"}, "fernet")
        stored = {name: value for name, value in (stored | changes).items() if value is not None}
        del stored["fernet_old"]
    return stored


def test_the_key_that_encrypts_was_everywhere_before():
    stored = {"fernet_0": "staged", "fernet_1": "first", "credential_0": "c"}
    once = turned(stored, 1)
    assert once.pop(keys.TIMES)
    assert once == {"fernet_0": "k0", "fernet_1": "first", "fernet_2": "staged", "credential_0": "c"}
    assert turned(stored, 2)["fernet_3"] == "k0"


def test_a_row_of_keys_does_not_grow_for_ever():
    row = turned({"fernet_0": "a", "fernet_1": "b"}, 20)
    assert keys.row(row, "fernet") == [0, 17, 18, 19, 20, 21]
