"""How the benchmark of guests tells what it saw."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])


def test_ratios_are_of_the_guests_own_start_and_of_the_way_by_hand() -> None:
    from guest_start import Start, text

    starts = [Start(1.0, 8.0, 30.0, 15.0), Start(1.0, 9.0, 40.0, 16.0), Start(1.0, 7.0, 22.0, 11.0)]
    rows = text(starts, "tcg").splitlines()
    assert rows[1].split() == ["1", "1.0", "s", "8.0", "s", "30.0", "s", "15.0", "s", "2.00"]
    assert rows[4] == "median: ready after 30.0 s, 2.00 of the guest's own start (15.0 s), tcg"
    assert rows[5] == "by hand under TCG on two cores: 33 s; ratio 0.91"
    assert len(text(starts, "kvm").splitlines()) == 5


def test_ready_is_what_the_guest_itself_says() -> None:
    import guest_start

    class Compute:
        def __init__(self) -> None:
            self.gone: list[str] = []

        def find_flavor(self, name: str, *, ignore_missing: bool) -> SimpleNamespace:
            return SimpleNamespace(id=name)

        def create_server(self, **asked: object) -> SimpleNamespace:
            return SimpleNamespace(name=asked["name"])

        def delete_server(self, server: SimpleNamespace) -> None:
            self.gone.append(server.name)

        def wait_for_delete(self, server: SimpleNamespace, wait: float) -> None:
            pass

    consoles = iter(["", "Linux version 6", "scs-guest: host key x\nscs-guest: ready after 12.34 s\n"])
    compute = Compute()
    found = SimpleNamespace(id="i", min_disk=0)
    smoke = SimpleNamespace(
        cloud=SimpleNamespace(compute=compute, image=SimpleNamespace(find_image=lambda *_, **__: found)),
        network=SimpleNamespace(id="n"),
        group=SimpleNamespace(name="g"),
        wait=lambda _what, _seconds, ask, every: next(said for _ in range(9) if (said := ask())),
        _active=lambda _server: True,
        _console_of=lambda _server: next(consoles),
    )
    seen = guest_start.start(smoke, 1)  # type: ignore[arg-type]
    assert seen.own == 12.34
    assert seen.accepted <= seen.active <= seen.ready
    assert compute.gone == ["scs-rack-start-1"]
