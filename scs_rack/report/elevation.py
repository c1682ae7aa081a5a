"""The rack's elevation as SVG: what one hangs on the rack's door.

The front view with every unit stands at the left, a column of what one wants to know beside an open door at the right.
It is made for paper: A4 as it is, A3 enlarged, little ink, and nothing is told by colour alone.
"""

from collections import Counter
from dataclasses import dataclass

from scs_rack.design.types import Design, NodeDesign, SwitchDesign
from scs_rack.model import Disk
from scs_rack.model.draft import draft_of
from scs_rack.model.portmap import load_portmap, speed_name
from scs_rack.model.watts import draws, feed_loads
from scs_rack.report.drawing import Drawing, Style, shorten, wrap

WIDTH, MARGIN = 210.0, 10.0
RACK_X, RACK_WIDTH, RAIL = 10.0, 137.0, 6.5
PANEL_X = RACK_X + RACK_WIDTH + 6
PANEL_WIDTH = WIDTH - MARGIN - PANEL_X
TOP, BOTTOM = 19.0, 13.0
PAGE_HEIGHT = 297.0
UNIT_HEIGHT = (3.6, 9.0)
"""Lowest and highest height of a rack unit on paper."""

INK, GREY, FAINT, PAPER = "#1d2733", "#5c6773", "#c3cad1", "#ffffff"
PALETTE = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"),
    *("#d55e00", "#7f6db0", "#8c6d46", "#4d7a8a", "#a3b73c"),
)
"""Colours of models; the first six are told apart by all kinds of eyes (Okabe and Ito)."""

SHORT_ROLE = {"control": "ctl", "network": "net", "storage": "sto", "compute": "cmp"}
COLUMNS = {"name": 3.6, "model": 19.5, "role": 46.5, "management": 71.0, "BMC": 90.5}
"""Beginning of each column in mm from the left edge of a device."""


@dataclass(frozen=True)
class _Device:
    name: str
    model: str
    unit: int
    height: int
    chips: tuple[str, ...]
    mgmt: str
    bmc: str
    protocol: str
    feeds: tuple[str, ...]
    detail: str
    spare: bool = False


def _disks(disks: dict[str, Disk]) -> str:
    sizes = Counter(disk.size_gb for disk in disks.values() if disk.use == "osd")
    return " + ".join(f"{number} × {_size(size)}" for size, number in sorted(sizes.items()))


def _size(gigabytes: int) -> str:
    return f"{gigabytes / 1000:g} TB" if gigabytes >= 1000 else f"{gigabytes} GB"


def _server(design: Design, node: NodeDesign) -> _Device:
    server = design.rack.servers[node.name]
    model = design.rack.server_models[server.model]
    facts = [f"{model.cpus} threads", f"{model.memory_gib} GiB", _disks(node.disks), f"AS {node.asn}"]
    return _Device(
        name=node.name,
        model=server.model,
        unit=node.unit,
        height=model.units,
        chips=tuple(SHORT_ROLE[role] for role in node.roles),
        mgmt=str(node.mgmt.ip),
        bmc=str(node.bmc.address),
        protocol=node.bmc.protocol,
        feeds=tuple(server.feeds),
        detail="  ·  ".join(fact for fact in (*facts, server.serial and f"SN {server.serial}") if fact),
        spare=not node.in_service,
    )


def _switch(design: Design, switch: SwitchDesign) -> _Device:
    stated, portmap = design.rack.switches[switch.name], load_portmap(switch.model)
    facts = [portmap.summary, f"SONiC {switch.release}", f"AS {switch.asn}"]
    return _Device(
        name=switch.name,
        model=switch.model,
        unit=switch.unit,
        height=portmap.units,
        chips=(switch.role,),
        mgmt=str(switch.mgmt.ip),
        bmc="",
        protocol="",
        feeds=tuple(stated.feeds),
        detail="  ·  ".join(fact for fact in (*facts, stated.serial and f"SN {stated.serial}") if fact),
    )


def _devices(design: Design) -> list[_Device]:
    found = [_switch(design, switch) for switch in design.switches.values()]
    found += [_server(design, node) for node in design.nodes.values()]
    return sorted(found, key=lambda device: -device.unit)


