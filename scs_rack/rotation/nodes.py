"""Runs a program on a node with what it needs on its standard input: secrets stand on no command line."""

import json
import shlex
import subprocess
from typing import Any

from scs_rack.engine.stage import Context
from scs_rack.errors import StageFailed, Unreachable
from scs_rack.remote import SSH_FAILED, ssh_command


def told(ctx: Context, host: str, program: str, data: Any, timeout: float = 120.0) -> Any:
    """Run a Python program on a node.

    Args:
        ctx: rack and state.
        host: name of a server.
        program: its text; it reads JSON from standard input and prints JSON.
        data: what it reads.
        timeout: seconds until it is given up.

    Raises:
        Unreachable: SSH failed.
        StageFailed: the program failed; the message is the last line that it wrote.
    """
    command = [*ssh_command(ctx, host), shlex.join(["python3", "-c", program])]
    try:
        done = subprocess.run(
            command, input=json.dumps(data), capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise StageFailed(f"{host} gave no answer within {timeout:g} s") from error
    if done.returncode == SSH_FAILED:
        raise Unreachable(f"{host} can't be reached: {_last(done.stderr)}")
    if done.returncode:
        raise StageFailed(f"{host}: {_last(done.stderr or done.stdout)}")
    return json.loads(done.stdout)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no words"
