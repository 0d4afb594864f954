"""Items are handed over in order, in batches, one at a time, each exactly once."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bridge.runtime.batches import Batches


def run(counts: list[int], size_max: int) -> list[list[int]]:
    async def go() -> list[list[int]]:
        batches: list[list[int]] = []
        busy = 0

        async def hand_over(items: list[int]) -> None:
            nonlocal busy
            busy += 1
            assert busy == 1, "two batches on their way"
            await asyncio.sleep(0)
            batches.append(items)
            busy -= 1

        gathering: Batches[int] = Batches("test", hand_over, size_max)
        item = 0
        for count in counts:
            for _ in range(count):
                gathering.add(item)
                item += 1
            await asyncio.sleep(0)
        assert await gathering.drained(5)
        assert gathering.count == 0
        return batches

    return asyncio.run(go())


@given(st.lists(st.integers(0, 20), max_size=10), st.integers(1, 7))
def test_every_item_once_and_in_order(counts: list[int], size_max: int) -> None:
    batches = run(counts, size_max)
    assert [item for batch in batches for item in batch] == list(range(sum(counts)))
    assert all(1 <= len(batch) <= size_max for batch in batches)


def test_what_comes_in_one_turn_goes_in_one_batch() -> None:
    assert [len(batch) for batch in run([9], size_max=100)] == [9]


def test_draining_gives_up_in_time_and_keeps_the_rest() -> None:
    async def go() -> None:
        gate = asyncio.Event()
        seen: list[int] = []

        async def hand_over(items: list[int]) -> None:
            await gate.wait()
            seen.extend(items)

        gathering: Batches[int] = Batches("test", hand_over, 1)
        gathering.add(1)
        gathering.add(2)
        assert not await gathering.drained(0.01)
        assert gathering.count == 2
        gate.set()
        assert await gathering.drained(5)
        assert seen == [1, 2]

    asyncio.run(go())
