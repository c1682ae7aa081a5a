"""Who does something together."""

import asyncio

from scs_rack.provision.together import Gathering, Link, Pair, chain, pairs


def test_a_chain_begins_at_the_manager_and_ends_at_the_last():
    assert chain(["a", "b", "c"]) == {"a": Link("", "b"), "b": Link("a", "c"), "c": Link("b", "")}
    assert chain(["a"]) == {"a": Link("", "")}


def test_an_odd_one_is_alone():
    assert pairs(["a", "b", "c"]) == {
        "a": Pair("b", serves=True), "b": Pair("a", serves=False), "c": Pair("", serves=True)
    }  # fmt: skip


def test_all_that_are_coming_are_awaited():
    async def run():
        gathering = Gathering("abc", chain)
        assert await gathering.place("a", patience=0.01) is None
        first, second = asyncio.create_task(gathering.place("a")), asyncio.create_task(gathering.place("b"))
        await asyncio.sleep(0.3)
        assert not first.done()
        third = await gathering.place("c")
        assert [await first, await second, third] == [Link("", "b"), Link("a", "c"), Link("b", "")]

    asyncio.run(run())


def test_nobody_waits_for_who_is_gone_or_late():
    async def run():
        gathering = Gathering("abc", chain, quiet=0.2)
        waiting = asyncio.create_task(gathering.place("a"))
        gathering.gone("b")
        assert await waiting == Link("", "")  # c is late
        assert await gathering.place("c") == Link("", "")

    asyncio.run(run())


def test_who_gave_up_while_it_waited_is_left_out():
    async def run():
        gathering = Gathering("ab", chain)
        assert await gathering.place("a", patience=0.01) is None
        gathering.gone("a")
        assert await gathering.place("b") == Link("", "")

    asyncio.run(run())
