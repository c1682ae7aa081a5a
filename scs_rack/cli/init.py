"""`scs-rack init`: a commented rack file to start from."""

import argparse
import json
from pathlib import Path

from scs_rack.cli.common import Commands, add_command
from scs_rack.errors import UsageError

STARTER = Path(__file__).parents[1] / "model" / "starter.yml"
SCHEMA = "rack.schema.json"


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "init",
        init,
        "write a commented rack file to start from",
        ("scs-rack init berlin-1", "scs-rack init berlin-1 -o /srv/racks/berlin-1"),
    )
    parser.add_argument("name", metavar="NAME", help="name of the rack: lower-case letters, digits, hyphens")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="folder to write to (default: inventory/NAME)")


def starter(name: str, folder: Path) -> str:
    """The rack file to start from; `folder` is where its comments say that it stands."""
    text = STARTER.read_text(encoding="utf-8")
    return text.replace("inventory/your-rack", str(folder)).replace("your-rack", name)


def init(args: argparse.Namespace) -> int:
    """Write DIR/rack.yml, never over a file that is there, and ../rack.schema.json for editors if there is none."""
    from pydantic import TypeAdapter, ValidationError

    from scs_rack.model.base import HostName
    from scs_rack.model.schema import rack_schema

    try:
        name: str = TypeAdapter(HostName).validate_python(args.name)
    except ValidationError:
        message = f"{args.name} can't be the name of a rack"
        raise UsageError(message, "use lower-case letters, digits and hyphens, e.g. berlin-1") from None
    folder: Path = args.output or Path("inventory") / name
    path = folder / "rack.yml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(name, folder))
        if not (folder.parent / SCHEMA).exists():
            (folder.parent / SCHEMA).write_text(json.dumps(rack_schema(), indent=2) + "\n", encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(
            f"{error.filename or path} is there already", "name another rack, or a folder with -o"
        ) from error
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}", "name another folder with -o") from error
    print(f"wrote {path}\nnext: make it yours, then run: scs-rack validate -r {folder}")
    return 0
