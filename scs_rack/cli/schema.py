"""`scs-rack schema`: the JSON Schema of rack files and site files, for editors."""

import argparse
import json
from pathlib import Path

from scs_rack.cli.common import Commands, add_command
from scs_rack.errors import UsageError


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "schema",
        schema,
        "print the JSON Schema of rack files, for editors that complete and check while one types",
        ("scs-rack schema -o inventory/rack.schema.json", "scs-rack schema --of site -o inventory/site.schema.json"),
    )
    parser.add_argument("--of", choices=("rack", "site"), default="rack", help="kind of file (default: rack)")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write to a file instead")


def schema(args: argparse.Namespace) -> int:
    """Print or write the schema."""
    from scs_rack.model.schema import rack_schema, site_schema

    text = json.dumps(site_schema() if args.of == "site" else rack_schema(), indent=2) + "\n"
    if args.output is None:
        print(text, end="")
        return 0
    try:
        args.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"can't write {args.output}: {error.strerror}", "name another file with -o") from error
    print(f"wrote {args.output}; begin a {args.of} file with `# yaml-language-server: $schema={args.output}`")
    return 0
