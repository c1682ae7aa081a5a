"""Stage `resources`: what the cloud offers its customers."""

from collections.abc import Iterable

from scs_rack.clouds import TEST_NAME, clouds_file
from scs_rack.engine.stage import Context
from scs_rack.provision.guest import guest_image
from scs_rack.resources import ensure
from scs_rack.resources.images import DIGEST
from scs_rack.resources.wanted import wanted
from scs_rack.results import Change, Finding
from scs_rack.stages.ansible_stage import AnsibleStage
from scs_rack.stages.guest_routes import route_findings


def build(name: str, digest: str | None) -> str:
    """One build of an image, in words."""
    return f"{name} ({(digest or 'unknown')[:23]}…)"


class ResourcesStage(AnsibleStage):
    """Networks, flavors, volume types, images, and a test project with a user that is a member only."""

    def __init__(self) -> None:
        super().__init__(
            name="resources",
            needs=("cloud",),
            summary="external networks, SCS flavors, volume types, images, the test project",
            playbook="resources.yml",
        )

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What is missing in the cloud; all of it where there is no cloud yet."""
        clouds = clouds_file(ctx.state_dir)
        target = wanted(ctx.design, guest_image().path, ctx.rack_dir)
        try:
            steps = list(ensure.steps(ensure.connect(clouds, "admin"), target, ctx.secrets["test_user_password"]))
        except ensure.unreachable() as error:
            words = f"can't be foreseen: the API does not answer ({error})"[:200]
            yield Change(self.name, ctx.design.rack.name, words, unseen=True)
            return
        for what, _ in steps:
            yield Change(self.name, ctx.design.rack.name, what)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """As the test user: everything that is offered can be seen, and the user has no right but member."""
        cloud = ensure.connect(clouds_file(ctx.state_dir), "test")
        target = wanted(ctx.design, guest_image().path, ctx.rack_dir)
        offered = {
            "flavor": (
                {one.name for one in target.flavors if one.public},
                {one.name for one in cloud.compute.flavors()},
            ),
            "image": (
                {build(image.name, image.digest) for image in target.images if image.visibility == "public"},
                {
                    build(one.name, digest)
                    for one in cloud.image.images(status="active", visibility="public")
                    for digest in ((one.properties or {}).get(DIGEST), f"sha512:{one.hash_value}")
                },
            ),
            "volume type": (
                {kind.name for kind in target.volume_types},
                {one.name for one in cloud.block_storage.types()},
            ),
            "external network": (
                {network.name for network in target.networks},
                {one.name for one in cloud.network.networks(is_router_external=True)},
            ),
        }
        for kind, (expected, seen) in offered.items():
            for name in sorted(expected - seen):
                yield Finding(
                    f"{kind.replace(' ', '-')}-missing", "error", f"{kind} {name}", "the test user sees it", "not there"
                )
        roles = set(cloud.session.auth.get_access(cloud.session).role_names)
        if not roles <= {"member", "reader"}:
            yield Finding(
                "test-user-rights", "error", f"user {TEST_NAME}", "roles member, reader", ", ".join(sorted(roles))
            )
        yield from route_findings(ctx)
