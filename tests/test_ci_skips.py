"""CI refuses a skipped test that pip or Debian could have let run; shown on reports which pytest itself writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from no_avoidable_skips import PERMITTED, Case, Permitted, avoidable, counts, main, read

PASSING = "def test_one():\n    pass\n"
NO_PACKAGE = "import pytest\npytest.importorskip('no_such_package')\n"
NO_DATA = "import pytest\n@pytest.mark.skip(reason='The real data sets are not at data.')\ndef test_two():\n    pass\n"
FAILING = "def test_three():\n    assert False\n"
EXPECTED = "import pytest\n@pytest.mark.xfail\ndef test_four():\n    assert False\n"
IN_THE_TEST = "import pytest\ndef test_five():\n    pytest.skip('too slow')\n"
ERRING = "import pytest\n@pytest.fixture\ndef gone():\n    yield\n    raise ValueError\ndef test_six(gone):\n    assert False\n"


def report(folder: Path, *files: str) -> Path:
    """What pytest reports of these test files."""
    for number, text in enumerate(files):
        (folder / f"test_{number}.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    target = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={target}", str(folder)]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return target


def test_counts_are_those_of_pytest(tmp_path: Path) -> None:
    cases = read(report(tmp_path, PASSING, NO_PACKAGE, FAILING, EXPECTED, IN_THE_TEST, ERRING))
    assert counts(cases) == "2 passed, 2 failed, 2 skipped"


@pytest.mark.parametrize(("text", "reason"), [(NO_PACKAGE, "could not import 'no_such_package'"), (IN_THE_TEST, "too slow")])
def test_an_avoidable_skip_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str) -> None:
    assert main(report(tmp_path, PASSING, text)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("An avoidable skip: ")
    assert reason in lines[0]
    assert lines[-1] == "1 passed, 0 failed, 1 skipped"


def test_a_reason_excuses_only_where_it_is_true(tmp_path: Path) -> None:
    cases = read(report(tmp_path, NO_DATA))
    assert avoidable(cases, [Permitted("The real data sets", lambda: True, "")]) == []
    assert avoidable(cases, [Permitted("The real data sets", lambda: False, "")]) == cases
    assert avoidable(cases, []) == cases


def test_a_skipped_file_is_excused_by_its_own_reason(tmp_path: Path) -> None:
    whole_file = "import pytest\npytest.skip('no GPU here', allow_module_level=True)\n"
    cases = read(report(tmp_path, whole_file))
    assert [case.reason for case in cases] == ["no GPU here"]


@pytest.mark.parametrize(("files", "status"), [((PASSING, EXPECTED), 0), ((PASSING, FAILING), 1), ((), 1)])
def test_status(tmp_path: Path, files: tuple[str, ...], status: int) -> None:
    assert main(report(tmp_path, *files)) == status


def test_every_permitted_reason_says_why() -> None:
    assert all(entry.begins and entry.why for entry in PERMITTED)


def test_a_skip_without_a_reason_is_refused() -> None:
    assert avoidable([Case("test", "skipped")])
