"""`config replace`, `apply-patch`, `checkpoint`, `rollback` and their kin: the config updater's commands.

Texts, options and exit codes: sonic-utilities 202505, config/main.py and generic_config_updater/generic_updater.py.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scs_rack.lab.switch.device import configdb, gcu, patch, rules, trouble
from scs_rack.lab.switch.device.cmdtree import Argument, Group, Option, Refused
from scs_rack.sonic.checks import load_tables

CHECKPOINTS = Path("/etc/sonic/checkpoints")
FORMATS = ("CONFIGDB", "SONICYANG")

DRY_RUN = Option(("-d", "--dry-run"), "test out the command without affecting config state")
IGNORE_TABLES = Option(
    ("-n", "--ignore-non-yang-tables"), "ignore validation for tables without YANG models", hidden=True
)
IGNORE_PATH = Option(
    ("-i", "--ignore-path"),
    "ignore validation for config specified by given path which is a JsonPointer",
    "TEXT",
    many=True,
    hidden=True,
)
VERBOSE = Option(("-v", "--verbose"), "print additional details of what the operation is doing")
NAME = Argument("checkpoint_name", "CHECKPOINT_NAME")


def _format(what: str) -> Option:
    text = f"format of {what} is either ConfigDb(ABNF) or SonicYang"
    return Option(("-f", "--format"), text, "TEXT", FORMATS, "CONFIGDB")


def register(config: Group) -> None:
    """Add the commands."""
    common = (DRY_RUN, IGNORE_TABLES, IGNORE_PATH, VERBOSE)
    parallel = Option(("-p", "--parallel"), "applying the change to all ASICs parallelly")
    config.command("apply-patch", Argument("patch_file_path"), _format("config of the patch"), parallel, *common)(
        apply_patch
    )
    config.command("replace", Argument("target_file_path"), _format("target config"), *common)(replace)
    config.command("rollback", NAME, *common)(rollback)
    config.command("checkpoint", NAME, VERBOSE)(checkpoint)
    config.command("delete-checkpoint", NAME, VERBOSE)(delete_checkpoint)
    times = Option(("-t", "--time"), "Add extra last modified time information for each checkpoint")
    config.command("list-checkpoints", times, VERBOSE)(list_checkpoints)


def _attempt(failure: Callable[[Exception], str], work: Callable[[], None], success: str) -> None:
    """Do something; say what failed as SONiC says it, and leave with 2."""
    try:
        work()
    except (OSError, ValueError, patch.BadPatch, gcu.UpdateFailed, rules.Illegal) as error:
        print(failure(error), file=sys.stderr)
        raise Refused(str(error)) from None
    print(success)


def _announce(*, dry_run: bool) -> None:
    if dry_run:
        print("** DRY RUN EXECUTION **")


def _only_config_db(chosen: str) -> None:
    if chosen != "CONFIGDB":
        raise Refused("the lab switch does not offer `--format SONICYANG`")


def apply_patch(
    *,
    patch_file_path: str,
    format: str,  # noqa: A002 (the option's name)
    parallel: bool,
    dry_run: bool,
    ignore_non_yang_tables: bool,
    ignore_path: list[str],
    verbose: bool,
) -> None:
    """Apply given patch of updates to Config. A patch is a JsonPatch which follows rfc6902.

    This command can be used do partial updates to the config with minimum disruption to running processes.

    <patch-file-path>: Path to the patch file on the file-system.
    """
    del parallel  # there is one ASIC
    _only_config_db(format)

    def work() -> None:
        _announce(dry_run=dry_run)
        operations = patch.load(Path(patch_file_path).read_text(encoding="utf-8"))
        if any(not patch.tokens(one["path"]) for one in operations):
            raise gcu.UpdateFailed("Wrong patch with empty path.")
        updater = _updater(dry_run, ignore_non_yang_tables, ignore_path, verbose)
        try:
            updater.apply(patch.apply(_without_scope(operations), configdb.read(updater.client)))
        except (patch.BadPatch, gcu.UpdateFailed, rules.Illegal) as error:
            raise gcu.UpdateFailed(f"Failed to apply patch on the following scopes:\n- localhost: {error}") from None

    _attempt(lambda error: f"Failed to apply patch due to: {error}", work, "Patch applied successfully.")


def _without_scope(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A path may begin with the scope `localhost`, which on a switch with one ASIC means nothing."""
    prefix = "/localhost/"
    return [
        one | {key: one[key][len(prefix) - 1 :] for key in ("path", "from") if str(one.get(key)).startswith(prefix)}
        for one in operations
    ]


def _updater(dry_run: bool, without_models: bool, ignore: list[str], verbose: bool) -> gcu.Updater:
    if not dry_run:
        trouble.arm()
    return gcu.Updater(dry_run=dry_run, ignore_paths=ignore, ignore_non_yang=without_models, verbose=verbose)


