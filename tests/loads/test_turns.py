"""Turns: one holder at a time, whoever asks when, and nobody waits for the dead."""

import threading
import uuid

import pytest

from millrace.turns import Holder, Turn

A, B, C = (Holder("sales", f"run {name}") for name in "abc")


def runs_on(holder):
    return False


def has_ended(holder):
    return True


@pytest.fixture
def turn(client):
    bucket = f"turns-{uuid.uuid4().hex[:10]}"
    client("s3").create_bucket(Bucket=bucket)
    return Turn(client("s3"), bucket, "sales")


def test_who_comes_first_has_it_until_they_end_it(turn):
    assert turn.holder() is None
    assert [turn.take(A, runs_on), turn.take(B, runs_on), turn.take(A, runs_on)] == [1, None, 1]
    assert not turn.end(B) and turn.holder() == A
    assert turn.end(A) and turn.holder() is None
    assert turn.take(B, runs_on) == 2


def test_a_holder_whose_run_has_ended_is_succeeded_and_can_end_nothing(turn):
    asked = []
    turn.take(A, runs_on)
    assert turn.take(B, lambda holder: asked.append(holder) or True) == 2
    assert asked == [A]
    assert not turn.end(A) and turn.holder() == B


def test_who_was_a_moment_slower_does_not_get_it(turn):
    turn.take(A, runs_on)

    def overtaken(holder):
        assert turn.take(C, has_ended) == 2
        return True

    assert turn.take(B, overtaken) is None
    assert turn.holder() == C


def test_a_turn_that_was_given_back_and_taken_again_is_not_ended_by_who_read_it_before(turn, monkeypatch):
    turn.take(A, runs_on)
    write = turn._write

    def late(holder, number, condition):
        monkeypatch.undo()
        turn.end(A)
        turn.take(A, runs_on)
        return write(holder, number, condition)

    monkeypatch.setattr(turn, "_write", late)
    assert not turn.end(A)
    assert turn.holder() == A


def test_a_run_goes_on_after_a_failure_unless_another_had_a_turn_since(turn):
    number = turn.take(A, runs_on)
    assert turn.keep(A, number)
    turn.end(A)
    assert turn.keep(A, number) and turn.holder() == A
    turn.end(A)
    assert turn.take(B, runs_on) == number + 1
    turn.end(B)
    assert turn.holder() is None
    assert not turn.keep(A, number)
    assert turn.take(A, runs_on) == number + 2


def test_of_many_at_once_one_gets_it(turn):
    for _ in range(5):
        start, got = threading.Barrier(8), []

        def ask(number, start=start, got=got):
            start.wait()
            me = Holder("sales", str(number))
            got.append(turn.take(me, runs_on) is not None)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got.count(True) == 1
        turn.end(turn.holder())
