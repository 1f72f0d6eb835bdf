"""What a process keeps for its next step on the CPU: freed memory, compiled products.

Training keeps both, and so do the commands that translate and their workers, for the same reasons.
The figures are from training.

A training step on the CPU frees and allocates the same few hundred megabytes again and again.
glibc returns large blocks to the kernel at once, and the kernel clears each page before it hands
it out again. If glibc keeps them, a step of the Multi30k model is about a quarter faster (measured:
median 1.46 s to 1.09 s on two AVX2 cores). The price is memory: the process stays at its high-water
mark.

New memory still comes in pages of 4 KB, each with a trip to the kernel. So the heap is made large
beforehand and asked to consist of pages of 2 MB, where the system has them. The first 50 updates of
the Multi30k model then have 89,000 page faults instead of 430,000. Only what is used takes memory.

oneDNN compiles every matrix product for its shape and keeps 1,024 of them. Forty batches of
Multi30k need more, so some would be compiled again in every epoch. If all are kept, these batches
take a twentieth less time when they come again. In bf16 a product of attention takes up to 640 KB,
so that their number must have a bound. A long stream of text brings ever new shapes, which seldom
come again while they are kept: with 128 products it is as fast as with 2,048, and in a third less
memory (scripts/benchmark_streaming.py: 1,220 MiB instead of 1,780 after 400,000 pairs).
"""

import ctypes
import os
import sys

# From glibc's malloc.h and Linux's mman.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _MADV_HUGEPAGE = -1, -4, 14

_HUGE = 2**21

PRODUCTS, PRODUCTS_OF_A_STREAM = 2048, 128
"""How many compiled products are kept: of a text that is read again and again, of a stream."""


def keep_compiled_products(n: int = PRODUCTS) -> None:
    """Tells oneDNN how much of what it has compiled to keep; call this before its first product."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(n))


def keep_freed_memory() -> bool:
    """Asks glibc to keep what is freed, in large pages. Elsewhere nothing happens.

    Returns:
        Whether it worked.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        kept = libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, -1)
    except (OSError, AttributeError):  # another C library, musl for one
        return False
    if kept:
        _use_large_pages(libc)
    return bool(kept)


def _use_large_pages(libc: ctypes.CDLL) -> None:
    # A block at the end of the heap, freed at once but not given back: the heap of the future.
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    block = libc.malloc(size)
    if block:
        start = -(-block // _HUGE) * _HUGE
        libc.madvise(start, (block + size - start) // _HUGE * _HUGE, _MADV_HUGEPAGE)
        libc.free(block)