def replace(
    *,
    target_file_path: str,
    format: str,  # noqa: A002 (the option's name)
    dry_run: bool,
    ignore_non_yang_tables: bool,
    ignore_path: list[str],
    verbose: bool,
) -> None:
    """Replace the whole config with the specified config.

    The config is replaced with minimum disruption e.g. if ACL config is different between current and target config
    only ACL config is updated, and other
    config/services such as DHCP will not be affected.

    **WARNING** The target config file should be the whole config, not just the part intended to be updated.

    <target-file-path>: Path to the target file on the file-system.
    """
    _only_config_db(format)

    def work() -> None:
        _announce(dry_run=dry_run)
        target = load_tables(Path(target_file_path).read_text(encoding="utf-8"))
        _updater(dry_run, ignore_non_yang_tables, ignore_path, verbose).replace(target)

    _attempt(lambda _: "Failed to replace config", work, "Config replaced successfully.")


def _path(name: str) -> Path:
    return CHECKPOINTS / f"{name}.cp.json"


def _existing(name: str) -> Path:
    path = _path(name)
    if not path.is_file():
        raise ValueError(f"Checkpoint '{name}' does not exist")
    return path


def rollback(
    *, checkpoint_name: str, dry_run: bool, ignore_non_yang_tables: bool, ignore_path: list[str], verbose: bool
) -> None:
    """Rollback the whole config to the specified checkpoint.

    The config is rolled back with minimum disruption e.g. if ACL config is different between current and checkpoint
    config only ACL config is updated, and other
    config/services such as DHCP will not be affected.

    <checkpoint-name>: The checkpoint name, use `config list-checkpoints` command to see available checkpoints.
    """

    def work() -> None:
        _announce(dry_run=dry_run)
        print("Config Rollbacker: Config rollbacking starting.")
        print(f"Config Rollbacker: Checkpoint name: {checkpoint_name}.")
        print(f"Config Rollbacker: Verifying '{checkpoint_name}' exists.")
        target = load_tables(_existing(checkpoint_name).read_text(encoding="utf-8"))
        print("Config Rollbacker: Loading checkpoint into memory.")
        print("Config Rollbacker: Replacing config using 'Config Replacer'.")
        if trouble.rollback_fails():
            raise gcu.UpdateFailed("There is no possible sorting")
        updater = gcu.Updater(
            dry_run=dry_run, ignore_paths=ignore_path, ignore_non_yang=ignore_non_yang_tables, verbose=verbose
        )
        updater.replace(target)
        print("Config Rollbacker: Config rollbacking completed.")

    _attempt(lambda _: "Failed to rollback config", work, "Config rolled back successfully.")


def checkpoint(checkpoint_name: str, verbose: bool) -> None:
    """Take a checkpoint of the whole current config with the specified checkpoint name.

    <checkpoint-name>: The checkpoint name, use `config list-checkpoints` command to see available checkpoints.
    """
    del verbose

    def work() -> None:
        path = _path(checkpoint_name)
        print("Config Rollbacker: Config checkpoint starting.")
        print(f"Config Rollbacker: Checkpoint name: {checkpoint_name}.")
        print("Config Rollbacker: Getting current config db.")
        tables = configdb.read(configdb.connect())
        CHECKPOINTS.mkdir(parents=True, exist_ok=True)
        print(f"Config Rollbacker: Saving config db content to {path}.")
        path.write_text(json.dumps(tables), encoding="utf-8")
        print("Config Rollbacker: Config checkpoint completed.")

    _attempt(lambda _: "Failed to create a config checkpoint", work, "Checkpoint created successfully.")


def delete_checkpoint(checkpoint_name: str, verbose: bool) -> None:
    """Delete a checkpoint with the specified checkpoint name.

    <checkpoint-name>: The checkpoint name, use `config list-checkpoints` command to see available checkpoints.
    """
    del verbose

    def work() -> None:
        print("Config Rollbacker: Deleting checkpoint starting.")
        print(f"Config Rollbacker: Checkpoint name: {checkpoint_name}.")
        _existing(checkpoint_name).unlink()
        print("Config Rollbacker: Deleting checkpoint completed.")

    _attempt(lambda _: "Failed to delete config checkpoint", work, "Checkpoint deleted successfully.")


def list_checkpoints(time: bool, verbose: bool) -> None:
    """List the config checkpoints available."""
    del verbose
    found = sorted(CHECKPOINTS.glob("*.cp.json"))
    if not time:
        print(json.dumps([path.name.removesuffix(".cp.json") for path in found], indent=4))
        return
    rows = [
        {
            "name": path.name.removesuffix(".cp.json"),
            "time": datetime.fromtimestamp(path.stat().st_mtime, tz=UTC).isoformat(),
        }
        for path in found
    ]
    print(json.dumps(sorted(rows, key=lambda row: row["time"], reverse=True), indent=4))
