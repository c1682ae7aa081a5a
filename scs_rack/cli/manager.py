"""`scs-rack manager`: what a site's machine calls on manager nodes; not for people, so no help names it."""

import argparse
from pathlib import Path

from scs_rack.cli.common import Commands


def register(commands: Commands) -> None:
    """Add `manager worker` and `manager serve`."""
    noun = commands.add_parser("manager", description="What a site's machine calls on manager nodes (docs/sites.md).")
    verbs = noun.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs.add_parser("worker", description="ansible-runner's worker.").set_defaults(handler=_worker)
    verbs.add_parser("serve", description="Do what an order in this folder asks.").set_defaults(handler=_serve)


def _worker(_args: argparse.Namespace) -> int:
    from scs_rack.sites.worker import work

    return work()


def _serve(_args: argparse.Namespace) -> int:
    from scs_rack.sites.serve import print_line, serve

    return serve(Path.cwd(), print_line)
