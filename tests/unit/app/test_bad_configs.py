"""Every bad configuration of bad_configs/ is refused with exactly the words beside it; then the files that are none.

After a deliberate change of words, `python -m tests.unit.app.test_bad_configs` writes them anew; read the difference.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app import config_file
from bridge.app.config_errors import ERRORS_MAX, ConfigErrors
from tests.unit.app import config_files

BAD = Path(__file__).parent / "bad_configs"
NAMES = sorted(path.stem for path in BAD.glob("*.yaml"))


def words_about(name: str, folder: Path) -> str:
    """What is said about one bad configuration, with the folder of the test left out."""
    config_files.make(folder)
    shutil.copy(BAD / f"{name}.yaml", folder / "bridge.yaml")
    with pytest.raises(ConfigErrors) as caught:
        config_file.load(folder / "bridge.yaml")
    return str(caught.value).replace(f"{folder}/", "") + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_configuration_is_refused_in_exactly_these_words(name: str, tmp_path: Path) -> None:
    assert words_about(name, tmp_path) == (BAD / f"{name}.expected").read_text()


def test_there_are_at_least_fifty_of_them() -> None:
    assert len(NAMES) >= 50


@pytest.mark.parametrize("name", NAMES)
def test_every_line_has_file_line_key_and_what_is_wrong(name: str) -> None:
    for line in (BAD / f"{name}.expected").read_text().splitlines():
        file, number, key, wrong = line.split(":", 3)
        assert file == "bridge.yaml"
        assert int(number) >= 1
        assert key.strip()
        assert wrong.strip()
        assert line.isprintable()


def refusal(path: Path) -> str:
    with pytest.raises(ConfigErrors) as caught:
        config_file.load(path)
    return str(caught.value).replace(str(path), "FILE")


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.yaml") == (
        "FILE:1: the file: there is no such file; name an existing file with --config"
    )


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "FILE:1: the file: is a folder; name the YAML file in it"


def test_a_file_over_one_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_bytes(b"#" * (config_file.FILE_SIZE_MAX + 1))
    assert refusal(path) == ("FILE:1: the file: is larger than 1 MiB; begin with a copy of config/bridge.example.yaml")


def test_a_device_that_never_ends() -> None:
    assert refusal(Path("/dev/zero")).startswith("FILE:1: the file: is larger than 1 MiB")


def test_a_file_of_one_mebibyte_is_still_judged(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(("colour: green\n" * 80_000)[: config_file.FILE_SIZE_MAX - 100])
    lines = refusal(path).splitlines()
    assert len(lines) <= ERRORS_MAX + 1
    assert "FILE:2: colour: given twice, first in line 1; remove one of the two" in lines
    assert lines[-1].startswith("... and ")


def test_files_and_folders_that_are_not_ours(open_folder: Path) -> None:
    path = open_folder / "bridge.yaml"
    path.write_text("domain: sms.example.org\n")
    path.chmod(0o200)
    with config_files.as_nobody():
        said = refusal(path)
    assert said == "FILE:1: the file: cannot be read by this user; its mode is --w-------; change its owner or group"


def test_a_secret_and_a_state_folder_that_are_not_ours(open_folder: Path) -> None:
    path = open_folder / "bridge.yaml"
    path.write_text(
        "state_folder: closed/state\n"
        "relay: {username: us, password_file: closed-secret}\n"
        "http: {certificate: closed-secret, private_key: closed-secret}\n"
    )
    (open_folder / "closed").mkdir(mode=0o500)
    (open_folder / "closed-secret").write_text("s3cret")
    (open_folder / "closed-secret").chmod(0o200)
    with config_files.as_nobody():
        said = refusal(path).replace(f"{open_folder}/", "")
    assert said.splitlines() == [
        "FILE:1: state_folder: this user may not write to closed; chown it, or choose another folder",
        "FILE:2: relay.password_file: closed-secret cannot be read by this user; change its owner or group",
        "FILE:3: http.certificate: closed-secret cannot be read by this user; change its owner or group",
        "FILE:3: http.private_key: closed-secret cannot be read by this user; change its owner or group",
    ]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def write_anew() -> None:
    """Write all expected words from what is said now."""
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            (BAD / f"{name}.expected").write_text(words_about(name, Path(folder)))


if __name__ == "__main__":
    write_anew()
