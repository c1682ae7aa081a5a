"""Finding one's way in the tree of a Redfish service, and changing it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from scs_rack.bmc.errors import AnswerLost, BmcError, Busy, NoAnswer, NonsenseAnswer, NotSupported, PortClosed, Refused
from scs_rack.bmc.redfish.quirks import told
from scs_rack.bmc.redfish.read import items, link, links, text
from scs_rack.bmc.redfish.session import Session
from scs_rack.bmc.redfish.transport import Reply
from scs_rack.model.quirks import Quirk

Json = dict[str, Any]

ROOT = "/redfish/v1/"
SYSTEMS = "/redfish/v1/Systems"
_MEMBERS = 1024
"""Members of a collection that are read at most."""
_PAGES = 64
"""Pages of a collection that are read at most."""
_READS = 2
"""How often what only reads is asked for again, where the BMC says that it can't tell yet."""
_TAGS = 5
"""Ways of If-Match that are tried before a change is given up."""
_CHASSIS = 8
"""Chassis that are looked into at most."""
_HOSTS = 16
"""Systems that are asked what they are, at most."""
_NOT_THE_HOST = ("hgx", "dpu", "bluefield")
"""How the names of Systems begin that are boards inside a server (NVIDIA lists HGX_Baseboard_0 beside the host)."""


