"""Calls that run out of memory. To be imported where `_testcapi` is there, which not every Python has."""

from _testcapi import remove_mem_hooks, set_nomemory


def call_without_memory(function, start, count):
    """Call `function`, whose allocations number `start` and following fail: `count` of them, or all where it is 0.

    Returns
    -------
    failed : bool
        Whether there was a MemoryError.
    result : object
        What the function returned, None after a MemoryError.
    """
    failed, result = False, None
    set_nomemory(start, start + count if count else 0)
    try:
        result = function()
    except MemoryError:
        failed = True
    finally:
        remove_mem_hooks()
    return failed, result
