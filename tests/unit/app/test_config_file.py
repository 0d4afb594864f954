"""A good configuration file: what it gives, where its paths lead, what it is warned about."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.app import config_file
from bridge.app.config_errors import ConfigError, ConfigErrors, printable, shown
from bridge.app.roles import Appliance
from bridge.app.settings import Settings, embedded
from bridge.simulator import ready
from tests.unit.app import config_files

LINK = """
links:
  - name: carrier-a
    host: smpp.example.net
    system_id: acme
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "bridge.yaml"
    path.write_text(text)
    return path


def warnings_of(folder: Path, text: str) -> list[str]:
    config_files.make(folder)
    reading = config_file.read(write(folder, text))
    return [str(warning).replace(f"{folder}/", "") for warning in reading.warnings]


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    read = config_file.load(write(tmp_path, "domain: sms.example.org\n"))
    default = Settings()
    assert read.http == default.http
    assert read.intake == default.intake
    assert read.links == []
    assert read.relay is None
    assert read.simulator is None
    assert read.mail_sink is None


def test_values_arrive_as_written(tmp_path: Path) -> None:
    text = """
smtp:
  listen:
    - {address: "::1", port: 2525}
  command_timeout_s: 12.5
  plain_auth_networks: [10.0.0.0/8, "fd00::/8"]
links:
  - name: carrier-a
    host: smpp.example.net
    system_id: "4711"
    password: "0123"
    parts_per_second: 20
"""
    read = config_file.load(write(tmp_path, text))
    assert read.smtp.listen[0].address == "::1"
    assert read.smtp.command_timeout_s == 12.5
    assert [str(network) for network in read.smtp.plain_auth_networks] == ["10.0.0.0/8", "fd00::/8"]
    link = read.links[0]
    assert (link.system_id, link.password, link.parts_per_second) == ("4711", "0123", 20.0)


def test_the_domain_alone_is_enough_for_the_mail_door(tmp_path: Path) -> None:
    assert config_file.load(write(tmp_path, "domain: sms.example.org\n")).smtp.domains == ["sms.example.org"]
    both = "domain: sms.example.org\nsmtp:\n  domains: [sms.example.org, example.org]\n"
    assert config_file.load(write(tmp_path, both)).smtp.domains == ["sms.example.org", "example.org"]


def test_relative_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config_files.make(tmp_path)
    text = LINK + "    password_file: files/secret\nmail_sink:\n  folder: mails\nstate_folder: /var/lib/smsbridge\n"
    write(tmp_path, text)
    monkeypatch.chdir(tmp_path.parent)
    read = config_file.load(Path(tmp_path.name) / "bridge.yaml")
    assert read.links[0].password_file == tmp_path / "files/secret"
    assert read.links[0].secret() == "s3cret"
    assert read.mail_sink is not None
    assert read.mail_sink.folder == tmp_path / "mails"
    assert read.state_folder == Path("/var/lib/smsbridge")


def test_the_state_folder_may_be_given_beside_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "state_folder: here\n")
    assert config_file.load(path).state_folder == tmp_path / "here"
    assert config_file.read(path, tmp_path / "there").settings.state_folder == tmp_path / "there"


def test_the_state_folder_is_found_in_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, "state_folder: here\ncolour: green\nsmtp: 5\n")
    assert config_file.state_folder_in(path) == tmp_path / "here"
    assert config_file.state_folder_in(write(tmp_path, "colour: green\n")) == tmp_path / "state"
    with pytest.raises(ConfigErrors, match="never closed"):
        config_file.state_folder_in(write(tmp_path, "state_folder: 'here\n"))


def test_a_long_smpp_password_is_a_warning(tmp_path: Path) -> None:
    text = LINK + "    password: twelve chars\n"
    assert warnings_of(tmp_path, text) == [
        "bridge.yaml:6: links[0].password: the password has 12 characters, SMPP allows 8; "
        "some carriers take it all the same; else ask for a shorter one"
    ]


def test_a_long_smpp_password_in_a_file_is_a_warning(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, LINK + "    password_file: files/long-secret\n")
    assert warning.startswith("bridge.yaml:6: links[0].password_file: the password has 12 characters")


@pytest.mark.parametrize(("name", "verb"), [("ending", "ends"), ("ended", "ended")])
def test_a_certificate_near_or_past_its_end_is_a_warning(tmp_path: Path, name: str, verb: str) -> None:
    text = f"http:\n  certificate: files/{name}.pem\n  private_key: files/key.pem\n"
    (warning,) = warnings_of(tmp_path, text)
    assert warning.startswith(f"bridge.yaml:2: http.certificate: files/{name}.pem {verb} on 20")


def test_a_good_certificate_with_its_key_is_no_warning(tmp_path: Path) -> None:
    text = (
        "smtp:\n  certificate: files/certificate.pem\n  private_key: files/key.pem\n"
        "  listen:\n    - {port: 2465, tls: implicit}\n"
    )
    assert warnings_of(tmp_path, text) == []


