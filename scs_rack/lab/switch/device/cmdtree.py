"""A tree of commands that speaks as click does, on which SONiC's `config` and `show` are built.

Importing click would cost each call 0.1 s. What is imitated: abbreviated commands, options between arguments, usage
errors on stderr with exit code 2, refusals (`ctx.fail`) likewise, aborts with 1. Releases to 202505 carry click 7.0,
later ones click 8: they quote differently.
"""

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

HELP = ("-h", "--help", "-?")
WIDTH = 78


class Refused(Exception):
    """A command was used wrongly, or can't do what it was asked: usage and message on stderr, exit code 2."""


class Aborted(Exception):
    """The user, or the command itself, gave up: `Aborted!` on stderr, exit code 1."""


class Exit(Exception):
    """Leave with a code, without a further word."""

    def __init__(self, code: int) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Option:
    """An option; a flag unless it has a `value`."""

    names: tuple[str, ...]
    help: str = ""
    value: str = ""
    """Metavar of its value; empty for a flag."""
    choices: tuple[str, ...] = ()
    default: Any = None
    many: bool = False
    hidden: bool = False

    @property
    def key(self) -> str:
        """Parameter of the handler."""
        return max(self.names, key=len).lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Argument:
    """A positional argument."""

    key: str
    shown: str = ""
    required: bool = True
    choices: tuple[str, ...] = ()
    number: bool = False
    many: bool = False
    """Takes all that is left."""

    @property
    def metavar(self) -> str:
        """As usage shows it."""
        name = self.shown or (f"[{'|'.join(self.choices)}]" if self.choices else self.key.upper())
        return name if self.required or self.shown else f"[{name}]{'...' if self.many else ''}"


@dataclass
class Command:
    """A command that does something."""

    name: str
    handler: Callable[..., None]
    parameters: tuple[Option | Argument, ...]
    summary: str

    @property
    def options(self) -> list[Option]:
        """Its options."""
        return [one for one in self.parameters if isinstance(one, Option)]

    @property
    def arguments(self) -> list[Argument]:
        """Its arguments."""
        return [one for one in self.parameters if isinstance(one, Argument)]