class _Elevation:
    """Draws the rack and the column beside it."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.rack = design.rack
        self.devices = _devices(design)
        models = list(dict.fromkeys(device.model for device in self.devices))
        self.colour = {model: PALETTE[number % len(PALETTE)] for number, model in enumerate(models)}
        room = PAGE_HEIGHT - TOP - BOTTOM
        self.unit = min(max(room / self.rack.height, UNIT_HEIGHT[0]), UNIT_HEIGHT[1])
        self.bottom = TOP + self.unit * self.rack.height
        kind = f"{len(design.nodes)} servers, {len(design.switches)} switches, {self.rack.height} rack units"
        self.page = Drawing(WIDTH, self.bottom + BOTTOM, f"Rack {self.rack.name}: elevation", f"Front view: {kind}.")
        self.size = min(self.unit * 0.5, 2.5)

    def draw(self) -> str:
        """The whole picture."""
        self.page.height = max(self.page.height, self._panel() + BOTTOM)
        self._frame()
        for device in self.devices:
            self._device(device)
        self._foot()
        return self.page.svg()

    def _y(self, unit: int) -> float:
        """Upper edge of a unit."""
        return self.bottom - unit * self.unit

    def _frame(self) -> None:
        page, left, right = self.page, RACK_X, RACK_X + RACK_WIDTH
        inside = left + RAIL
        for label, x in COLUMNS.items():
            page.text(inside + x, TOP - 4.2, label, 2.1, fill=GREY)
        page.text(right - RAIL - 1.5, TOP - 4.2, "feeds", 2.1, fill=GREY, text_anchor="end")
        style: Style = {"fill": "#f6f7f8", "stroke": INK, "stroke_width": 0.5}
        page.rect(left, TOP - 2.2, RACK_WIDTH, self.bottom - TOP + 4.4, rx=1.6, **style)
        page.rect(inside, TOP, RACK_WIDTH - 2 * RAIL, self.bottom - TOP, fill=PAPER, stroke=FAINT, stroke_width=0.2)
        filled = {device.unit + above for device in self.devices for above in range(device.height)} | {self.rack.height}
        for unit in range(1, self.rack.height + 1):
            y, middle = self._y(unit), self._y(unit) + self.unit / 2
            weight = "bold" if unit % 5 == 0 else None
            for x in (left + RAIL / 2 - 0.7, right - RAIL / 2 + 0.7):
                page.text(x, middle + 0.75, str(unit), 2.1, text_anchor="middle", font_weight=weight, fill=GREY)
            if not filled & {unit, unit + 1}:
                page.line((inside, y), (right - RAIL, y), stroke=FAINT, stroke_width=0.12, stroke_dasharray="0.6 0.9")
            for x in (inside - 1.5, right - RAIL + 0.7):
                page.rect(x, middle - 0.4, 0.8, 0.8, fill=PAPER, stroke=FAINT, stroke_width=0.15)

    def _device(self, device: _Device) -> None:
        page, colour, size = self.page, self.colour[device.model], self.size
        x, width = RACK_X + RAIL + 0.3, RACK_WIDTH - 2 * RAIL - 0.6
        height = device.height * self.unit - 0.4
        y = self._y(device.unit + device.height - 1) + 0.2
        page.tip(f"{device.name}: {device.model}, {device.detail}")
        page.rect(x, y, width, height, rx=0.7, fill=PAPER)
        dash = "1.2 0.8" if device.spare else None
        style: Style = {"fill": colour, "fill_opacity": 0.0 if device.spare else 0.1, "stroke_dasharray": dash}
        page.rect(x, y, width, height, rx=0.7, stroke=colour, stroke_width=0.28, **style)
        page.rect(x, y, 1.7, height, rx=0.7, fill=colour)
        two_lines = height >= size * 3.1
        base = y + height / 2 + size * (0.36 if not two_lines else -0.28)
        page.text(x + COLUMNS["name"], base, shorten(device.name, 17, size * 1.12), size * 1.12, font_weight="bold")
        page.text(x + COLUMNS["model"], base, shorten(device.model, 27, size), size, fill=GREY)
        self._chips(x + COLUMNS["role"], base, (*device.chips, *(("spare",) if device.spare else ())))
        page.text(x + COLUMNS["management"], base, device.mgmt, size)
        if device.bmc:
            page.text(x + COLUMNS["BMC"], base, device.bmc, size)
            page.text(x + COLUMNS["BMC"] + size * 7.1, base, device.protocol, size * 0.72, fill=GREY)
        for number, feed in enumerate(reversed(device.feeds)):
            self._feed(x + width - 2.6 - number * size * 1.55, base - size * 0.36, feed)
        if two_lines:
            detail = shorten(device.detail, width - 16, size * 0.86)
            page.text(x + COLUMNS["name"], base + size * 1.5, detail, size * 0.86, fill=GREY)
        page.end()

    def _chips(self, x: float, base: float, chips: tuple[str, ...]) -> None:
        size = self.size * 0.82
        for chip in chips:
            width = len(chip) * size * 0.62 + 1.5
            style: Style = {"fill": PAPER, "stroke": GREY, "stroke_width": 0.18}
            self.page.rect(x, base - size * 1.05, width, size * 1.4, rx=size * 0.5, **style)
            self.page.text(x + width / 2, base - size * 0.08, chip, size, text_anchor="middle")
            x += width + 0.7

    def _feed(self, x: float, y: float, feed: str) -> None:
        radius = self.size * 0.62
        self.page.add("circle", cx=x, cy=y, r=radius, fill=PAPER, stroke=INK, stroke_width=0.2)
        size = self.size * (0.82 if len(feed) == 1 else 0.5)
        self.page.text(x, y + size * 0.36, shorten(feed, 2.2, size), size, text_anchor="middle", font_weight="bold")

    def _panel(self) -> float:
        rack, y = self.rack, 15.5
        title = min(9.0, PANEL_WIDTH / max(len(rack.name), 1) / 0.58)
        self.page.text(PANEL_X, y, rack.name, title, font_weight="bold")
        for line in wrap(rack.description, PANEL_WIDTH, 2.5):
            y += 4.0
            self.page.text(PANEL_X, y + 0.8, line, 2.5, fill=GREY)
        y = self._facts(y + 4.3)
        y = self._models(y)
        y = self._power(y)
        y = self._networks(y)
        return self._cables(y)

    def _heading(self, y: float, title: str) -> float:
        self.page.line((PANEL_X, y), (PANEL_X + PANEL_WIDTH, y), stroke=INK, stroke_width=0.3)
        self.page.text(PANEL_X, y + 3.6, title, 2.6, font_weight="bold")
        return y + 7.6

    def _pair(self, y: float, key: str, value: str) -> float:
        self.page.text(PANEL_X, y, key, 2.2, fill=GREY)
        self.page.text(PANEL_X + PANEL_WIDTH, y, shorten(value, PANEL_WIDTH - 13, 2.2), 2.2, text_anchor="end")
        return y + 3.5

    def _facts(self, y: float) -> float:
        design, first, last = self.design, *self.rack.pools.asn
        y = self._heading(y, "Cloud")
        pairs = (
            ("API", design.api.host),
            ("API address", str(design.api.vip4)),
            ("Region", self.rack.region),
            ("Domain", self.rack.domain),
            ("Manager", str(design.manager.mgmt.ip)),
            ("Loopbacks", str(self.rack.pools.loopback4)),
            ("", str(self.rack.pools.loopback6)),
            ("AS numbers", f"{first}-{last}"),
        )
        for key, value in pairs:
            y = self._pair(y, key, value)
        y += 1.0
        for role, short in SHORT_ROLE.items():
            self._chips(PANEL_X, y, (short,))
            hosts = len(design.groups[role])
            self.page.text(PANEL_X + 8, y, f"{role}: {hosts} in service", 2.2, fill=GREY)
            y += 3.8
        return y + 0.8

    def _models(self, y: float) -> float:
        y = self._heading(y, "Models")
        number = Counter(device.model for device in self.devices)
        heights = {device.model: device.height for device in self.devices}
        for model, colour in self.colour.items():
            style: Style = {"fill_opacity": 0.1, "stroke": colour, "stroke_width": 0.28}
            self.page.rect(PANEL_X, y - 2.1, 4.4, 2.6, rx=0.4, fill=colour, **style)
            self.page.rect(PANEL_X, y - 2.1, 1.2, 2.6, rx=0.4, fill=colour)
            name = shorten(model, PANEL_WIDTH - 20, 2.2)
            self.page.text(PANEL_X + 6, y, f"{number[model]} × {name}", 2.2)
            watts = self._watts(model)
            self.page.text(PANEL_X + PANEL_WIDTH, y, f"{heights[model]}U {watts} W", 2.0, text_anchor="end", fill=GREY)
            y += 3.7
        return y + 0.8

    def _watts(self, model: str) -> int:
        server = self.rack.server_models.get(model)
        return server.power_w if server else load_portmap(model).power_w

    def _power(self, y: float) -> float:
        y = self._heading(y, "Power (highest draw)")
        devices = list(draws(draft_of(self.rack)))
        normal = feed_loads(devices)
        width = PANEL_WIDTH - 6
        for name, feed in self.rack.power.feeds.items():
            others = [other for other in self.rack.power.feeds if other != name]
            worst = max((feed_loads(devices, lost).get(name, 0) for lost in others), default=normal.get(name, 0))
            self._feed(PANEL_X + 1.6, y - 0.6, name)
            style: Style = {"stroke": GREY, "stroke_width": 0.2}
            self.page.rect(PANEL_X + 6, y - 2.2, width, 3.0, fill=PAPER, **style)
            for load, shade in ((worst, "#d9dee3"), (normal.get(name, 0), "#8a96a3")):
                self.page.rect(PANEL_X + 6, y - 2.2, width * min(load / feed.capacity_w, 1), 3.0, fill=shade)
            self.page.rect(PANEL_X + 6, y - 2.2, width, 3.0, fill="none", **style)
            text = f"{_kw(normal.get(name, 0))}, alone {_kw(worst)}, of {_kw(feed.capacity_w)}"
            self.page.text(PANEL_X + 6, y + 3.6, text, 2.1, fill=GREY)
            y += 8.2
        total, budget = sum(watts for watts, _ in devices), self.rack.power.budget_w
        y = self._pair(y, "Rack", f"{_kw(total)} of {_kw(budget)}" if budget else _kw(total))
        return y + 0.8

    def _networks(self, y: float) -> float:
        y = self._heading(y, "Networks")
        for name, network in self.rack.networks.items():
            self.page.text(PANEL_X, y, shorten(name, 14, 2.2), 2.2, font_weight="bold")
            self.page.text(PANEL_X + 15, y, f"VLAN {network.vlan}", 2.1, fill=GREY)
            self.page.text(PANEL_X + PANEL_WIDTH, y, str(network.prefix), 2.1, text_anchor="end")
            y += 3.6
        return y + 0.8

    def _cables(self, y: float) -> float:
        y = self._heading(y, "Cables")
        ends = [(name, port) for name, switch in self.design.switches.items() for port in switch.ports.values()]
        count: Counter[int] = Counter()
        for name, port in ends:
            data_peer = port.peer in self.design.switches and port.peer_port != "eth0" and port.port != "eth0"
            if port.speed and port.port != "eth0":
                count[port.speed] += 1 if not data_peer or name < port.peer else 0
        for speed, number in sorted(count.items(), reverse=True):
            y = self._pair(y, speed_name(speed), str(number))
        return self._pair(y, "all", str(len(self.rack.cables)))

    def _foot(self) -> None:
        y = self.page.height - 5.2
        left = "Front view. Unit 1 is the lowest. A dashed device is a spare and switched off."
        self.page.text(RACK_X, y, left, 2.1, fill=GREY)
        right = "drawn from rack.yml by scs-rack"
        self.page.text(WIDTH - MARGIN, y, right, 2.1, text_anchor="end", fill=GREY)


def _kw(watts: int) -> str:
    return f"{watts / 1000:.1f} kW"


def elevation(design: Design) -> str:
    """The rack's elevation as an SVG file, in millimetres, at most as high as A4."""
    return _Elevation(design).draw()
