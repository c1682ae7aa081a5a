"""Runs in a network namespace of its own: HAProxy as role haproxy configures it, an ACME server, and our client.

Arguments: folder; the judges' Python; what to do. Prints JSON.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from scs_rack import pki, pki_acme, pki_given
from scs_rack.design import make_design
from scs_rack.errors import ScsRackError
from scs_rack.model.load import load_rack
from tests.roles.test_haproxy import CONTROLLERS, render, sections

folder, judge, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]


def call(*words):
    subprocess.run(words, check=True, capture_output=True)


call("ip", "link", "set", "lo", "up")
call("ip", "address", "add", "10.91.0.254/32", "dev", "lo")
call("ip", "address", "add", "fd5c:5::fe/128", "dev", "lo", "nodad")
rack, state = folder / "rack", folder / "state"
server = subprocess.Popen(
    [judge, Path(__file__).with_name("server.py"), folder / "acme", "10.91.0.254"],
    stdout=subprocess.PIPE,
    stderr=(folder / "acme.log").open("w"),
    text=True,
)
proxy = None
try:
    port = server.stdout.readline().strip()
    text = (rack / "rack.yml").read_text()
    (rack / "rack.yml").write_text(text.replace("PORT", port))
    design = make_design(load_rack(rack))
    own = pki_given.given(rack, design)
    pki.ensure(state, design, own)
    pki_acme.account_key(state)
    thumbprint = "another" if "thumbprint" in what else pki_acme.thumbprint(state)
    found = sections(render(CONTROLLERS, thumbprint=thumbprint))
    kept = ["defaults common", "defaults http", "frontend acme"]
    lines = [title + (" from common" if title == "defaults http" else "") for title in kept]
    lines = [line + (" from http" if line == "frontend acme" else "") for line in lines]
    config = "".join(f"{line}\n  " + "\n  ".join(found[title]) + "\n" for line, title in zip(lines, kept, strict=True))
    (folder / "haproxy.cfg").write_text("global\n  maxconn 100\n" + config)
    proxy = subprocess.Popen(["haproxy", "-db", "-f", folder / "haproxy.cfg"], stderr=(folder / "proxy.log").open("w"))
    time.sleep(1)
    said = {"stand_in_before": pki.stand_in(state, design), "due_before": pki_acme.due(state, design, 30)}
    try:
        for _ in range(2 if "twice" in what else 1):
            pki_acme.fetch(state, design, own, rack)
    except ScsRackError as error:
        said |= {"error": error.message, "hint": error.hint}
    said |= {
        "stand_in": pki.stand_in(state, design),
        "due": pki_acme.due(state, design, 30),
        "lacking": pki.lacking(state, design, own),
    }
    for path in (
        "/",
        "/.well-known/acme-challenge/a%22b",
        "/.well-known/acme-challenge/a/b",
        "/.well-known/acme-challenge/tok_-1",
    ):
        done = subprocess.run(
            ["curl", "-sg", "-o", folder / "body", "-w", "%{http_code}", f"http://[fd5c:5::fe]{path}"],
            capture_output=True,
            text=True,
            check=False,
        )
        said[path] = [done.stdout, (folder / "body").read_text()]
        (folder / "body").write_text("")
    said["thumbprint"] = pki_acme.thumbprint(state)
    print(json.dumps(said))
finally:
    for process in (server, proxy):
        if process:
            process.terminate()
            process.wait(10)
