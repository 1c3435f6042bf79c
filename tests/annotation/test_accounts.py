import pytest

from qreasoning.annotation.accounts import Login, logins
from qreasoning.errors import DataError


def test_logins_are_written_once_and_only_for_the_owner(tmp_path):
    path = tmp_path / "new" / "logins.csv"
    first = logins(path, "konIQ", 3)
    content = path.read_bytes()
    assert [login.email for login in first] == [f"annotator-{n}@koniq.local" for n in (1, 2, 3)]
    assert len({login.password for login in first}) == 3
    assert min(len(login.password) for login in first) == 16
    assert path.stat().st_mode & 0o777 == 0o600
    assert logins(path, "konIQ", 3) == first
    assert path.read_bytes() == content


def test_logins_for_more_annotators_keep_the_old_ones(tmp_path):
    path = tmp_path / "logins.csv"
    two = logins(path, "konIQ", 2)
    four = logins(path, "konIQ", 4)
    assert four[:2] == two
    assert [login.email for login in four[2:]] == [f"annotator-{n}@koniq.local" for n in (3, 4)]
    assert logins(path, "konIQ", 1) == four


def test_logins_for_nobody_write_no_file(tmp_path):
    assert logins(tmp_path / "logins.csv", "konIQ", 0) == []
    assert not (tmp_path / "logins.csv").exists()


@pytest.mark.parametrize(
    ("project", "domain"),
    [("My Set_2!", "my-set-2"), ("研究", "project"), ("-a-", "a"), ("x" * 80, "x" * 60)],
)
def test_logins_domain_is_one_that_mail_addresses_may_have(tmp_path, project, domain):
    (login,) = logins(tmp_path / "logins.csv", project, 1)
    assert login.email == f"annotator-1@{domain}.local"


def test_logins_of_another_kind_of_file_are_refused(tmp_path):
    (tmp_path / "logins.csv").write_text("name,secret\na,b\n")
    with pytest.raises(DataError, match=r"logins\.csv is no list of log-ins"):
        logins(tmp_path / "logins.csv", "konIQ", 1)


def test_login_shows_neither_its_address_nor_its_password():
    login = Login("annotator-2@koniq.local", "secret")
    assert login.label == "annotator-2"
    assert "secret" not in repr(login)
