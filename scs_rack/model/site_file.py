"""Read a site file: all of its faults at once, those of its rack files included, or a Site with its racks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from scs_rack.errors import UsageError
from scs_rack.model.fault import Fault, Problem, RackFaulty
from scs_rack.model.load import check_rack
from scs_rack.model.rack import Rack
from scs_rack.model.shape import shape_problems
from scs_rack.model.site import ManagerNode, Site
from scs_rack.model.source import Source, read_source

FILE = "site.yml"


@dataclass(frozen=True)
class Member:
    """One rack of a site, with what its rack file says."""

    name: str
    folder: Path
    """Where its rack file lies here."""
    manager: ManagerNode | None
    """None: this machine."""
    rack: Rack

    @property
    def there(self) -> str:
        """Folder of the rack file on the manager."""
        if self.manager is None:
            return str(self.folder)
        return self.manager.folder or f"/etc/scs-rack/{self.name}"


@dataclass(frozen=True)
class Loaded:
    """A site without faults."""

    file: Path
    site: Site
    members: tuple[Member, ...]

    def chosen(self, names: str | None) -> tuple[Member, ...]:
        """Members by their names with commas between; all when none are named.

        Raises:
            UsageError: the site has no such rack.
        """
        if names is None:
            return self.members
        known = {member.name: member for member in self.members}
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        unknown = [name for name in wanted if name not in known]
        if unknown or not wanted:
            raise UsageError(
                f"site {self.site.name} has no rack {', '.join(unknown) or 'without a name'}",
                f"there are {', '.join(known)}",
            )
        return tuple(known[name] for name in dict.fromkeys(wanted))


def site_file(where: str | Path) -> Path:
    """Path of the site file, given itself or the folder that holds it.

    Raises:
        UsageError: there is none.
    """
    path = Path(where)
    found = path / FILE if path.is_dir() else path
    if not found.is_file():
        raise UsageError(f"there is no site file {found}", "name it, or its folder: -s DIR (docs/sites.md)")
    return found


def check_site(file: Path) -> tuple[Loaded | None, list[Fault]]:
    """Read a site file and the rack files that it names.

    Returns:
        The site when there are no faults, and all faults: its own by their lines, then those of the rack files.

    Raises:
        UsageError: the file can't be read at all.
    """
    source = read_source(file)
    faults = list(source.faults)
    if source.data is None:
        return None, faults
    site = None
    try:
        site = Site.model_validate(source.data)
    except ValidationError as error:
        problems = shape_problems(error.errors(include_url=False), Site)
        faults += [source.fault(check, problem) for check, problem in problems]
    racks, inside = _racks(source, file.parent)
    faults += [source.fault(check, problem) for check, problem in _own(source, file.parent, racks)]
    if site:
        faults += [source.fault("site-folder-twice", problem) for problem in _shared(site)]
    faults.sort(key=lambda fault: fault.line)
    faults += inside
    if faults or site is None:
        return None, faults
    members = tuple(
        Member(name, (file.parent / one.path).resolve(), one.manager, racks[name]) for name, one in site.racks.items()
    )
    return Loaded(file, site, members), []


def load_site(where: str | Path) -> Loaded:
    """Load a site file into typed objects.

    Raises:
        RackFaulty: it or one of its rack files has faults; the error carries all of them.
        UsageError: the file can't be read at all.
    """
    file = site_file(where)
    loaded, faults = check_site(file)
    if loaded is None:
        raise RackFaulty(str(file), faults)
    return loaded


def _stated(source: Source) -> Iterator[tuple[str, object]]:
    """Entries of `racks`, readable or not."""
    racks = source.value(("racks",))
    yield from racks.items() if isinstance(racks, dict) else ()


def _racks(source: Source, top: Path) -> tuple[dict[str, Rack], list[Fault]]:
    """The rack files that can be read, and the faults of all of them."""
    racks, faults, seen = {}, [], set()
    for name, _ in _stated(source):
        path = source.value(("racks", name, "path"))
        file = top / path / "rack.yml" if isinstance(path, str) else None
        if file is None or not file.is_file() or file.resolve() in seen:
            continue
        seen.add(file.resolve())
        rack, found = check_rack(file)
        faults += found
        if rack:
            racks[name] = rack
    return racks, faults


def _own(source: Source, top: Path, racks: dict[str, Rack]) -> Iterator[tuple[str, Problem]]:
    """Faults of single entries: paths that lead nowhere or to another rack, keys that are not there."""
    seen: dict[Path, str] = {}
    for name, _ in _stated(source):
        where = ("racks", name, "path")
        path = source.value(where)
        if isinstance(path, str):
            folder = (top / path).resolve()
            if folder in seen:
                yield "site-rack-twice", Problem(where, f"the same rack as {seen[folder]}", "each rack stands once")
            elif not (folder / "rack.yml").is_file():
                hint = f"`scs-rack init {name} -o {top / path}` writes one to start from"
                yield "site-rack-file", Problem(where, "there is no rack.yml in this folder", hint)
            seen.setdefault(folder, name)
        if name in racks and racks[name].name != name:
            hint = f"call it {racks[name].name} here too; locks and journals go by that name"
            yield "site-rack-name", Problem(("racks", name), f"its rack file calls it {racks[name].name}", hint, "")
        identity = source.value(("racks", name, "manager", "identity"))
        if isinstance(identity, str) and not (top / Path(identity).expanduser()).is_file():
            problem = Problem(("racks", name, "manager", "identity"), "there is no such file", "name a private SSH key")
            yield "site-identity", problem


def _shared(site: Site) -> Iterator[Problem]:
    """Racks that would lie in one folder of one manager."""
    seen: dict[tuple[str, int, str], str] = {}
    for name, one in site.racks.items():
        if one.manager and one.manager.folder:
            key = (one.manager.address, one.manager.port, one.manager.folder)
            if key in seen:
                where = ("racks", name, "manager", "folder")
                yield Problem(where, f"rack {seen[key]} lies there already", "each rack has a folder of its own")
            seen.setdefault(key, name)
