"""`scs-rack bmc users`: accounts of BMCs. Passwords are asked for, or read from standard input."""

import argparse
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterable

from rich.markup import escape

from scs_rack.bmc import Bmc, TimeLimits, accounts
from scs_rack.bmc.facts import Role, User
from scs_rack.cli import fleet
from scs_rack.cli.bmc_common import change, read, show, yes_option
from scs_rack.cli.common import Commands, add_command
from scs_rack.errors import UsageError
from scs_rack.results import Result

Work = Callable[[Bmc, TimeLimits], Awaitable[Result]]
"""Changes an account of one BMC."""

_ROLES = ("administrator", "operator", "readonly")


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "users",
        users,
        "show accounts of BMCs, add, change or remove one",
        (
            "scs-rack bmc users -r inventory/lab",
            "scs-rack bmc users -r inventory/lab --add watcher --role readonly",
            "scs-rack bmc users node1 -r inventory/lab --disable watcher",
            "scs-rack bmc users -r inventory/lab --remove watcher --yes",
        ),
    )
    fleet.fleet_options(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--add", metavar="USER", help="add an account; its password is asked for, or read from stdin")
    what.add_argument("--set", metavar="USER", help="change the role of an account (with --role)")
    what.add_argument("--enable", metavar="USER", help="enable an account")
    what.add_argument("--disable", metavar="USER", help="disable an account")
    what.add_argument("--password", metavar="USER", help="set the password of an account, as with --add")
    what.add_argument("--remove", metavar="USER", help="remove an account")
    parser.add_argument("--role", choices=_ROLES, help="of the account that is added or changed")
    yes_option(parser)


def users(args: argparse.Namespace) -> int:
    """Show or change accounts."""
    verb = next((verb for verb in _CHANGES if getattr(args, verb)), "")
    if args.role and verb not in ("add", "set"):
        raise UsageError("--role goes with --add or --set", "leave it out")
    if verb in ("add", "set") and not args.role:
        raise UsageError("no role named", f"add --role {'|'.join(_ROLES)}")
    if verb:
        name: str = getattr(args, verb)
        work = _CHANGES[verb](name, args.role)
        ask = f"remove user {name}" if verb == "remove" else ""
        return change(args, work, f"bmc users --{verb}", ask=ask)

    def rows(found: tuple[User, ...]) -> Iterable[tuple[str, ...]]:
        for one in found:
            state = "[red]locked[/]" if one.locked else "enabled" if one.enabled else "disabled"
            yield one.number, escape(one.name) or "[red](null user)[/]", one.role, state

    async def look(bmc: Bmc) -> tuple[User, ...]:
        return await bmc.users()

    return show(args, read(fleet.call(args), look, "bmc users"), ("NUMBER", "USER", "ROLE", "STATE"), rows)


def _add(name: str, role: Role) -> Work:
    secret = _password()
    return lambda bmc, limits: accounts.add_user(bmc, name, secret, role, limits)


def _new_password(name: str, _role: Role) -> Work:
    secret = _password()
    return lambda bmc, limits: accounts.set_password(bmc, name, secret, limits)


_CHANGES: dict[str, Callable[[str, Role], Work]] = {
    "add": _add,
    "set": lambda name, role: lambda bmc, limits: accounts.set_user(bmc, name, limits, role),
    "enable": lambda name, _role: lambda bmc, limits: accounts.set_user(bmc, name, limits, enabled=True),
    "disable": lambda name, _role: lambda bmc, limits: accounts.set_user(bmc, name, limits, enabled=False),
    "password": _new_password,
    "remove": lambda name, _role: lambda bmc, limits: accounts.remove_user(bmc, name, limits),
}


def _password() -> str:
    """Asked for twice at a terminal, else one line of standard input."""
    if not sys.stdin.isatty():
        secret = sys.stdin.readline().rstrip("\n")
    else:
        secret = getpass.getpass("password: ")
        if secret != getpass.getpass("again: "):
            raise UsageError("the two passwords differ", "type the same twice")
    if not secret:
        raise UsageError("no password", "type one, or give one line on standard input")
    return secret
