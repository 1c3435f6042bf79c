import pytest

from qreasoning.errors import SettingsError
from qreasoning.settings import Settings, load


class Inner(Settings):
    """A nested model."""

    depth: int


class Outer(Settings):
    """A model with one nested."""

    name: str
    inner: Inner = Inner(depth=1)


@pytest.fixture
def yaml_file(tmp_path):
    """Write a settings file and give its path."""

    def write(content):
        path = tmp_path / "x.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_load_of_a_good_file_gives_the_model(yaml_file):
    assert load(yaml_file("name: a\ninner: {depth: 3}\n"), Outer) == Outer(
        name="a", inner=Inner(depth=3)
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: a\nnmae: b\n", "unknown key 'nmae', remove it or correct its name"),
        ("name: a\ninner: {depth: 1, width: 2}\n", "unknown key 'inner.width'"),
        ("inner: {depth: 1}\n", "the key 'name' is missing"),
        ("name: a\ninner: {depth: deep}\n", "'inner.depth': Input should be a valid integer"),
        ("name: a\nname: b\n", "line 2: the key 'name' is given twice"),
        ("name: [a\n", "line 2"),
        ("- a\n", "holds no settings"),
        ("", "holds no settings"),
        ("name: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        (b"name: \xff\n", "not UTF-8"),
    ],
)
def test_load_of_a_bad_file_names_file_place_and_remedy(yaml_file, content, said):
    path = yaml_file(content)
    with pytest.raises(SettingsError) as caught:
        load(path, Outer)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_load_of_a_missing_file_says_so(tmp_path):
    with pytest.raises(SettingsError, match="missing"):
        load(tmp_path / "none.yaml", Outer)
