"""A feedstock's meta.yaml or a bakeries.yaml, checked as the sync reads it."""

from pathlib import Path

from pangeo_forge_federation.files.bakeries_yaml import parse_bakeries_yaml
from pangeo_forge_federation.files.file_problems import Problem
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml
from pangeo_forge_federation.files.yaml_errors import LARGEST_FILE
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

META, BAKERIES = "meta", "bakeries"
KINDS = (META, BAKERIES)


class NothingThere(Exception):
    """A folder without such a file, or something that is no file. Says so in a sentence."""


def files_at(path: Path) -> list[Path]:
    """The file itself, or those of a checkout's folder that a sync reads. Raises NothingThere."""
    if not path.is_dir():
        return [path]
    # a feedstock has one: the second name counts where the first is missing
    metas = [path / name for name in META_PATHS if (path / name).is_file()][:1]
    found = metas + [path / BAKERIES_PATH] * (path / BAKERIES_PATH).is_file()
    if not found:
        raise NothingThere(f"{path} has no {', '.join((*META_PATHS, BAKERIES_PATH))}")
    return found


def kind_of(path: Path) -> str:
    """What a file's name says that it is."""
    return BAKERIES if "bakeries" in path.name.lower() else META


def check(path: Path, kind: str) -> list[Problem]:
    """The problems of a file, in its order. Raises NothingThere where it cannot be read."""
    try:
        with path.open("rb") as file:
            # a byte more tells that it is too large
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise NothingThere(f"{path} cannot be read: {error.strerror}") from None
    return (parse_bakeries_yaml if kind == BAKERIES else parse_meta_yaml)(data).problems
