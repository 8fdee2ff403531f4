"""The search for circles of garbage is off while it is paused, and as it was afterwards."""

from __future__ import annotations

import gc
import os
import threading

import pytest

from quickprop.foundation.collection import collection_paused


@pytest.fixture(autouse=True)
def collecting():
    gc.enable()
    yield
    gc.enable()


def test_off_within_and_on_afterwards():
    with collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_on_again_after_an_error():
    with pytest.raises(ValueError, match="no"), collection_paused():
        raise ValueError("no")
    assert gc.isenabled()


def test_whoever_turned_it_off_finds_it_off():
    gc.disable()
    with collection_paused():
        pass
    assert not gc.isenabled()


def test_the_last_of_several_threads_turns_it_on():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with collection_paused():
            inside.set()
            leave.wait(10.0)

    thread = threading.Thread(target=other)
    with collection_paused():
        thread.start()
        assert inside.wait(10.0)
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_child_collects():
    read, write = os.pipe()
    with collection_paused():
        child = os.fork()
        if not child:
            os.write(write, b"1" if gc.isenabled() else b"0")
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"1"