@dataclass
class Group:
    """A command that has commands."""

    name: str
    summary: str = ""
    members: "dict[str, Command | Group]" = field(default_factory=dict)
    alone: Callable[[], None] | None = None
    """What it does when called without a command."""

    def group(self, name: str, summary: str = "", alone: Callable[[], None] | None = None) -> "Group":
        """Add a group."""
        made = Group(name, summary, alone=alone)
        self.members[name] = made
        return made

    def command(
        self, name: str, *parameters: Option | Argument
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Add the decorated function as a command; its docstring is the help."""

        def add(handler: Callable[..., None]) -> Callable[..., None]:
            self.members[name] = Command(name, handler, parameters, handler.__doc__ or "")
            return handler

        return add


class Runner:
    """Finds the command that words mean, and runs it."""

    def __init__(self, root: Group, *, click: int) -> None:
        """Take a tree and the major version of click to sound like."""
        self.root = root
        self.quote = '"' if click < 8 else "'"
        self.old = click < 8

    def main(self, words: Sequence[str]) -> NoReturn:
        """Run a command line and leave with its exit code."""
        self.path = [self.root.name]
        self.node: Command | Group = self.root
        try:
            self._dispatch(list(words))
            sys.stdout.flush()
        except Refused as error:
            sys.stdout.flush()
            print(self._usage(), file=sys.stderr)
            print(f"Try {self.quote}{' '.join(self.path)} {HELP[0]}{self.quote} for help.\n", file=sys.stderr)
            print(f"Error: {error}", file=sys.stderr)
            raise SystemExit(2) from None
        except (Aborted, KeyboardInterrupt, EOFError):
            sys.stdout.flush()
            print("Aborted!", file=sys.stderr)
            raise SystemExit(1) from None
        except Exit as leave:
            sys.stdout.flush()
            raise SystemExit(leave.code) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise SystemExit(1) from None
        raise SystemExit(0)

    def _dispatch(self, words: list[str]) -> None:
        while isinstance(self.node, Group):
            if not words:
                if self.node.alone:
                    self.node.alone()
                else:
                    print(self._help())
                return
            word = words.pop(0)
            if word in HELP:
                print(self._help())
                return
            if word.startswith("-"):
                raise Refused(self._no_option(word))
            self.node = self._find(self.node, word)
            self.path.append(self.node.name)
        if any(word in HELP for word in words):
            print(self._help())
            return
        self.node.handler(**self._parse(self.node, words))

    def _find(self, group: Group, word: str) -> "Command | Group":
        if word in group.members:
            return group.members[word]
        matches = [name for name in group.members if name.lower().startswith(word.lower())]
        if not matches:
            raise Refused(f"No such command {self.quote}{word}{self.quote}.")
        shortest = min(matches, key=len)
        if not all(name.startswith(shortest) for name in matches):
            raise Refused(f"Too many matches: {', '.join(sorted(matches))}")
        return group.members[shortest]

    def _no_option(self, word: str) -> str:
        return f"no such option: {word}" if self.old else f"No such option: {word}"

    def _parse(self, command: Command, words: list[str]) -> dict[str, Any]:
        known = {name: option for option in command.options for name in option.names}
        values: dict[str, Any] = {
            option.key: [] if option.many else (option.default if option.value else False) for option in command.options
        }
        free: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                free += words
                break
            if word.startswith("-") and len(word) > 1 and not word[1:].isdigit():
                self._option(known, values, word, words)
            else:
                free.append(word)
        for argument in command.arguments:
            values[argument.key] = self._argument(argument, free)
        if free:
            plural = "s" if len(free) > 1 else ""
            raise Refused(f"Got unexpected extra argument{plural} ({' '.join(free)})")
        return values

    def _option(self, known: dict[str, Option], values: dict[str, Any], word: str, words: list[str]) -> None:
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        option = known.get(name)
        if option is None:
            raise Refused(self._no_option(name))
        if not option.value:
            values[option.key] = True
            if not word.startswith("--") and value:  # several flags behind one dash
                words.insert(0, f"-{value}")
            return
        if not equals and not value:
            if not words:
                raise Refused(
                    f"{name} option requires an argument" if self.old else f"Option '{name}' requires an argument."
                )
            value = words.pop(0)
        if option.choices:
            named = [one for one in option.choices if one == value]
            if not named:
                shown = " / ".join(f"{self.quote}{one}{self.quote}" for one in sorted(option.names, key=len))
                raise Refused(f"Invalid value for {shown}: {self._no_choice(value, option.choices)}")
        values[option.key] = [*values[option.key], value] if option.many else value

    def _no_choice(self, value: str, choices: Sequence[str]) -> str:
        if self.old:
            return f"invalid choice: {value}. (choose from {', '.join(choices)})"
        return f"'{value}' is not one of {', '.join(repr(one) for one in choices)}."

    def _argument(self, argument: Argument, free: list[str]) -> Any:
        if argument.many:
            taken = free[:]
            free.clear()
            return taken
        shown = f"{self.quote}{argument.metavar}{self.quote}"
        if not free:
            if argument.required:
                choices = "  Choose from:\n\t" + ",\n\t".join(argument.choices) + "." if argument.choices else ""
                raise Refused(f"Missing argument {shown}.{choices}")
            return None
        word = free.pop(0)
        if argument.choices and word not in argument.choices:
            raise Refused(f"Invalid value for {shown}: {self._no_choice(word, argument.choices)}")
        if argument.number and not word.lstrip("-").isdigit():
            said = f"{word} is not a valid integer" if self.old else f"{word!r} is not a valid integer."
            raise Refused(f"Invalid value for {shown}: {said}")
        return word

    def _usage(self) -> str:
        rest = ["[OPTIONS]"]
        if isinstance(self.node, Group):
            rest.append("COMMAND [ARGS]...")
        else:
            rest += [argument.metavar for argument in self.node.arguments]
        return f"Usage: {' '.join([*self.path, *rest])}"

    def _help(self) -> str:
        lines = [self._usage(), ""]
        for paragraph in textwrap.dedent(f"    {self.node.summary}").strip().split("\n\n"):
            text = " ".join(paragraph.split())
            lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
            lines.append("")
        rows = [] if isinstance(self.node, Group) else list(self._option_rows(self.node))
        lines += ["Options:", *_columns([*rows, ("-?, -h, --help", "Show this message and exit.")])]
        if isinstance(self.node, Group) and self.node.members:
            commands = [(name, _first(member.summary)) for name, member in sorted(self.node.members.items())]
            lines += ["", "Commands:", *_columns(commands)]
        return "\n".join(lines)

    @staticmethod
    def _option_rows(command: Command) -> Iterator[tuple[str, str]]:
        for option in command.options:
            if not option.hidden:
                names = ", ".join(sorted(option.names, key=len))
                metavar = f"[{'|'.join(option.choices)}]" if option.choices else option.value
                default = f"  [default: {option.default}]" if option.value and option.default else ""
                yield f"{names} {metavar}".strip(), f"{option.help}{default}".strip()


def _first(summary: str) -> str:
    sentence = " ".join(summary.strip().split("\n\n")[0].split())
    return sentence if len(sentence) <= 60 else f"{sentence[:57].rsplit(' ', 1)[0]}..."


def _columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = min(max(len(left) for left, _ in rows), 30)
    lines = []
    for left, right in rows:
        wrapped = textwrap.wrap(right, max(WIDTH - width - 4, 20)) or [""]
        lines.append(f"  {left:<{width}}  {wrapped[0]}".rstrip())
        lines += [f"{'':{width + 4}}{line}" for line in wrapped[1:]]
    return lines


def confirm(question: str, *, yes: bool) -> None:
    """Ask unless told not to.

    Raises:
        Aborted: the answer was no, or there was none.
    """
    if yes:
        return
    print(f"{question} [y/N]: ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Aborted
