import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transformer.model import kv_cache
from transformer.model.kv_cache import KeyValueCache


def numbers(length: int, seed: int = 0, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, length, 4, generator=generator)


def cache_of(x: Tensor) -> KeyValueCache:
    return KeyValueCache(x, -x)


def holds(cache: KeyValueCache, x: Tensor) -> bool:
    return torch.equal(cache.keys, x) and torch.equal(cache.values, -x)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 3)), max_size=25))
@settings(max_examples=60, deadline=None)
def test_a_cache_stays_what_it_was_however_often_it_is_continued(
    continuations: list[tuple[int, int]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kv_cache, "ROOM", 3)  # so that there is often none left
        caches, contents = [cache_of(numbers(2))], [numbers(2)]
        for seed, (number, length) in enumerate(continuations, start=1):
            parent = number % len(caches)  # any earlier one, again and again
            new = numbers(length, seed)
            caches.append(caches[parent].append(new, -new))
            contents.append(torch.cat((contents[parent], new), dim=2))
    for cache, content in zip(caches, contents, strict=True):
        assert holds(cache, content)
        assert cache.length == content.size(2)


def test_only_the_first_continuation_needs_no_copy() -> None:
    new = numbers(1, 1)
    start = cache_of(numbers(2)).append(new, -new)
    first, second = start.append(new, -new), start.append(new, -new)
    assert first.keys.data_ptr() == start.keys.data_ptr()
    assert second.keys.data_ptr() != start.keys.data_ptr()
    assert first.append(new, -new).keys.data_ptr() == start.keys.data_ptr()


def test_growing_beyond_its_room_loses_nothing() -> None:
    everything = numbers(1)
    cache, n_moves, place = cache_of(everything), 0, 0
    for seed in range(1, 5 * kv_cache.ROOM):
        new = numbers(1, seed)
        cache = cache.append(new, -new)
        everything = torch.cat((everything, new), dim=2)
        n_moves += cache.keys.data_ptr() != place
        place = cache.keys.data_ptr()
    assert holds(cache, everything)
    assert n_moves <= 5


def test_many_tokens_at_once() -> None:
    first, more = numbers(2), numbers(3 * kv_cache.ROOM, 1)
    assert holds(cache_of(first).append(more, -more), torch.cat((first, more), dim=2))


def test_select_reorders_repeats_and_drops() -> None:
    x, new = numbers(2, batch=3), numbers(1, 1, batch=3)
    cache = cache_of(x).append(new, -new)
    whole, rows = torch.cat((x, new), dim=2), torch.tensor([2, 0, 0, 1])
    chosen = cache.select(rows)
    assert holds(chosen, whole[rows])
    more = numbers(1, 2, batch=4)
    assert holds(chosen.append(more, -more), torch.cat((whole[rows], more), dim=2))
    assert holds(cache, whole)


def test_select_tokens_keeps_those_named_for_each_row() -> None:
    x = numbers(5)
    kept = torch.tensor([[0, 2, 4], [1, 2, 3]])
    chosen = cache_of(x).select_tokens(kept)
    assert holds(chosen, torch.stack([x[i][:, kept[i]] for i in range(2)]))
    new = numbers(1, 1)
    assert holds(chosen.append(new, -new), torch.cat((chosen.keys, new), dim=2))


def test_contiguous_is_the_same() -> None:
    x = numbers(4).transpose(0, 1)
    cache = cache_of(x).contiguous()
    assert holds(cache, x) and cache.keys.is_contiguous() and cache.values.is_contiguous()
