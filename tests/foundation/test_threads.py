"""Threads that share the cores, and work that one of them does for all."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from quickprop import config
from quickprop.errors import SettingError
from quickprop.foundation.core_budget import CoreBudget, core_limit
from quickprop.foundation.side_by_side import side_by_side
from quickprop.foundation.single_flight import SingleFlight, once
from quickprop.foundation.worker_threads import WorkerThreads


def in_threads(work, count: int = 8) -> list:
    """What `work` gives in each of some threads that begin together."""
    start, results = threading.Barrier(count), []

    def run() -> None:
        start.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_thread_works_and_all_get_its_result():
    flights: SingleFlight[str, object] = SingleFlight()
    made = []

    def work() -> object:
        made.append(object())
        time.sleep(0.1)
        return made[-1]

    results = in_threads(lambda: flights.do("key", work))
    assert len(made) == 1
    assert set(map(id, results)) == {id(made[0])}
    assert not len(flights)


def test_a_failure_comes_to_all_who_waited_and_is_not_remembered():
    flights: SingleFlight[str, int] = SingleFlight()

    def fail() -> int:
        time.sleep(0.1)
        raise ValueError("no")

    def ask() -> str:
        try:
            flights.do("key", fail)
        except ValueError as error:
            return str(error)
        return "a result"

    assert in_threads(ask) == ["no"] * 8
    assert flights.do("key", lambda: 3) == 3


def test_who_waits_for_work_that_is_interrupted_does_it_himself():
    flights: SingleFlight[str, int] = SingleFlight()
    begun = threading.Event()

    def interrupted() -> int:
        begun.set()
        time.sleep(0.1)
        raise KeyboardInterrupt

    def other() -> None:
        with pytest.raises(KeyboardInterrupt):
            flights.do("key", interrupted)

    thread = threading.Thread(target=other)
    thread.start()
    begun.wait()
    assert flights.do("key", lambda: 5) == 5
    thread.join()


def test_once_makes_one():
    made = []

    @once
    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    assert set(map(id, in_threads(make))) == {id(made[0])}
    assert len(made) == 1


def test_every_piece_of_work_has_a_thread_at_once():
    workers = WorkerThreads("test", kept=2)
    for _ in range(20):
        together = threading.Barrier(5)
        futures = [workers.start(lambda together=together: together.wait(10)) for _ in range(5)]
        assert sorted(future.result(10) for future in futures) == [0, 1, 2, 3, 4]


def test_the_cores_are_shared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", "4")
    budget = CoreBudget()
    with budget.taken(3) as first, budget.taken(3) as second, budget.taken(3) as third:
        # There is always one for who asks.
        assert (first, second, third) == (3, 1, 1)
    with budget.taken(9) as all_of_them:
        assert all_of_them == 4
    assert budget.at_work == 0


def test_a_thread_at_work_alone_counts_for_those_that_want_several(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", "4")
    budget = CoreBudget()

    def work() -> None:
        for _ in range(2000):
            with budget.taken() as alone, budget.taken() as again:
                assert alone == again == 1

    with budget.taken(), budget.taken(), budget.taken(4) as left:
        assert (left, budget.at_work) == (2, 4)
    in_threads(work)
    assert budget.at_work == 0


@pytest.mark.parametrize("text", ["0", "-1", "x", "²", "1.5", "2,3", "99999999999999999999"])
def test_a_wrong_number_of_threads_is_refused_in_words(text, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", text)
    with pytest.raises(SettingError, match="QUICKPROP_NUM_THREADS"):
        config.thread_limit()


@pytest.mark.parametrize(
    ("text", "expected"), [("1", 1), ("3,2", 3), ("0", None), ("-1", None), ("²", None), ("", None)]
)
def test_the_flag_of_openmp(text, expected, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("QUICKPROP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    without = config.thread_limit()
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert config.thread_limit() == (expected or without)


def test_limits_on_threads_are_obeyed(monkeypatch: pytest.MonkeyPatch):
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    monkeypatch.setenv("QUICKPROP_NUM_THREADS", "4")
    with limits(3):
        assert core_limit() <= 3
    with limits(1):
        assert core_limit() == 1
    monkeypatch.delenv("QUICKPROP_NUM_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert core_limit() == 1
    assert core_limit(8) == 1


def test_side_by_side_keeps_the_order():
    stop = threading.Event()
    assert side_by_side(lambda k: k * k, range(20), stop, threads=3) == [k * k for k in range(20)]
    assert not stop.is_set()


def test_an_error_ends_all_and_is_raised():
    stop = threading.Event()
    done = []

    def work(k: int) -> None:
        if k == 1:
            raise ValueError("one of them")
        stop.wait(5)
        done.append(k)

    with pytest.raises(ValueError, match="one of them"):
        side_by_side(work, [0, 1, 2], stop, threads=2)
    assert stop.is_set()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="POSIX signals")
def test_an_interrupt_stops_all_and_gives_what_there_is():
    stop = threading.Event()

    def work(k: int) -> int:
        if k == 0:
            os.kill(os.getpid(), signal.SIGINT)
        stop.wait(5)
        return k

    assert side_by_side(work, [0, 1, 2, 3], stop, threads=2) == [0, 1, 2, 3]
    assert stop.is_set()
