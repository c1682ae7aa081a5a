"""Images are uploaded unseen, verified, shown; old ones are hidden, and go when nobody uses them."""

import datetime as dt
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keystoneauth1.exceptions import SSLError

from scs_rack.errors import StageFailed
from scs_rack.resources import images as module
from scs_rack.resources.images import DIGEST, NAME, Content, Image, images, raw

FIELDS = ("id", "name", "status", "visibility", "hash_value", "size", "owner_id", "created_at", "min_ram")


class Stored:
    """An image, as the SDK shows it."""

    def __init__(self, glance: "Glance", **data: Any) -> None:
        self.glance, self.data = glance, data

    def __getattr__(self, name: str) -> Any:
        if name == "is_hidden":
            return self.data.get("os_hidden", False)
        return self.data.get(name)

    def to_dict(self) -> dict[str, Any]:
        own = {key: value for key, value in self.data.items() if key not in FIELDS}
        return {key: self.data.get(key) for key in FIELDS} | {"properties": own}

    def upload(self, _: object, data: Any) -> SimpleNamespace:
        content = data.read()
        if self.glance.breaks:
            self.glance.breaks -= 1
            raise SSLError("gone")
        seen = b"spoiled" if self.glance.spoils else content
        self.data |= {"status": "active", "size": len(seen), "hash_value": hashlib.sha512(seen).hexdigest()}
        return SimpleNamespace(status_code=204, headers={})


class Glance:
    """Glance's images, and what Nova and Cinder know of their use."""

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self.breaks = 0
        self.spoils = False
        self.used: set[str] = set()
        self.image = self.compute = self.block_storage = self
        self.session = SimpleNamespace(get_project_id=lambda: "admin")

    def images(self, is_hidden: bool, **_: object) -> list[Stored]:
        return [one for one in self.stored.values() if one.is_hidden == is_hidden]

    def create_image(self, name: str, **data: Any) -> Stored:
        kept = {key: value for key, value in data.items() if key not in ("allow_duplicates", "validate_checksum")}
        number = str(len(self.stored) + 1)
        own = {"id": f"{number:0>8}-image", "name": name, "status": "queued", "owner_id": "admin"}
        one = Stored(self, **kept | own | {"created_at": f"2026-11-{int(number):02}T00:00:00Z"})
        self.stored[one.id] = one
        return one

    def get_image(self, key: str) -> Stored:
        return self.stored[key]

    def delete_image(self, which: Any) -> None:
        del self.stored[which if isinstance(which, str) else which.id]

    def patch(self, path: str, json: list[dict[str, Any]], headers: dict[str, str]) -> SimpleNamespace:
        assert headers["Content-Type"] == "application/openstack-images-v2.1-json-patch"
        one = self.stored[path.rsplit("/", 1)[1]]
        for change in json:
            key = change["path"][1:].replace("~1", "/").replace("~0", "~")
            assert change["op"] == "add" or key in one.data or key in FIELDS or key == "os_hidden"
            one.data[key] = change["value"]
        return SimpleNamespace(status_code=200, headers={}, json=lambda: one.data)

    def servers(self, image: str, **_: object) -> list[str]:
        return [image] if image in self.used else []

    def volumes(self, **_: object) -> list[SimpleNamespace]:
        return []


@pytest.fixture
def glance(monkeypatch: pytest.MonkeyPatch) -> Glance:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))
    return Glance()


def wanted(path: Path, content: bytes, **options: Any) -> Image:
    path.write_bytes(content)
    digest = f"sha512:{hashlib.sha512(content).hexdigest()}"
    what = Content(path, dt.date(2026, 11, 1))
    return Image("Debian 13", digest, lambda: what, (("os_distro", "debian"),), min_ram=512, **options)


def make(glance: Glance, *image: Image) -> list[str]:
    steps = list(images(glance, image))
    for _, do in steps:
        do()
    return [what for what, _ in steps]


def shown(glance: Glance) -> list[tuple[str, str, bool]]:
    return [(one.name, one.visibility, one.is_hidden) for one in glance.stored.values()]


