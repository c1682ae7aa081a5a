"""What servers that call are answered: whether they are installed, with what, and as whom."""

from collections.abc import Iterable
from typing import Literal

from scs_rack import ssh
from scs_rack.engine.stage import Context
from scs_rack.provision import facts, hardware, inventory, records
from scs_rack.provision.netboot import callers as calling
from scs_rack.provision.netboot import seed
from scs_rack.provision.netboot.web import Answer, Told
from scs_rack.provision.work import Say, Server, Wish, Work
from scs_rack.results import Finding


class Answers(Work):
    """The desk of the boot service (see `netboot.web.Desk`): what it asks and tells."""

    def __init__(self, ctx: Context, names: Iterable[str], wish: Wish, say: Say) -> None:
        super().__init__(ctx, names, wish, say)
        self._strangers: list[tuple[str, str]] = []
        self._owners = {
            mac.lower(): (node.name, port) for node in ctx.design.nodes.values() for port, mac in node.macs.items()
        }

    def told(self, told: Told) -> None:
        """Note it, and wake who waits for it."""
        server = self.servers[told.caller.name]
        server.trail.append({"script": "boot script", "file": told.words}.get(told.what, told.what))
        server.events.put_nowait(told)

    def heard(self, who: str, what: str) -> None:
        """Note it as evidence; tell of strangers."""
        for server in self.servers.values():
            if who in (server.caller.mac, str(server.caller.address.ip)):
                if not server.trail or server.trail[-1] != what:
                    server.trail.append(what)
                return
        if "not known" in what:
            owner, port = self._owners.get(who, ("", ""))
            self.say(f"{owner} ({who})" if owner else who, what)
            if owner and (who, what) not in self._strangers:
                self._strangers.append((who, what))
                for server in self.servers.values():
                    server.trail.append(f"{port} of {owner} asked by DHCP: are their BMCs swapped?")

    def hello(self, caller: calling.Caller, seen: facts.Facts) -> Answer:
        """Install it, look at it, or leave it alone."""
        server = self.servers[caller.name]
        server.report = seen
        inventory.keep(self.ctx.state_dir, caller.name, seen)
        design, node = self.ctx.design, server.node
        server.findings += self._swapped(server, seen)
        if server.findings and self.wish.job != "inspect" and server.findings[-1].type == "bmc-of-another":
            return Answer(None, f"its BMC is in another server: {server.findings[-1].seen}")
        if self.wish.job == "inspect":
            server.findings += hardware.differences(design, node, seen)
            return Answer({"JOB": "inspect"})
        if self.wish.job == "burnin":
            return Answer(self._burnin(caller, seen))
        begun = records.read(self.ctx.state_dir, node.name)
        verdict = hardware.judge(
            design, node, seen, wipe=self.wish.wipe,
            reinstall=node.name in self.wish.reinstall or (begun is not None and begun.state == "installing"),
            image_bytes=int(self.artifact(caller).manifest.get("unpacked", 0)),
        )  # fmt: skip
        server.findings += verdict.findings
        if not verdict.good:
            lines = [
                f"{f.where}: {f.expected} expected, {f.seen} seen" for f in verdict.findings if f.severity == "error"
            ]
            return Answer(None, "\n".join(lines))
        made = self.artifact(caller)
        files = made.manifest["files"]
        records.write(
            self.ctx.state_dir, records.Record(node.name, "installing", made.digest, server.ids.root_uuid, server.way)
        )
        return Answer({
            "JOB": "install",
            "HOST": node.name,
            "DISKS": " ".join(f"/dev/{disk.name}" for disk in verdict.disks),
            "KEY_DISK": f"/dev/{verdict.key_disk.name}" if verdict.key_disk else "",
            "KEY_UUID": server.ids.key_uuid,
            "LUKS_UUID": server.ids.luks_uuid,
            "RAID_UUID": server.ids.raid_uuid,
            "ESP_MIB": str(server.options.esp_mib),
            "ESP_ID": server.ids.esp_id,
            "ROOT_UUID": server.ids.root_uuid,
            "IMAGE_URL": self.place.http(caller, "root.tar.zst"),
            "IMAGE_BYTES": str(files["root.tar.zst"]["bytes"]),
            "IMAGE_SHA256": files["root.tar.zst"]["sha256"],
            "BOOT_URL": self.place.http(caller, "boot.tar"),
            "BOOT_SHA256": files["boot.tar"]["sha256"],
        })  # fmt: skip

    def _swapped(self, server: Server, seen: facts.Facts) -> list[Finding]:
        """Is the server that called the one whose BMC was told to boot it? By the serial numbers that both tell."""
        others = {one.bmc_serial: name for name, one in self.servers.items() if one.bmc_serial and one is not server}
        if not seen.serial or not server.bmc_serial or seen.serial == server.bmc_serial:
            return []
        if seen.serial not in others:
            return []  # many vendors' BMCs tell the serial number of a chassis
        hint = f"are the BMC cables of {server.node.name} and {others[seen.serial]} swapped?"
        where = f"a server with serial number {seen.serial}, whose BMC is that of {others[seen.serial]}"
        return [Finding("bmc-of-another", "error", server.node.name, f"serial {server.bmc_serial}", where, hint)]

    def _burnin(self, caller: calling.Caller, seen: facts.Facts) -> dict[str, str]:
        """Variables of a burn-in; disks that hold anything are left out, and told."""
        files = self.artifact(caller).manifest["files"]
        server = self.servers[caller.name]
        for disk in seen.disks:
            if disk.holds and not disk.removable:
                held = "; ".join(f"{part}: {what}" for part, what in disk.holds)
                hint = "a disk with data is never written to"
                server.findings.append(
                    Finding("disk-not-burnt", "info", f"{caller.name} {disk.name}", "an empty disk", held, hint)
                )
        return {
            "JOB": "burnin",
            "BURN_S": str(self.wish.burn_s),
            "BURN_DISKS": " ".join(disk.name for disk in seen.disks if not disk.holds and not disk.removable),
            "TOOLS_URL": self.place.http(caller, "tools.tar.zst"),
            "TOOLS_SHA256": files["tools.tar.zst"]["sha256"],
        }

    async def meet(self, caller: calling.Caller, what: Literal["turn", "pair"]) -> dict[str, str]:
        """Who hands on the image to whom; who measures the network with whom."""
        if what == "turn":
            link = await self.chain.place(caller.name)
            if link is None:
                return {"TURN": "wait"}
            before = self.servers[link.before].caller.address.ip if link.before else None
            upstream = f"http://{before}:{calling.RELAY_PORT}/" if before else ""
            return {"TURN": "go", "UPSTREAM": upstream, "RELAY": "yes" if link.after else ""}
        pair = await self.pairs.place(caller.name)
        if pair is None:
            return {"PAIR": "wait"}
        mate = str(self.servers[pair.mate].caller.address.ip) if pair.mate else ""
        return {"PAIR": ("serve" if pair.serves else "ask") if mate else "alone", "PEER": mate}

    def seed(self, caller: calling.Caller) -> bytes:
        """Name, keys, network and mounts of the server."""
        server = self.servers[caller.name]
        key = ssh.ensure(self.ctx.state_dir).public.read_text(encoding="ascii")
        image = self.artifact(caller).digest
        return seed.archive(seed.files(self.ctx.design, server.node, key, server.ids, image))
