"""`sonic-installer`: images on the disk of the switch, which one runs, which one is next.

An image of the lab is a text file that begins like SONiC's own installers: a shell script with a line
`image_version="202511.1"` in its head. It changes which release the switch says and behaves to be, and nothing else.
Texts, options and exit codes: sonic-utilities 202505, sonic_installer/main.py and bootloader/.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NoReturn

from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.cmdtree import Aborted, Argument, Exit, Group, Option, Runner, confirm

HOST = Path("/host")
STATE = HOST / "boot.json"
ALL_MODELS = Path("/usr/local/lib/yang-models")
MODELS = Path("/usr/local/yang-models")
PREFIX = "SONiC-OS-"
YES = Option(("-y", "--yes"))
_VERSION = re.compile(rb'^image_version="([^"\n]{1,100})"$', re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._+-]+")
_HEAD = 65536


def current() -> str:
    """Image that runs."""
    return PREFIX + releases.build_version()


def folder(image: str) -> Path:
    """Where an image lies."""
    return HOST / f"image-{image.removeprefix(PREFIX)}"


def installed() -> list[str]:
    """Images on the disk; the one that runs is always there."""
    found = {PREFIX + path.name.removeprefix("image-") for path in HOST.glob("image-*")}
    return sorted(found | {current()})


def _state() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(STATE.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        found = {}
    return found


def _write(state: dict[str, str]) -> None:
    HOST.mkdir(exist_ok=True)
    temporary = STATE.with_suffix(".new")
    temporary.write_text(json.dumps(state), encoding="utf-8")
    temporary.replace(STATE)


def default() -> str:
    """Image that boots from now on."""
    return _state().get("default", current())


def upcoming() -> str:
    """Image that boots next."""
    return _state().get("next", default())


def switch_at_boot() -> None:
    """What the boot loader does: run the next image. Called before anything reads the release."""
    chosen = upcoming()
    state = {"default": default()}
    if chosen != current() and folder(chosen).is_dir():
        version = chosen.removeprefix(PREFIX)
        text = releases.IMAGE.read_text(encoding="utf-8")
        text = re.sub(r"^build_version: .*$", f"build_version: '{version}'", text, flags=re.MULTILINE)
        short = str(releases.number(version)) if releases.number(version) != releases.NEWEST else "master"
        text = re.sub(r"^(release|branch): .*$", rf"\1: '{short}'", text, flags=re.MULTILINE)
        folder(current()).mkdir(parents=True, exist_ok=True)
        releases.IMAGE.write_text(text, encoding="utf-8")
    if STATE.exists():
        _write(state)
    use_models()


def use_models() -> None:
    """Have the YANG models of the image that runs where SONiC has them; none where there are none."""
    MODELS.unlink(missing_ok=True)
    number = releases.number()
    of_release = ALL_MODELS / ("master" if number == releases.NEWEST else str(number))
    if of_release.is_dir():
        MODELS.symlink_to(of_release)


def print_list() -> None:
    """What `sonic-installer list` prints."""
    print(f"Current: {current()}")
    print(f"Next: {upcoming()}")
    print("Available: ")
    for image in installed():
        print(image)


def version_in(path: Path) -> str | None:
    """Version of an installer; None if it is none."""
    with path.open("rb") as file:
        found = _VERSION.search(file.read(_HEAD))
    return found[1].decode("ascii", "replace") if found else None


def tree() -> Group:
    """Commands of sonic-installer that a lab switch offers."""
    root = Group("sonic-installer", "SONiC image installation manager")
    root.command("list")(list_images)
    url = Argument("url", "URL")
    more = (
        Option(
            ("-f", "--force"),
            "Force installation of an image of a type which differs from that of the current running image",
        ),
        Option(("--skip-platform-check",), "Do not check for platform validity"),
        Option(("--skip_migration",), "Do not migrate current configuration to the newly installed image"),
        Option(("--skip-package-migration",), "Do not migrate current packages to the newly installed image"),
        Option(("--skip-setup-swap",), "Skip setup temporary SWAP memory used for installation"),
    )
    root.command("install", YES, *more, url)(install)
    root.command("set-default", Argument("image"))(set_default)
    root.command("set-next-boot", Argument("image"))(set_next_boot)
    root.command("remove", YES, Argument("image"))(remove)
    root.command("cleanup", YES)(cleanup)
    root.command("binary-version", Argument("binary_image_path"))(binary_version)
    return root


def main() -> NoReturn:
    """Run `sonic-installer`; only root may."""
    if os.geteuid() != 0:
        print("Root privileges required for this operation", file=sys.stderr)
        raise SystemExit(1)
    Runner(tree(), click=releases.click_major(releases.number())).main(sys.argv[1:])


def list_images() -> None:
    """Print installed images"""  # noqa: D415 (the text of `--help`)
    print_list()


def _download(url: str) -> Path:
    if not re.match(r"https?://", url):
        return Path(url)
    print("Downloading image...", flush=True)
    target = Path("/tmp/sonic_image")  # noqa: S108 (its name on SONiC)
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, target.open("wb") as file:  # noqa: S310 (http or https)
            shutil.copyfileobj(answer, file)
    except (OSError, urllib.error.URLError) as error:
        print(f"Download error {error}", file=sys.stderr)
        raise Aborted from None
    return target


def install(
    *,
    url: str,
    yes: bool,
    force: bool,
    skip_platform_check: bool,
    skip_migration: bool,
    skip_package_migration: bool,
    skip_setup_swap: bool,
) -> None:
    """Install image from local binary or URL"""  # noqa: D415
    del force, skip_platform_check, skip_package_migration, skip_setup_swap
    confirm("New image will be installed, continue?", yes=yes)
    path = _download(url)
    version = version_in(path) if path.is_file() else None
    if not version or not _NAME.fullmatch(version):
        print("Image file does not exist or is not a valid SONiC image file", file=sys.stderr)
        raise Aborted
    image = PREFIX + version
    if image in installed():
        print(f"Image {image} is already installed. Setting it as default...")
        set_default(image=image)
        return
    if len(installed()) >= 2:  # as the boot loader does: one is kept, the other makes room
        for old in installed():
            if old != current():
                shutil.rmtree(folder(old), ignore_errors=True)
    print(f"Installing image {image} and setting it as default...", flush=True)
    folder(image).mkdir(parents=True)
    shutil.copyfile(path, folder(image) / "installer")
    _write({"default": image})
    if not skip_migration:
        print("Command: config-setup backup")
    for command in ("sync;sync;sync", "sleep 3"):
        print(f"Command: {command}")
    os.sync()
    print("Done")


def _must_be_there(image: str) -> None:
    if image not in installed():
        print("Error: Image does not exist", file=sys.stderr)
        raise Exit(1)


def set_default(*, image: str) -> None:
    """Choose image to boot from by default"""  # noqa: D415
    _must_be_there(image)
    _write({"default": image})


def set_next_boot(*, image: str) -> None:
    """Choose image for next reboot (one time action)"""  # noqa: D415
    _must_be_there(image)
    _write({"default": default(), "next": image})


def remove(*, image: str, yes: bool) -> None:
    """Uninstall image"""  # noqa: D415
    confirm("Image will be removed, continue?", yes=yes)
    _must_be_there(image)
    if image == current():
        print("Error: Cannot remove current image", file=sys.stderr)
        raise Exit(1)
    print("Updating GRUB...")
    shutil.rmtree(folder(image))
    _write({"default": current()})
    print("Done")
    print("Image removed")


def cleanup(*, yes: bool) -> None:
    """Remove installed images which are not current and next"""  # noqa: D415
    confirm("Remove images which are not current and next, continue?", yes=yes)
    gone = [image for image in installed() if image not in (current(), upcoming())]
    for image in gone:
        print(f"Removing image {image}")
        shutil.rmtree(folder(image))
    if not gone:
        print("No image(s) to remove")


def binary_version(*, binary_image_path: str) -> None:
    """Get version from local binary image file"""  # noqa: D415
    path = Path(binary_image_path)
    version = version_in(path) if path.is_file() else None
    if not version:
        print("Image file does not exist or is not a valid SONiC image file", file=sys.stderr)
        raise Exit(1)
    print(PREFIX + version)


def reboot() -> NoReturn:
    """`reboot`: SONiC's own, which says what it does."""
    if os.geteuid() != 0:
        print("This utility must be run as root", file=sys.stderr)
        raise SystemExit(1)
    if any(word in ("-h", "-?", "--help") for word in sys.argv[1:]):
        print("Usage /usr/local/bin/reboot [options]")
        raise SystemExit(0)
    cause = HOST / "reboot-cause"
    cause.mkdir(parents=True, exist_ok=True)
    user = os.environ.get("SUDO_USER", "root")
    when = time.strftime("%a %d %b %Y %X")
    (cause / "reboot-cause.txt").write_text(
        f"User issued 'reboot' command [User: {user}, Time: {when}]\n", encoding="utf-8"
    )
    print(f"{time.strftime('%c')} Issuing OS-level reboot ...", flush=True)
    os.sync()
    raise SystemExit(subprocess.run(["systemctl", "reboot", "--no-wall"], check=False).returncode)
