"""Check a feedstock's meta.yaml or a bakeries.yaml with the parsers that the sync uses."""

from pathlib import Path

from pangeo_forge_federation.files.bakeries_yaml import parse_bakeries_yaml
from pangeo_forge_federation.files.file_problems import Problem
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml
from pangeo_forge_federation.files.yaml_errors import LARGEST_FILE
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

META, BAKERIES = "meta", "bakeries"
KINDS = (META, BAKERIES)


class NothingToCheck(Exception):
    """A folder contains none of the files, or a file cannot be read. The message says which."""


def files_at(path: Path) -> list[Path]:
    """Return the file itself, or the files in a checkout that a sync reads. Raises NothingToCheck if there are none."""
    if not path.is_dir():
        return [path]
    # a sync only reads the second name if there is no file with the first one
    metas = [path / name for name in META_PATHS if (path / name).is_file()][:1]
    found = metas + [path / BAKERIES_PATH] * (path / BAKERIES_PATH).is_file()
    if not found:
        raise NothingToCheck(f"{path} contains none of these files: {', '.join((*META_PATHS, BAKERIES_PATH))}")
    return found


def kind_of(path: Path) -> str:
    """Return the kind of a file, judging by its name."""
    return BAKERIES if "bakeries" in path.name.lower() else META


def check(path: Path, kind: str) -> list[Problem]:
    """Return the problems of a file, in their order in the file. Raises NothingToCheck if it cannot be read."""
    try:
        with path.open("rb") as file:
            # one byte more, so that the parser notices a file that is too large
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise NothingToCheck(f"cannot read {path}: {error.strerror}") from None
    return (parse_bakeries_yaml if kind == BAKERIES else parse_meta_yaml)(data).problems
