import pytest

from qreasoning.annotation.store import LOG, read_log
from qreasoning.errors import DataError


@pytest.mark.parametrize("torn", [b"{", b'{"place": "he', b'{"id": 1}'])
def test_read_log_with_a_torn_last_line_drops_and_repairs_it(tmp_path, torn):
    path = tmp_path / LOG
    path.write_bytes(b'{"id": 1}\n{"id": 2}\n' + torn)
    assert read_log(path) == [{"id": 1}, {"id": 2}]
    assert path.read_bytes() == b'{"id": 1}\n{"id": 2}\n'


def test_read_log_damaged_inside_names_the_line(tmp_path):
    path = tmp_path / LOG
    path.write_bytes(b'{"id": 1}\nrubbish\n{"id": 2}\n')
    with pytest.raises(DataError, match=r"log\.jsonl, line 2, is damaged"):
        read_log(path)


def test_read_log_before_any_pull_is_empty(tmp_path):
    assert read_log(tmp_path / LOG) == []
