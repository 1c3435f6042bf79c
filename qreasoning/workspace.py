"""Where things are in a study: its settings, and the newest dataset, run and predictions."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from qreasoning.errors import DataError, SettingsError
from qreasoning.files import MANIFEST, make_folder, read_manifest, sha256_bytes, write_text

FOLDERS = ("annotation", "training", "analysis", "data_cards")
"""What a researcher edits: the folders that make a study, and that `qr init` copies."""

LONGEST_SLUG = 120
"""Characters: what is written beside a folder has a longer name, and the limit is 255."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def shipped() -> Path:
    """The study that travels with the package (in a checkout, the repository itself)."""
    package = Path(__file__).resolve().parent
    installed = package / "study"
    return installed if installed.is_dir() else package.parent


def cache_folder() -> Path:
    """The user's cache of this package: the Label Studio environment, the demo's base model."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qreasoning"


def slug(name: str) -> str:
    """A name as one safe folder name: letters, digits, `.`, `_` and `-`; what is too long for a
    file system ends in a part of its hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "unnamed"
    if len(plain) <= LONGEST_SLUG:
        return plain
    digest = sha256_bytes(name.encode("utf-8", "surrogatepass"))[:12]
    return f"{plain[: LONGEST_SLUG - 13]}-{digest}"


@dataclass(frozen=True)
class Workspace:
    """A study: a folder with `annotation/` and `training/`, and `outputs/` for all that is made."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> "Workspace":
        """The study around `folder`: the nearest folder with annotation/*.yaml and training/."""
        for candidate in (folder.resolve(), *folder.resolve().parents):
            if any((candidate / "annotation").glob("*.yaml")) and (candidate / "training").is_dir():
                return cls(candidate)
        raise SettingsError(
            f"{folder.resolve()} is not in a study (no annotation/ and training/ here or above). "
            "Change into one, or make one with: qr init my-study"
        )

    @property
    def annotations(self) -> Path:
        """`outputs/annotations`, a folder per project."""
        return self.root / "outputs" / "annotations"

    @property
    def label_studio(self) -> Path:
        """`outputs/label-studio`, the embedded server's database and log-in."""
        return self.root / "outputs" / "label-studio"

    @property
    def backups(self) -> Path:
        """`outputs/backups`, `<project>/<time>` below."""
        return self.root / "outputs" / "backups"

    @property
    def datasets(self) -> Path:
        """`outputs/datasets`, `<name>/<version>` below."""
        return self.root / "outputs" / "datasets"

    @property
    def exports(self) -> Path:
        """`outputs/exports`, a folder per version and kind."""
        return self.root / "outputs" / "exports"

    @property
    def runs(self) -> Path:
        """`outputs/runs`, `<recipe>/<run>` below."""
        return self.root / "outputs" / "runs"

    @property
    def predictions(self) -> Path:
        """`outputs/predictions`, `<model>/<data>.parquet` below."""
        return self.root / "outputs" / "predictions"

    @property
    def sweeps(self) -> Path:
        """`outputs/sweeps`, a folder per sweep."""
        return self.root / "outputs" / "sweeps"

    @property
    def learning_curves(self) -> Path:
        """`outputs/learning-curves`, a folder per curve."""
        return self.root / "outputs" / "learning-curves"

    @property
    def reports(self) -> Path:
        """`outputs/reports`, a folder per report."""
        return self.root / "outputs" / "reports"

    def settings(self, folder: str, name: str, what: str) -> Path:
        """The YAML file `<folder>/<name>.yaml` of the study, else the shipped one.

        `name` may also be a path to a YAML file. Raises SettingsError listing the names there are.
        """
        if name.endswith((".yaml", ".yml")) and Path(name).is_file():
            return Path(name)
        for root in (self.root, shipped()):
            path = root / folder / f"{name}.yaml"
            if path.is_file() and path.resolve().is_relative_to((root / folder).resolve()):
                return path
        raise SettingsError(
            f"There is no {what} '{name}' in {self.root / folder}. "
            f"There are: {', '.join(self.names(folder)) or 'none'}."
        )

    def names(self, folder: str) -> list[str]:
        """Names of the settings files in `folder`, the study's and the shipped ones."""
        found = {
            path.relative_to(root / folder).with_suffix("").as_posix()
            for root in (self.root, shipped())
            for path in (root / folder).rglob("*.yaml")
        }
        return sorted(
            name
            for name in found - {"dimensions", "dataset"}
            if not name.startswith(("accelerate/", "sweeps/"))
        )

    def dataset(self, reference: str | None = None) -> Path:
        """The folder of a complete dataset version.

        `reference` is `name`, `name@version` or None for the newest: the highest version of the
        name, of the name built last. Raises DataError where there is none.
        """
        name, _, version = (reference or "").partition("@")
        found = [
            path.parent
            for path in self.datasets.glob(f"*/*/{MANIFEST}")
            if (not name or path.parts[-3] == name) and (not version or path.parts[-2] == version)
        ]
        found = [folder for folder in found if _VERSION.fullmatch(folder.name)]
        if not found:
            wanted = f"'{reference}' " if reference else ""
            raise DataError(
                f"There is no dataset {wanted}in {self.datasets}. Make one with: qr build-dataset"
            )
        if not name:
            name = max(found, key=lambda each: (each / MANIFEST).stat().st_mtime_ns).parent.name
        return max((each for each in found if each.parent.name == name), key=_version_key)

    def run(self, reference: str | None = None) -> Path:
        """The folder of a complete run: `recipe/run`, `recipe-run`, or None for the newest."""
        found = [path.parent for path in self.runs.glob(f"*/*/{MANIFEST}")]
        if reference is not None:
            found = [each for each in found if reference in run_names(each)]
        if not found:
            wanted = f"'{reference}' " if reference else ""
            raise DataError(f"There is no finished run {wanted}in {self.runs}. Make one: qr train")
        return max(found, key=lambda each: (each / MANIFEST).stat().st_mtime_ns)

    def model(self, reference: str | None = None) -> str | Path:
        """What `reference` means: a run of the study if it names one, else a Hub id or a path.

        None is the newest run.
        """
        known = {name for path in self.runs.glob("*/*") for name in run_names(path)}
        return self.run(reference) if reference is None or reference in known else reference


def run_names(run: Path) -> tuple[str, str]:
    """The names a run goes by: `recipe/run` and `recipe-run`."""
    return f"{run.parent.name}/{run.name}", f"{run.parent.name}-{run.name}"


def _version_key(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split("."))


def is_simulated(dataset: Path) -> bool:
    """Whether a dataset version says of itself that it is simulated."""
    manifest = read_manifest(dataset)
    return bool(manifest and manifest.get("simulated"))


def make_study(folder: Path, texts: Mapping[str, str] = MappingProxyType({})) -> Workspace:
    """Copy the shipped study folders into a new place, whole or not at all.

    `texts` are further files (path in the study to content); they replace shipped ones. Raises
    SettingsError if `folder` exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} is not empty. Name a folder that is empty or not there yet.")

    def fill(draft: Path) -> None:
        for name in FOLDERS:
            shutil.copytree(shipped() / name, draft / name)
        for path, content in {".gitignore": _IGNORED, **texts}.items():
            write_text(draft / path, content)

    make_folder(folder, fill)
    return Workspace(folder.resolve())


_IGNORED = """\
# Everything that a command makes, pictures under licences of their own, and the key that turns
# log-ins into pseudonyms: hand it over with the study, but never publish it.
/outputs/
/pictures/
/pseudonym.key
"""
