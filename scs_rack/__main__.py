"""Start the command line with ``python -m scs_rack``."""

from scs_rack.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
