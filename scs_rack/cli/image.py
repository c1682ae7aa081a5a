"""`scs-rack image`: the node image."""

import argparse
import json
import sys
import time

from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_dir, rack_option
from scs_rack.model import ImageOptions, Rack
from scs_rack.model.load import load_rack
from scs_rack.provision import artifact, guest, image
from scs_rack.provision import reproduce as twice


def register(commands: Commands) -> None:
    """Add `image` and its verbs."""
    verbs = add_noun(commands, "image", "build and find the node image")
    parser = add_command(
        verbs,
        "build",
        build,
        "build the node image, the guest image, and what servers are installed from, unless they are in the cache",
        ("scs-rack image build", "scs-rack image build -r inventory/lab"),
    )
    rack_option(parser)
    parser = add_command(
        verbs,
        "reproduce",
        reproduce,
        "build what servers are installed from once more, and show what differs; 1 when anything does",
        ("scs-rack image reproduce", "scs-rack image reproduce --flavour node -r inventory/berlin1"),
    )
    rack_option(parser)
    parser.add_argument(
        "--flavour", choices=("minimal", "node"), default="minimal", help="which image (default: minimal)"
    )
    parser = add_command(
        verbs, "list", list_images, "list built images", ("scs-rack image list", "scs-rack image list --json")
    )
    json_option(parser)
    parser = add_command(
        verbs,
        "path",
        path,
        "print the root folder of the node image",
        ("scs-rack image path", "ls $(scs-rack image path -r inventory/lab)/usr/bin"),
    )
    rack_option(parser)


def _options(args: argparse.Namespace) -> ImageOptions:
    return load_rack(rack_dir(args)).image if args.rack else ImageOptions()


def build(args: argparse.Namespace) -> int:
    """Build the image, with its progress on stderr."""
    start = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", file=sys.stderr, flush=True)

    rack = load_rack(rack_dir(args)) if args.rack else None
    options = rack.image if rack else ImageOptions()
    print(image.build(options, progress).root)
    print(guest.build(options, progress).path)
    for flavour in _flavours(rack):
        print(artifact.build(options, flavour, progress).folder)
    return 0


def reproduce(args: argparse.Namespace) -> int:
    """Build twice, compare."""
    start = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", file=sys.stderr, flush=True)

    found = twice.differences(_options(args), args.flavour, progress)
    for line in found:
        print(line)
    if not found:
        print("two builds are equal, byte for byte")
    return 1 if found else 0


def _flavours(rack: Rack | None) -> list[artifact.Flavour]:
    """What servers of a rack are installed from; nothing where none is installed by us."""
    models = {server.model for server in rack.servers.values()} if rack else set()
    stated = [rack.server_models[name].provision for name in sorted(models)] if rack else []
    return sorted({one.image for one in stated if one})


def list_images(args: argparse.Namespace) -> int:
    """List whole images of the cache."""
    found = [{**json.loads(one.manifest.read_text(encoding="utf-8")), "root": str(one.root)} for one in image.images()]
    for one in found:
        one["packages"] = len(one["packages"])
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        for one in found:
            built = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one["built"]))
            print(f"{one['digest']}  {one['suite']}  {built} UTC  {one['packages']} packages  {one['root']}")
    return 0


def path(args: argparse.Namespace) -> int:
    """Print where the image's root folder is."""
    print(image.built(_options(args)).root)
    return 0
