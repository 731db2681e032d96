"""Progress: plain lines for a log, a bar on a terminal, and how much time is left."""

from experiments import progress


class Clock:
    """A clock that only moves when told."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class TestProgress:
    def lines(self, capsys):
        said = capsys.readouterr()
        assert said.out == ""
        return said.err.splitlines()

    def test_plain_lines_count_up_to_the_total(self, capsys, monkeypatch):
        clock = Clock(monkeypatch)
        with progress.progress("title", 3) as report:
            for name in "abc":
                clock.now += 10
                report(name)
        assert self.lines(capsys) == [
            "title 1/3 a, about 20 s left",
            "title 2/3 b, about 10 s left",
            "title 3/3 c",
        ]

    def test_recalled_cells_do_not_count_in_the_time_left(self, capsys, monkeypatch):
        clock = Clock(monkeypatch)
        with progress.progress("title", 5) as report:
            report("a", recalled=True)
            report("b", recalled=True)
            clock.now += 10
            report("c")
        assert self.lines(capsys) == [
            "title 1/5 a (finished earlier)",
            "title 2/5 b (finished earlier)",
            "title 3/5 c, about 20 s left",
        ]

    def test_a_run_of_recalled_cells_alone_ends(self, capsys):
        with progress.progress("title", 2) as report:
            report("a", recalled=True)
            report("b", recalled=True)
        assert self.lines(capsys)[-1] == "title 2/2 b (finished earlier)"

    def test_a_terminal_gets_a_bar_that_reaches_the_total(self, capsys, monkeypatch):
        console = progress.Console
        monkeypatch.setattr(
            progress, "Console", lambda **given: console(**given, force_terminal=True, width=80)
        )
        with progress.progress("title", 3) as report:
            report("a", recalled=True)
            report("b")
            report("c")
        said = capsys.readouterr()
        assert said.out == ""
        assert "title: c" in said.err
        assert "3/3" in said.err