def test_a_mail_door_that_does_not_know_our_domain_is_a_warning(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, "domain: a.example.org\nsmtp:\n  domains: [b.example.org]\n")
    assert warning.startswith('bridge.yaml:3: smtp.domains: "a.example.org", our own domain, is not in the list')


def test_the_built_in_defaults_are_good(tmp_path: Path) -> None:
    reading = config_file.read_embedded(tmp_path / "state")
    assert reading.warnings == []
    assert reading.settings == embedded(tmp_path / "state")


def test_the_built_in_defaults_with_a_bad_state_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigErrors) as caught:
        config_file.read_embedded(tmp_path / "file")
    assert str(caught.value) == (
        f"built-in defaults:1: state_folder: {tmp_path}/file is not a folder; name a folder, or one that can be made"
    )


def test_a_state_folder_too_deep_for_the_control_socket(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="too long for the control socket in it; at most 94 octets fit"):
        config_file.read_embedded(tmp_path / ("x" * 95))


def test_errors_are_told_in_the_order_of_the_file_and_bounded() -> None:
    errors = ConfigErrors([ConfigError("f", line, "key", "wrong") for line in range(150, 0, -1)])
    lines = str(errors).splitlines()
    assert lines[0] == "f:1: key: wrong"
    assert lines[99] == "f:100: key: wrong"
    assert lines[100:] == ["... and 50 more"]


def test_too_many_errors_are_counted_and_not_told(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"colour{n}: green\n" for n in range(1000)))
    with pytest.raises(ConfigErrors) as caught:
        config_file.load(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "... and 900 more"


def test_a_wrong_value_is_shown_without_doing_harm() -> None:
    assert shown("a\x1b[2Jb\n") == r'"a\x1b[2Jb\n"'
    assert shown("x" * 100) == '"' + "x" * 57 + '..."'
    assert shown("hunter2", "links[0].password") == "the value (not shown)"
    assert shown("/etc/x", "links[0].password_file") == '"/etc/x"'
    assert printable("åäö") == "åäö"


YAML_LIKE = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(
            [
                "smtp:\n", "  listen:\n", "    - port: 2525\n", "links:\n", "  - name: a\n", "    host: b\n", "x", ": ",
                "[", "]", "{", "}", "'", '"', "&a ", "*a", "!t ", "- ", "\n", "  ", "\t", "#", "|", ">", "---\n", "1",
                "yes", "0123", "~", "domain: ", "<<: ", "? ", "state_folder: ", "/dev/null\n",
                "password_file: /dev/zero\n",
            ]
        ),
        max_size=30,
    ).map(lambda pieces: "".join(pieces).encode()),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(data=YAML_LIKE)
def test_any_file_is_either_settings_or_told_what_is_wrong(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    try:
        read = config_file.load(path)
    except ConfigErrors as refusal:
        lines = str(refusal).splitlines()
    else:
        lines = []
        assert isinstance(read, Settings)
    assert all(line.isprintable() and line.startswith((f"{path}:", "... and ")) for line in lines)


def test_a_simulator_plays_the_script_that_is_named(tmp_path: Path) -> None:
    """A ready one by its name, or a file beside the configuration."""
    (tmp_path / "mine.yaml").write_text("about: All in vain\nrules: [{answer: {status: RSYSERR}}]\n")
    for named, about in (
        ("storm", ready.about("storm")),
        ("mine.yaml", "All in vain"),
        (tmp_path / "mine.yaml", "All"),
    ):
        settings = config_file.load(write(tmp_path, f"state_folder: s\nsimulator: {{script: {named}}}\n"))
        assert Appliance(settings, print).simulator.script.about.startswith(about)  # type: ignore[union-attr]
    plain = config_file.load(write(tmp_path, "state_folder: s\nsimulator: {}\n"))
    assert Appliance(plain, print).simulator.script.about == ""  # type: ignore[union-attr]


def test_a_script_with_mistakes_is_refused_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("about: x\nrulez: []\n")
    path = write(tmp_path, "simulator: {script: mine.yaml}\n")
    with pytest.raises(ConfigErrors) as caught:
        config_file.load(path)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}:2: rulez: ")
    path = write(tmp_path, "simulator:\n  script: stormy\n")
    with pytest.raises(ConfigErrors) as caught:
        config_file.load(path)
    assert str(caught.value) == (
        f"{path}:2: simulator.script: there is no script stormy; name a YAML file, or one of calm, flapping, hung, "
        "inbound, noise, spellings, storm, throttling"
    )
    path = write(tmp_path, "simulator:\n  script: stormy.yaml\n")
    with pytest.raises(ConfigErrors, match=f"simulator.script: there is no file {tmp_path}/stormy.yaml; name a YAML"):
        config_file.load(path)
