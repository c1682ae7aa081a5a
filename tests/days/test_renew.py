"""A node image is rolled: a server leaves all clusters, is written anew, and joins again; nothing is done twice."""

from types import SimpleNamespace

import pytest
from test_replace import ups  # noqa: F401 (a fixture)

from scs_rack.days import kept
from scs_rack.days.part import Refused
from scs_rack.errors import UsageError
from scs_rack.model.server import Provision
from scs_rack.provision import records
from scs_rack.provision.image import ImageMissing
from scs_rack.results import Result
from scs_rack.upgrade import renew as renewing
from scs_rack.upgrade.look import MARK
from scs_rack.upgrade.renew import images, renew

OLD, NEW = "aaaa", "bbbb"


class Kit:
    """Images that are built, and an installer that writes one."""

    def __init__(self, site):
        self.site, self.error, self.built, self.written = site, None, True, 0

    def artefact(self, _options, flavour):
        if not self.built:
            raise ImageMissing(f"the files to install from ({flavour}) are not made")
        return SimpleNamespace(digest=NEW)

    async def install(self, ctx, names, wish, _say):
        (name,) = names
        assert wish.reinstall == {name}
        assert not wish.wipe
        assert name not in self.site.world.on, "it is shut down before its disk is written"
        assert "node3" not in self.site.world.mons, "nobody waits for it"
        self.written += 1
        if self.error is None:
            self.site.world.switch(name, "on")
            known(self.site, name, NEW)
        yield Result(name, "install", changed=True, error=self.error)


def known(site, name, image):
    records.write(site.state, records.Record(name, "installed", image, "uuid"))


@pytest.fixture
def kit(site, monkeypatch):
    made = Kit(site)
    monkeypatch.setattr(renewing.artifact, "built", made.artefact)
    monkeypatch.setattr(renewing.installing, "install", made.install)
    for model in site.ctx.design.rack.server_models.values():
        object.__setattr__(model, "provision", Provision())
    known(site, "node3", OLD)
    return made


def test_a_server_leaves_is_written_and_joins(site, ups, kit):  # noqa: F811
    site.world.guest("web", "node3")
    planned = site.plan(renew(site.order(ups), "node3", site.make))
    assert f"node3: write its root disk: image {OLD} -> {NEW}" in planned
    assert site.world.ordered == []
    assert site.run(renew(site.order(ups), "node3", site.make)) == []
    assert kit.written == 1
    done = site.world.ordered
    assert done.index("nova os-migrateLive web") < done.index("power soft node3") < done.index("power on node3")
    assert done.index("ceph mon remove node3") < done.index("power on node3")
    assert not any("purge" in one for one in done), "its OSDs come along"
    assert [stage.ran for stage in ups] == [1] * len(ups)
    assert images(site.ctx, ["node3"])[0].runs == NEW


@pytest.mark.parametrize("stage", ["note", "guests", "off", "members", "swap", "base", "cloud"])
def test_what_was_killed_goes_on_and_is_known_to_have_begun(site, ups, kit, stage):  # noqa: F811
    assert site.run(renew(site.order(ups), "node3", site.make), stop_after=stage) == []
    assert images(site.ctx, ["node3"])[0].work
    assert kept.read(site.state, "node3")[MARK]
    assert site.run(renew(site.order(ups), "node3", site.make)) == []
    assert kit.written == 1


def test_an_installation_that_fails_ends_it_and_is_tried_again(site, ups, kit):  # noqa: F811
    kit.error = "the disk is full"
    assert site.run(renew(site.order(ups), "node3", site.make))[0] == "swap: the disk is full"
    assert [stage.ran for stage in ups] == [0] * len(ups)
    kit.error = None
    assert site.run(renew(site.order(ups), "node3", site.make)) == []
    assert kit.written == 2


def test_nothing_is_touched_without_an_image(site, ups, kit):  # noqa: F811
    kit.built = False
    with pytest.raises(Refused, match="are not made"):
        site.run(renew(site.order(ups), "node3", site.make))
    assert site.world.ordered == []


def test_what_there_is_to_do(site, kit):
    assert images(site.ctx, ["node3"])[0].words == f"image {OLD} -> {NEW}"
    known(site, "node3", NEW)
    assert not images(site.ctx, ["node3"])[0].work
    with pytest.raises(UsageError, match="node2 is not installed yet"):
        images(site.ctx, ["node2"])
    for model in site.ctx.design.rack.server_models.values():
        object.__setattr__(model, "provision", None)
    with pytest.raises(UsageError, match="states no `provision`"):
        images(site.ctx, ["node3"])