def test_uploaded_once(glance: Glance, tmp_path: Path) -> None:
    one = wanted(tmp_path / "a", b"one")
    assert len(make(glance, one)) == 1
    assert shown(glance) == [("Debian 13", "public", False)]
    stored = next(iter(glance.stored.values()))
    assert stored.data[DIGEST] == one.digest
    assert stored.data["image_build_date"] == "2026-11-01"
    assert make(glance, one) == []


def test_a_new_build_hides_the_old_one_and_it_goes_when_unused(glance: Glance, tmp_path: Path) -> None:
    for content in (b"one", b"two", b"three"):
        make(glance, wanted(tmp_path / "a", content, keep=1))
    assert [name for name, _, hidden in shown(glance) if not hidden] == ["Debian 13"]
    old = [name for name, _, hidden in shown(glance) if hidden]
    assert old == ["Debian 13 2026-11-01-00000001", "Debian 13 2026-11-01-00000002"]
    assert all(name.rsplit(" ", 1)[0] == "Debian 13" for name in old)  # how scs-0102 finds the newer one
    last = wanted(tmp_path / "a", b"three", keep=1)
    glance.used = {"00000001-image"}
    assert make(glance, last) == []
    glance.used = set()
    assert make(glance, last) == [
        "image Debian 13 2026-11-01-00000001: nothing uses it, and it is not among the 1 kept"
    ]
    assert make(glance, last) == []


def test_an_upload_that_broke_off_is_removed_and_done_again(glance: Glance, tmp_path: Path) -> None:
    one = wanted(tmp_path / "a", b"one")
    glance.create_image("Debian 13", visibility="private", **{NAME: "Debian 13", DIGEST: one.digest})
    steps = make(glance, one)
    assert steps[0].startswith("upload of image Debian 13 that broke off")
    assert shown(glance) == [("Debian 13", "public", False)]


def test_an_upload_that_was_never_shown_is_shown(glance: Glance, tmp_path: Path) -> None:
    one = wanted(tmp_path / "a", b"one")
    make(glance, one)
    stored = next(iter(glance.stored.values()))
    stored.data["visibility"] = "private"
    assert make(glance, one) == [f"image Debian 13: build {one.digest[:19]}… becomes public"]
    assert list(glance.stored) == [stored.id]


def test_a_failed_upload_leaves_nothing_and_the_old_one_stays(glance: Glance, tmp_path: Path) -> None:
    make(glance, wanted(tmp_path / "a", b"one"))
    glance.breaks = 9
    with pytest.raises(SSLError):
        make(glance, wanted(tmp_path / "a", b"two"))
    assert shown(glance) == [("Debian 13", "public", False)]


def test_an_api_that_goes_away_is_asked_again(glance: Glance, tmp_path: Path) -> None:
    glance.breaks = 2
    make(glance, wanted(tmp_path / "a", b"one"))
    assert shown(glance) == [("Debian 13", "public", False)]


def test_what_glance_holds_is_compared(glance: Glance, tmp_path: Path) -> None:
    glance.spoils = True
    with pytest.raises(StageFailed, match="Glance holds"):
        make(glance, wanted(tmp_path / "a", b"one"))
    assert not glance.stored


def test_properties_are_corrected_and_others_stay(glance: Glance, tmp_path: Path) -> None:
    one = wanted(tmp_path / "a", b"one")
    make(glance, one)
    stored = next(iter(glance.stored.values()))
    stored.data |= {"os_distro": "ubuntu", "mine": "kept"}
    assert make(glance, one) == ["properties of image Debian 13: os_distro"]
    assert (stored.data["os_distro"], stored.data["mine"]) == ("debian", "kept")


def test_images_of_others_are_left_alone(glance: Glance, tmp_path: Path) -> None:
    one = glance.create_image("Debian 13", visibility="public")
    one.data |= {"owner_id": "customer", "status": "active", "hash_value": "x"}
    make(glance, wanted(tmp_path / "a", b"one"))
    assert glance.stored[one.id].data["name"] == "Debian 13"
    assert not glance.stored[one.id].is_hidden


def test_another_format_than_stated(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"QFI\xfb rubbish")
    with pytest.raises(StageFailed, match="is qcow2, and the rack file says raw"):
        raw("i", path, "raw")
    with pytest.raises(StageFailed, match="can't be turned into a raw disk"):
        raw("i", path, None)
    path.write_bytes(b"plain")
    assert raw("i", path, "raw") == (path, False)
