"""Volume types: what a rack wants, and what is done to a cloud that has less of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack.design import Design, make_design
from scs_rack.model.load import load_rack
from scs_rack.resources.volume_types import ENCRYPTED, LUKS, volume_types, wanted_volume_types
from tests.golden.golden_racks import INVENTORY


class Storage:
    """Block storage that keeps what it is told, and refuses what Cinder refuses."""

    def __init__(self) -> None:
        self.kinds: dict[str, SimpleNamespace] = {}
        self.encryptions: dict[str, dict[str, Any]] = {}
        self.seen_before_encrypted = False

    def types(self, **query: str) -> list[SimpleNamespace]:
        """All types only for who asks for private ones too, as Cinder does."""
        return [kind for kind in self.kinds.values() if kind.is_public or query == {"is_public": "None"}]

    def create_type(self, **fields: Any) -> SimpleNamespace:
        kind = SimpleNamespace(id=f"id-{fields['name']}", **fields)
        self.kinds[fields["name"]] = kind
        return kind

    def update_type(self, kind: SimpleNamespace, **fields: Any) -> None:
        vars(kind).update(fields)

    def get_type_encryption(self, ident: str) -> SimpleNamespace:
        return SimpleNamespace(**(dict.fromkeys(LUKS) | self.encryptions.get(ident, {})))

    def create_type_encryption(self, kind: SimpleNamespace, **fields: Any) -> None:
        assert kind.id not in self.encryptions, "Cinder refuses a second one"
        self.encryptions[kind.id] = fields

    def put(self, path: str, json: dict[str, Any]) -> SimpleNamespace:
        kind = next(kind for kind in self.kinds.values() if path.endswith(kind.id))
        self.seen_before_encrypted |= kind.id not in self.encryptions
        vars(kind).update(json["volume_type"])
        return SimpleNamespace(status_code=200)


def rack(replicas: int = 3, services: tuple[str, ...] = ("barbican",)) -> Design:
    """The lab's design with another number of copies and other services."""
    lab = load_rack(INVENTORY / "lab")
    ceph = lab.cloud.ceph.model_copy(update={"replicas": replicas})
    cloud = lab.cloud.model_copy(update={"ceph": ceph, "services": list(services)})
    return make_design(lab.model_copy(update={"cloud": cloud}))


def make(storage: Storage, design: Design) -> list[str]:
    """Make what is missing; what that was."""
    cloud = SimpleNamespace(block_storage=storage)
    made = []
    for words, do in list(volume_types(cloud, wanted_volume_types(design))):
        do()
        made.append(words)
    return made


@pytest.mark.parametrize(
    ("replicas", "prefixes"),
    [
        (3, {"rbd": "[scs:replicated] ", ENCRYPTED: "[scs:encrypted, replicated] "}),
        (1, {ENCRYPTED: "[scs:encrypted] "}),
    ],
)
def test_descriptions_tell_the_aspects_in_order(replicas: int, prefixes: dict[str, str]) -> None:
    for kind in wanted_volume_types(rack(replicas)):
        prefix = prefixes.get(kind.name, "")
        assert kind.description.startswith(prefix)
        assert "[" not in kind.description.removeprefix(prefix)


def test_without_barbican_nothing_is_called_encrypted() -> None:
    assert [kind.name for kind in wanted_volume_types(rack(services=()))] == ["rbd"]


def test_nobody_sees_a_type_before_it_encrypts_and_a_second_run_changes_nothing() -> None:
    storage = Storage()
    assert make(storage, rack()) == ["volume type rbd", f"volume type {ENCRYPTED}"]
    assert storage.kinds[ENCRYPTED].is_public
    assert storage.encryptions == {f"id-{ENCRYPTED}": LUKS}
    assert not storage.seen_before_encrypted
    assert make(storage, rack()) == []


def test_a_run_that_died_halfway_is_made_good() -> None:
    storage = Storage()
    make(storage, rack())
    storage.encryptions.clear()
    storage.kinds[ENCRYPTED].is_public = False
    assert make(storage, rack()) == [f"encryption of volume type {ENCRYPTED}"]
    assert storage.kinds[ENCRYPTED].is_public
    assert make(storage, rack()) == []


def test_a_description_that_was_changed_is_put_right() -> None:
    storage = Storage()
    make(storage, rack())
    storage.kinds["rbd"].description = "fast!"
    assert make(storage, rack()) == ["description of volume type rbd"]
