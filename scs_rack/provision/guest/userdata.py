"""What cloud-init does on larger images, for the subset that this guest promises.

Reads the metadata service (OpenStack's EC2-compatible paths): host name, public SSH keys and user data. User data may
be a script (`#!`) or a `#cloud-config` with bootcmd, write_files, packages, runcmd and final_message. Each instance is
set up once; the instance id is remembered.
"""

import base64
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import yaml

BASE = "http://169.254.169.254/latest/"
STATE = pathlib.Path("/var/lib/scs-guest")


def fetch(path: str) -> bytes | None:
    """Body of a metadata path; None where the service answers 404."""
    for attempt in range(30):
        try:
            with urllib.request.urlopen(BASE + path, timeout=10) as answer:  # noqa: S310 (the address stands above)
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
        except OSError as error:
            if attempt == 29:
                print(f"scs-guest: no metadata: {error}")
        time.sleep(1)
    return None


def run(command: object) -> None:
    """Run one entry of bootcmd or runcmd: a string by the shell, a list as it is."""
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
    code = subprocess.run(argv, check=False).returncode
    if code:
        print(f"scs-guest: exit code {code}: {command!r}")


def installed(package: str) -> bool:
    """True if dpkg knows the package as installed."""
    status = pathlib.Path("/var/lib/dpkg/status").read_text()
    return any(
        part.startswith(f"Package: {package}\n") and "Status: install ok installed" in part
        for part in status.split("\n\n")
    )


def cloud_config(text: str) -> None:
    """Do what a cloud-config asks for, in cloud-init's order."""
    config = yaml.safe_load(text) or {}
    for command in config.get("bootcmd", []):
        run(command)
    for entry in config.get("write_files", []):
        content = entry.get("content", "")
        data = base64.b64decode(content) if entry.get("encoding") in ("b64", "base64") else content.encode()
        target = pathlib.Path(entry["path"])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if "permissions" in entry:
            target.chmod(int(str(entry["permissions"]), 8))
    missing = [package for package in config.get("packages", []) if not installed(package)]
    if missing:
        run(["apt-get", "install", "-y", *missing])
    for command in config.get("runcmd", []):
        run(command)
    if "final_message" in config:
        print(config["final_message"])


def main() -> None:
    """Set the instance up, once."""
    instance = (fetch("meta-data/instance-id") or b"").decode()
    print(f"scs-guest: instance {instance}")
    if not instance or ((STATE / "instance").exists() and (STATE / "instance").read_text() == instance):
        return
    name = (fetch("meta-data/local-hostname") or b"guest").decode().split(".")[0]
    pathlib.Path("/etc/hostname").write_text(name + "\n")
    pathlib.Path("/etc/hosts").write_text(f"127.0.0.1 localhost {name}\n::1 localhost\n")
    subprocess.run(["/bin/busybox", "hostname", name], check=False)
    key = fetch("meta-data/public-keys/0/openssh-key")
    if key:
        for home in ("/root", "/home/debian"):
            keys = pathlib.Path(home, ".ssh/authorized_keys")
            keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            keys.write_bytes(key)
            keys.chmod(0o600)
        subprocess.run(["chown", "-R", "1000:1000", "/home/debian"], check=False)
    data = (fetch("user-data") or b"").decode(errors="replace")
    if data.startswith("#!"):
        script = pathlib.Path("/run/user-data")
        script.write_text(data)
        script.chmod(0o700)
        run([str(script)])
    elif data.startswith("#cloud-config"):
        cloud_config(data)
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "instance").write_text(instance)


main()
