"""A rack in service, and operations on it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from days_world import World, context, maker, rack


class Site:
    """A world, its rack, and what is done to it."""

    def __init__(self, tmp_path):
        self.folder, self.state = rack(tmp_path)
        self.world = World(self.folder)

    @property
    def ctx(self):
        return context(self.folder, self.state)

    def order(self, stages=()):
        from scs_rack.engine.bring_up import Order

        ctx = self.ctx
        return Order(ctx.design, ctx.rack_dir, ctx.state_dir, list(stages))

    def tools(self):
        return maker(self.world)(self.ctx)

    @property
    def make(self):
        return maker(self.world)

    def run(self, order, stop_after=None):
        """Run the stages of an operation in their order; returns what failed. `stop_after`: killed after that one."""
        failed = []
        for stage in order.stages:
            ctx = context(self.folder, self.state)
            results = list(stage.apply(ctx))
            failed += [f"{stage.name}: {one.error}" for one in results if one.error]
            failed += [f"{stage.name}: {one.seen}" for one in stage.gate(ctx) if one.severity == "error"]
            if failed or stage.name == stop_after:
                break
        return failed

    def plan(self, order):
        return [f"{one.device}: {one.summary}" for stage in order.stages for one in stage.plan(self.ctx)]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)