class Tree:
    """The resources of one BMC, through one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.where = session.where
        self.limits = session.service.limits
        self._root: Json | None = None
        self._system_seen: Json | None = None
        self._tags_seen: dict[str, str] = {}
        self._hint = session.service.hint
        self._system_path = self._hint.system
        self._manager_path = ""
        self._quirks: frozenset[str] | None = None

    # Reading

    async def reply(self, path: str) -> Reply:
        """One resource with its headers; NonsenseAnswer unless it is an object."""
        reply = await self._patient("GET", path, patience=self.limits.patience[:_READS])
        if not isinstance(reply.body, dict):
            raise NonsenseAnswer(f"{self.where}: {path[:120]}: the answer is no resource")
        if len(self._tags_seen) < _MEMBERS:
            self._tags_seen[path] = reply.headers.get("etag") or text(reply.body, "@odata.etag")
        return reply

    async def get(self, path: str) -> Json:
        """One resource."""
        body: Json = (await self.reply(path)).body
        return body

    async def optional(self, path: str) -> Json:
        """One resource, or nothing where there is no link to it or nothing behind it."""
        if not path:
            return {}
        try:
            return await self.get(path)
        except NotSupported:
            return {}

    async def paths(self, collection: str) -> AsyncIterator[str]:
        """Paths of the members of a collection, over all of its pages."""
        async for page in self._pages(collection):
            for path in links(page, "Members"):
                yield path

    async def members(self, collection: str) -> AsyncIterator[tuple[str, Json]]:
        """Members of a collection with their paths; those that come whole within it cost no request of their own."""
        count = 0
        async for page in self._pages(collection):
            for one in items(page, "Members"):
                path = link(one)
                body = one if "Id" in one else await self.optional(path)
                count += 1
                if body:
                    yield path, body
                if count >= _MEMBERS:
                    return

    async def _pages(self, collection: str) -> AsyncIterator[Json]:
        seen: set[str] = set()
        while collection and collection not in seen and len(seen) < _PAGES:
            seen.add(collection)
            page = await self.optional(collection)
            yield page
            following = page.get("Members@odata.nextLink")
            collection = following if isinstance(following, str) else ""

    # Where things are

    async def root(self) -> Json:
        """The service root."""
        if self._root is None:
            self._root = await self.optional(ROOT)
        return self._root

    async def system(self) -> Json:
        """The host system as it is now."""
        try:
            self._system_seen = await self.get(await self.system_path())
        except (NotSupported, NonsenseAnswer):
            if not self._hint.system or self._system_path != self._hint.system:
                raise
            self._system_path = self._hint.system = ""  # it moved, e.g. by a firmware update
            self._system_seen = await self.get(await self.system_path())
        self._hint.system = self._system_path
        return self._system_seen

    async def links(self) -> Json:
        """The host system as it was seen last: good for what does not change, such as its links."""
        return await self.system() if self._system_seen is None else self._system_seen

    async def system_path(self) -> str:
        """The one System that is the host: machines with GPU boards or DPUs have several.

        Raises:
            NotSupported: no rule says which it is.
        """
        if not self._system_path:
            found = [path async for path in self.paths(SYSTEMS)]
            hosts = [path for path in found if _is_host(path)]
            if 1 < len(hosts) <= _HOSTS:
                hosts = await self._physical(hosts)
            if len(hosts) != 1:
                names = ", ".join(found)[:200] or "none"
                raise NotSupported(f"{self.where}: which of its systems is the host is unclear: {names}")
            self._system_path = hosts[0]
        return self._system_path

    async def _physical(self, paths: list[str]) -> list[str]:
        """Those that say that they are physical machines."""
        kinds = {path: text(await self.get(path), "SystemType") for path in paths}
        return [path for path, kind in kinds.items() if kind == "Physical"] or paths

    async def manager_path(self) -> str:
        """The BMC: the first that manages the host."""
        if not self._manager_path:
            system = await self.links()
            # Huawei names the link Managers.
            found = links(system, "Links", "ManagedBy") or links(system, "Links", "Managers")
            if not found:
                found = [path async for path in self.paths("/redfish/v1/Managers")]
            if not found:
                raise NotSupported(f"{self.where}: it names no manager")
            self._manager_path = found[0]
        return self._manager_path

    async def manager(self) -> Json:
        """The BMC's own resource."""
        return await self.get(await self.manager_path())

    async def chassis(self) -> list[Json]:
        """Chassis that hold the host, whole machines before their parts; all of them where it names none.

        GPU machines name the board of their BMC only: what contains it is the machine, if it holds no other host.
        """
        named = links(await self.links(), "Links", "Chassis")
        if not named:
            named = [path async for path in self.paths("/redfish/v1/Chassis")]
        found: dict[str, Json] = {path: body for path in named[:_CHASSIS] if (body := await self.optional(path))}
        above = [link(body, "Links", "ContainedBy") for body in found.values()]
        for path in above[:_CHASSIS]:
            if path and path not in found and self._ours(body := await self.optional(path)):
                found = {path: body, **found}
        return list(found.values())

    def _ours(self, chassis: Json) -> bool:
        hosts = [path for path in links(chassis, "Links", "ComputerSystems") if _is_host(path)]
        return hosts == [self._system_path]

    async def quirks(self) -> frozenset[str]:
        """Departures of this BMC: those that the rack file states and those that its own words tell."""
        if self._quirks is None:
            stated = self.session.service.target.quirks
            self._quirks = stated | told(await self.root(), await self.links())
        return self._quirks

    async def has(self, quirk: Quirk) -> bool:
        """True when the BMC has a quirk."""
        return quirk in await self.quirks()

    # Changing

    async def post(self, path: str, body: Any = None, *, data: Any = None, limit: float | None = None) -> Reply:
        """Call an action or add a member; sent again only when the BMC said that it did not do it."""
        return await self.change("POST", path, {} if body is None and data is None else body, data=data, limit=limit)

    async def delete(self, path: str) -> Reply:
        """Delete a resource."""
        return await self.change("DELETE", path)

    async def patch(self, path: str, body: Json, limit: float | None = None) -> Reply:
        """Change a resource as its ETag asks: as it was given, without its weakness, without any."""
        tried: list[str] = []
        refused: Refused | None = None
        while len(tried) < _TAGS:
            tag = next((tag for tag in await self._tags(path, fresh=bool(tried)) if tag not in tried), None)
            if tag is None:
                break
            tried.append(tag)
            try:
                return await self.change("PATCH", path, body, {"If-Match": tag} if tag else None, limit=limit)
            except Refused as error:
                if error.status not in (412, 428):
                    raise
                refused = error
        assert refused is not None
        raise refused

    async def _tags(self, path: str, *, fresh: bool) -> list[str]:
        """Values of If-Match to try, best first; the empty one is sent as no header."""
        if await self.has("no-if-match"):
            return [""]
        if fresh or path not in self._tags_seen:
            await self.reply(path)
        tag = self._tags_seen.get(path, "")
        if not tag:
            return ["*", ""] if await self.has("if-match-always") else ["", "*"]
        return [tag, *([tag[2:]] if tag.startswith("W/") else []), "", "*"]

    async def change(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        data: Any = None,
        limit: float | None = None,
    ) -> Reply:
        """Make a change, patiently: again only when the BMC itself said that it can't do it yet."""
        self._tags_seen.clear()
        try:
            return await self._patient(method, path, body, headers, data=data, limit=limit)
        except PortClosed:
            raise
        except NoAnswer as error:
            raise AnswerLost(f"{self.where}: the answer to a change was lost: {error.message}") from error

    async def _patient(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        data: Any = None,
        limit: float | None = None,
        patience: tuple[float, ...] | None = None,
    ) -> Reply:
        """One request, and again after each pause while the BMC says that it can't do it yet."""
        for pause in self.limits.patience if patience is None else patience:
            try:
                return await self.session.request(method, path, body, headers, limit=limit, data=data)
            except Busy:
                await asyncio.sleep(pause)
        return await self.session.request(method, path, body, headers, limit=limit, data=data)

    async def first_that_works(self, tries: list[tuple[str, Json]]) -> Reply:
        """Patch the first path and body that the BMC does not refuse; what is not a matter of the body ends it."""
        refused: BmcError | None = None
        for path, body in tries:
            try:
                return await self.patch(path, body)
            except (Busy, AnswerLost):
                raise
            except Refused as error:
                refused = refused or error
        assert refused is not None
        raise refused


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _is_host(path: str) -> bool:
    return not _last(path).lower().startswith(_NOT_THE_HOST)
