"""The rotation's state machine: killed anywhere and run again, no client ever holds what the server refuses."""

from hypothesis import given
from hypothesis import strategies as st

from scs_rack.rotation import states
from scs_rack.rotation.states import State


class Died(Exception):
    """The rotation was killed."""


class World:
    """A server, the vault, and clients that take the vault's word when they restart."""

    def __init__(self, clients, account):
        self.account = account
        self.vault = {"db": "p0"}
        self.valid = {(self.user(), "p0")}
        self.clients = [(self.user(), "p0")] * clients
        self.count = 0
        self.left = None

    def user(self):
        return states.used(self.vault, "db", self.account or "u")

    def other(self):
        return states.twin(self.vault, "db", self.account) if self.account else "u"

    def step(self):
        """Each effect is one: the rotation may die before any of them."""
        if self.left is not None:
            if self.left == 0:
                raise Died
            self.left -= 1
        assert all(client in self.valid for client in self.clients), "a client holds what the server refuses"

    def write(self, changes):
        self.step()
        self.vault = {k: v for k, v in (self.vault | changes).items() if v is not None}

    def rotate(self):
        """What `rotate` does, in its order."""
        if states.state(self.vault, "db") is State.RESTING:
            self.count += 1
            self.write(states.begin(self.vault, "db", f"p{self.count}"))
        if states.state(self.vault, "db") is State.PENDING:
            self.step()
            self.valid |= {(self.other(), self.vault["db_next"])}
            self.write(states.switch(self.vault, "db", self.account))
        for number in range(len(self.clients)):
            self.step()
            self.clients[number] = (self.user(), self.vault["db"])
        self.step()
        self.valid = {(self.user(), self.vault["db"])}
        self.write(states.finish(self.vault, "db"))


@given(
    clients=st.integers(0, 4),
    twins=st.booleans(),
    deaths=st.lists(st.integers(0, 12), max_size=6),
)
def test_killed_anywhere_a_rotation_goes_on_and_every_client_is_served(clients, twins, deaths):
    world = World(clients, "nova" if twins else None)
    first = world.vault["db"]
    for left in [*deaths, None]:
        world.left = left
        try:
            world.rotate()
        except Died:
            assert states.unfinished(world.vault) in ([], ["db"])
    world.step()
    assert states.state(world.vault, "db") is State.RESTING
    assert states.unfinished(world.vault) == []
    assert world.vault["db"] != first
    assert world.valid == {(world.user(), world.vault["db"])}, "the old one must be refused at the end"


def test_the_account_and_its_twin_take_turns():
    vault = {"service_nova": "a"}
    seen = []
    for number in range(3):
        for changes in (states.begin, lambda v, n: states.switch(v, n, "nova"), states.finish):
            arguments = (vault, "service_nova", f"p{number}") if changes is states.begin else (vault, "service_nova")
            vault = {k: v for k, v in (vault | changes(*arguments)).items() if v is not None}
        seen.append(states.used(vault, "service_nova", "nova"))
    assert seen == ["nova-b", "nova", "nova-b"]


def test_steps_out_of_turn_change_nothing():
    assert states.switch({"a": "1"}, "a") == {}
    assert states.finish({"a": "1", "a_next": "2"}, "a") == {}
    assert states.begin({"a": "1", "a_old": "0"}, "a", "2") == {}


def test_passwords_of_bmcs_are_not_ours_to_finish():
    assert states.unfinished({"bmc_node1": "a", "bmc_node1_next": "b"}) == []
