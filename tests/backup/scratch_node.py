"""A throw-away copy of the node image in namespaces of its own, in which a script runs as on a node."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from scs_rack.model.cloud import ImageOptions
from scs_rack.provision.image import image_of

ENTER = r"""
set -eu
mount -t tmpfs none "$1"; mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"; mount --bind /dev "$1/root/dev"; mount -t tmpfs none "$1/root/run"
exec chroot "$1/root" bash -c "$3" </dev/stdin
"""
"""In namespaces of its own for mounts, processes and networks: all of it is gone with its last process."""


@pytest.fixture(scope="module")
def node():
    """Runs a script as a node would."""
    if os.geteuid() != 0:
        pytest.skip("needs root for namespaces")
    image = image_of(ImageOptions())
    if not image.complete:
        pytest.skip(f"the node image {image.digest} is not built: `scs-rack image build -r inventory/lab`")

    def run(script, check=True):
        folder = Path(tempfile.mkdtemp(prefix="scs-rack-test-"))
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", ENTER, "enter"]
        try:
            done = subprocess.run(
                ["nice", "-n", "19", *command, folder, image.root, script],
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
                stdin=subprocess.DEVNULL,
            )
        finally:
            shutil.rmtree(folder)
        assert not check or done.returncode == 0, done.stderr
        return done

    return run
