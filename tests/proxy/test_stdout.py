"""The log's lines reach stdout whole, all of them and in their order, however many at once."""

import io
import os
import subprocess
import sys
import threading

import pytest

from proxy.stdout import Lines


class Pipe(io.BytesIO):
    """Keeps each write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, some) -> int:
        self.writes.append(bytes(some))
        return len(some)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def test_a_line_is_written_at_once(pipe):
    """In the master process, and in development."""
    Lines(lambda: pipe).write(b"one\n")

    assert pipe.writes == [b"one\n"]


def test_batches_lose_nothing_and_mix_nothing_up(pipe):
    """Sixteen threads, each with its own order."""
    lines = Lines(lambda: pipe)
    lines.batch()

    def write(name: int) -> None:
        for number in range(500):
            lines.write(b"%d %d\n" % (name, number))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.stop()

    written = [line.split() for line in b"".join(pipe.writes).splitlines()]
    for name in range(16):
        assert [int(number) for of, number in written if int(of) == name] == list(range(500))
    assert len(pipe.writes) < 4000  # of 8,000 lines


def test_no_write_is_larger_than_a_pipe_takes_whole(pipe):
    """Lines of several workers share one pipe (pipe(7), PIPE_BUF); a line that is longer by itself goes alone."""
    lines = Lines(lambda: pipe)
    lines.batch()

    for _ in range(100):
        lines.write(b"x" * 399 + b"\n")
    lines.write(b"y" * 9000 + b"\n")
    lines.stop()

    assert all(len(write) <= 4096 or write.startswith(b"y") for write in pipe.writes)
    assert all(write.endswith(b"\n") for write in pipe.writes)


def test_behind_the_end_lines_are_written_at_once(pipe):
    """What a library says while the process ends."""
    lines = Lines(lambda: pipe)
    lines.batch()
    lines.stop()
    pipe.writes.clear()

    lines.write(b"last words\n")

    assert pipe.writes == [b"last words\n"]


def test_a_reader_that_has_gone_is_nobodys_failure():
    """`serve | head -1`: requests go on."""
    program = "; ".join(
        [
            "import os; from proxy.stdout import stdout",
            "stdout.batch()",
            "[stdout.write(b'x' * 99999 + b'\\n') for _ in range(9)]",
            "stdout.stop()",
            "os._exit(7)",
        ]
    )
    reader, writer = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", program], stdout=writer)
    os.close(writer)
    os.close(reader)

    assert process.wait(20) == 7


def test_what_else_is_to_be_done_is_done_without_a_line_too(pipe):
    """Gauges are published by it; while every request hangs, there is no line."""
    called = threading.Event()

    Lines(lambda: pipe).batch(called.set)

    assert called.wait(timeout=10)
