"""`scs-rack secrets`: the passwords that were generated for a rack."""

import argparse
import getpass
import json
import sys

from scs_rack import vault
from scs_rack.cli import secrets_rotate
from scs_rack.cli.common import Commands, add_command, add_noun, json_option, rack_dir, rack_option
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.prepare import prepare


def register(commands: Commands) -> None:
    """Add `secrets` with its verbs."""
    verbs = add_noun(commands, "secrets", "passwords and keys of the rack, kept in an Ansible vault")
    one = add_command(
        verbs,
        "list",
        _list,
        "name all secrets and say which of them exist",
        ("scs-rack secrets list -r inventory/lab", "scs-rack secrets list -r inventory/lab --json"),
    )
    rack_option(one)
    json_option(one)
    one = add_command(
        verbs,
        "show",
        _show,
        "print one secret on the terminal",
        (
            "scs-rack secrets show admin_password -r inventory/lab",
            "export OS_PASSWORD=$(scs-rack secrets show admin_password -r inventory/lab --yes)",
        ),
    )
    rack_option(one)
    one.add_argument("name", metavar="NAME")
    one.add_argument("--yes", action="store_true", help="print it although the output is not a terminal")
    one = add_command(
        verbs,
        "set",
        _set,
        "store a secret's value, asked for or read from standard input",
        ("scs-rack secrets set bmc_node1 -r inventory/myrack", "scs-rack secrets set bmc_node1 -r myrack < password"),
    )
    rack_option(one)
    one.add_argument("name", metavar="NAME")
    one = add_command(
        verbs,
        "create",
        _create,
        "generate the secrets, SSH key and certificates that are missing (`up` does it by itself)",
        ("scs-rack secrets create -r inventory/lab", "SCS_RACK=inventory/lab scs-rack secrets create"),
    )
    rack_option(one)
    secrets_rotate.register(verbs)


def _list(args: argparse.Namespace) -> int:
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    stored = vault.load(folder)
    missing = vault.lacking(design, stored)
    if args.json:
        print(json.dumps({name: name not in missing for name in vault.names(design)}, indent=2))
        return 0
    for name in vault.names(design):
        print(f"{name:24} {'missing' if name in missing else 'stored' if name in stored else 'gone out of its row'}")
    for name in vault.given_keys(design):
        print(f"{name:24} {'stored' if name in stored else 'missing: `secrets set` it'}")
    for name in vault.optional(design)[len(vault.given_keys(design)) :]:
        print(f"{name:24} {'stored' if name in stored else 'not needed with a key'}")
    return 0


def _show(args: argparse.Namespace) -> int:
    stored = vault.load(rack_dir(args))
    if args.name not in stored:
        raise UsageError(f"no secret {args.name}", "`scs-rack secrets list` names them, `up` generates them")
    if not (sys.stdout.isatty() or args.yes):
        raise UsageError("the output is not a terminal", "add --yes if a secret may go there")
    print(stored[args.name])
    return 0


def _set(args: argparse.Namespace) -> int:
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    if args.name in (vault.API_KEY, vault.CA_KEY):
        if sys.stdin.isatty():
            raise UsageError("a key has many lines", f"give the file: `scs-rack secrets set {args.name} < KEYFILE`")
        value = sys.stdin.read()
        if "PRIVATE KEY-----" not in value:
            raise UsageError("that is no private key in PEM", "give the file with its BEGIN and END lines")
    else:
        value = getpass.getpass(f"{args.name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not value:
        raise UsageError("an empty value is no secret")
    vault.store(folder, design, args.name, value)
    return 0


def _create(args: argparse.Namespace) -> int:
    folder = rack_dir(args)
    design = make_design(load_rack(folder))
    known = prepare(folder, state_dir(design.rack.name), design)
    print(f"{len(known)} secrets in {folder / vault.FILE}, keys and certificates in {state_dir(design.rack.name)}")
    return 0
