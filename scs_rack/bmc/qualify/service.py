"""The Redfish service: sessions, ETags, minimal changes, allowed values, names that stay."""

import asyncio
from contextlib import AsyncExitStack

from scs_rack.bmc.errors import BmcError, LoginFailed, Refused
from scs_rack.bmc.qualify.bench import Bench, Verdict, until
from scs_rack.bmc.redfish.driver import RedfishBmc
from scs_rack.bmc.redfish.read import at, link, words
from scs_rack.bmc.redfish.session import Session
from scs_rack.bmc.redfish.tree import SYSTEMS, Json, Tree
from scs_rack.model.quirks import Quirk

SESSIONS = 8
_RESETS = frozenset({"On", "ForceOff", "GracefulShutdown", "ForceRestart"})
_TARGETS = frozenset({"None", "Pxe", "Hdd"})
_MINIMAL: Json = {"Boot": {"BootSourceOverrideEnabled": "Disabled"}}
"""The smallest change that does nothing to a server without an override."""
_WRONG_TAG = '"scs-rack-no-such-tag"'


async def sessions(bench: Bench) -> Verdict:
    """Eight sessions at the same time, all of use."""
    opened = 0
    async with AsyncExitStack() as stack:
        for _ in range(SESSIONS):
            try:
                service = await stack.enter_async_context(bench.fleet.service(bench.only("redfish")))
                session = await stack.enter_async_context(Session(service))
                await session.request("GET", SYSTEMS)
            except BmcError as error:
                return Verdict("fail", f"{opened} of {SESSIONS}; then: {error.message}", figures={"sessions": opened})
            opened += 1
    return Verdict("pass", f"{opened} of {SESSIONS}", figures={"sessions": opened})


async def stale_session(bench: Bench) -> Verdict:
    """A session that was closed opens nothing: 401 (DSP0266, 13.3.4)."""
    async with bench.fleet.service(bench.only("redfish")) as service:
        session = Session(service)
        async with session:
            token = service.headers.get("X-Auth-Token", "")
        if not token:
            return Verdict("not applicable", "it has no sessions")
        service.headers["X-Auth-Token"] = token
        try:
            await service.request("GET", SYSTEMS)
        except LoginFailed as error:
            return Verdict("pass" if error.status == 401 else "fail", f"status {error.status}")
        except BmcError as error:
            return Verdict("fail", f"not 401: {error.message}")
    return Verdict("fail", "the token of a session that was closed still opens resources")


async def etags(bench: Bench) -> Verdict:
    """A right If-Match is taken, a wrong one refused (412), none needed."""
    quirks: list[Quirk] = []
    async with bench.call("redfish") as bmc:
        tree = _tree(bmc)
        path = await tree.system_path()
        reply = await tree.reply(path)
        tag = reply.headers.get("etag") or str(at(reply.body, "@odata.etag") or "")
        plain = await _patched(tree, path, {})
        right = await _patched(tree, path, {"If-Match": await _tag(tree, path)}) if tag else "no ETag"
        wrong = await _patched(tree, path, {"If-Match": _WRONG_TAG})
    if plain in ("412", "428"):
        quirks.append("if-match-always")
    if tag and right == "412":
        quirks.append("no-if-match")
    evidence = f"ETag {'given' if tag else 'not given'}; without If-Match: {plain}; right: {right}; wrong: {wrong}"
    good = plain == "taken" and right in ("taken", "no ETag") and (wrong == "412" or not tag)
    return Verdict("pass" if good else "fail", evidence, tuple(quirks))


async def _tag(tree: Tree, path: str) -> str:
    reply = await tree.reply(path)
    return str(reply.headers.get("etag") or at(reply.body, "@odata.etag") or "")


async def _patched(tree: Tree, path: str, headers: dict[str, str]) -> str:
    try:
        await tree.session.request("PATCH", path, _MINIMAL, headers)
    except Refused as error:
        return str(error.status or "refused")
    except BmcError as error:
        return error.message[:80]
    return "taken"


async def minimal_patch(bench: Bench) -> Verdict:
    """A change of one property is taken without the others."""
    async with bench.call("redfish") as bmc:
        tree = _tree(bmc)
        places = [await tree.system_path()]
        if settings := link(await tree.system(), "@Redfish.Settings", "SettingsObject"):
            places.append(settings)
        said = {}
        for place in places:
            tag = await _tag(tree, place)
            said[place] = await _patched(tree, place, {"If-Match": tag} if tag else {})
    quirks: list[Quirk] = []
    if said[places[0]] != "taken" and "taken" in said.values():
        quirks.append("boot-in-settings")
    elif "taken" not in said.values():
        quirks.append("boot-full-request")
    evidence = "; ".join(f"{place}: {word}" for place, word in said.items())
    return Verdict("pass" if said[places[0]] == "taken" else "fail", evidence, tuple(quirks))


async def allowed_values(bench: Bench) -> Verdict:
    """What may be asked for is listed: reset types and boot targets."""
    async with bench.call("redfish") as bmc:
        tree = _tree(bmc)
        system = await tree.system()
        action = at(system, "Actions", "#ComputerSystem.Reset")
        resets = set(words(action, "ResetType@Redfish.AllowableValues"))
        if not resets:
            info = await tree.optional(link(action, "@Redfish.ActionInfo"))
            for parameter in at(info, "Parameters") or []:
                if at(parameter, "Name") == "ResetType":
                    resets |= set(words(parameter, "AllowableValues"))
        waiting = await tree.optional(link(system, "@Redfish.Settings", "SettingsObject"))
        name = "BootSourceOverrideTarget@Redfish.AllowableValues"
        targets = set(words(system, "Boot", name)) | set(words(waiting, "Boot", name))
    lacking = sorted((_RESETS - resets) | (_TARGETS - targets))
    evidence = f"resets: {', '.join(sorted(resets)) or 'none'}; boot targets: {', '.join(sorted(targets)) or 'none'}"
    return Verdict("fail", f"{', '.join(lacking)} not listed; {evidence}") if lacking else Verdict("pass", evidence)


async def stable_names(bench: Bench) -> Verdict:
    """Paths of resources are the same after the BMC was restarted."""
    async with bench.call("redfish") as bmc:
        before = await _paths(_tree(bmc))
        await bmc.reset_bmc()
    await asyncio.sleep(2.0)

    async def back() -> bool:
        async with bench.call("redfish") as again:
            await again.power_state()
            await again.boot_override()
        return True

    took = await until(back, 600.0, pause=2.0)
    if took is None:
        return Verdict("fail", "it did not come back within 600 s after its restart")
    async with bench.call("redfish") as bmc:
        after = await _paths(_tree(bmc))
    if before != after:
        gone, new = sorted(before - after)[:3], sorted(after - before)[:3]
        return Verdict("fail", f"gone: {', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'}")
    return Verdict(
        "pass", f"{len(before)} paths, back after {took + 2:.0f} s", figures={"restart_s": round(took + 2, 1)}
    )


async def _paths(tree: Tree) -> set[str]:
    """Paths of systems, chassis, managers, and of the host's parts."""
    found: set[str] = set()
    for collection in (SYSTEMS, "/redfish/v1/Chassis", "/redfish/v1/Managers"):
        found |= {path async for path in tree.paths(collection)}
    system = await tree.system()
    for name in ("EthernetInterfaces", "Processors", "Memory", "Storage"):
        if collection := link(system, name):
            found |= {path async for path in tree.paths(collection)}
    return found


def _tree(bmc: object) -> Tree:
    assert isinstance(bmc, RedfishBmc)  # called over Redfish only
    return bmc.tree
