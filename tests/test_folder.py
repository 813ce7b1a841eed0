import os
import shutil
import subprocess
import sys

import pytest
from folder_sync import BAKERY_DATABASE
from folder_sync import META as TEXT
from pangeo_forge_federation.files.yaml_errors import LARGEST_FILE
from pangeo_forge_federation.sync.fetched import blob_sha
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.values.repositories import is_repository

pytest_plugins = ["folder_fixtures"]

META = TEXT.encode()


def fetch(folder, *arguments, **options):
    return fetch_folder(folder, BAKERY_DATABASE, *arguments, **options)


def found(fetched):
    return [(file.repository, file.path) for file in fetched.feedstocks]


def only(fetched):
    assert len(fetched.feedstocks) == 1
    return fetched.feedstocks[0]


def test_each_owner_and_repository_is_found(folder, put):
    put("pangeo-forge/sea-ice-feedstock")
    put("pangeo-forge/tides_v2.1", b"title: Tides\n")
    put("leap-stc/sea-ice-feedstock", path="feedstock/meta.yml")
    put(BAKERY_DATABASE, b"a: {region: b}\n", "bakeries.yaml")
    fetched = fetch(folder)
    assert found(fetched) == [
        ("leap-stc/sea-ice-feedstock", "feedstock/meta.yml"),
        ("pangeo-forge/sea-ice-feedstock", "feedstock/meta.yaml"),
        ("pangeo-forge/tides_v2.1", "feedstock/meta.yaml"),
    ]
    assert [file.data for file in fetched.feedstocks] == [META, META, b"title: Tides\n"]
    assert (fetched.bakeries.repository, fetched.bakeries.path) == (BAKERY_DATABASE, "bakeries.yaml")
    assert fetched.bakeries.data == b"a: {region: b}\n"
    assert not any(file.unreadable or file.failed for file in fetched.feedstocks)
    assert fetched.source == "folder"


def test_meta_yaml_counts_where_both_names_are_there(folder, put):
    put("pangeo-forge/sea-ice-feedstock", b"title: first\n")
    put("pangeo-forge/sea-ice-feedstock", b"title: second\n", "feedstock/meta.yml")
    assert only(fetch(folder)).data == b"title: first\n"


def test_hidden_folders_and_what_is_no_repository_are_left_aside(folder, put):
    put("pangeo-forge/sea-ice-feedstock")
    put("pangeo-forge/.github")
    put(".git/sea-ice-feedstock")
    put("pangeo-forge/notes", path="README.md")
    put("pangeo-forge/top", path="meta.yaml")
    put("pangeo-forge/name with blanks")
    put("not.an.owner/sea-ice-feedstock")
    put(f"pangeo-forge/{'x' * 101}")
    (folder / "README.md").write_text("a file")
    (folder / "pangeo-forge" / "a-file").write_text("a file")
    assert found(fetch(folder)) == [("pangeo-forge/sea-ice-feedstock", "feedstock/meta.yaml")]


def test_a_folder_name_that_is_no_text_is_left_aside(folder, put):
    put("pangeo-forge/sea-ice-feedstock")
    os.makedirs(os.fsencode(folder / "pangeo-forge") + b"/\xff\xfe/feedstock")
    assert len(fetch(folder).feedstocks) == 1


def test_names_that_differ_in_letter_case_are_one_repository(folder, put):
    put("Pangeo-Forge/Sea-Ice-feedstock", b"title: first\n")
    put("pangeo-forge/sea-ice-feedstock", b"title: second\n")
    file = only(fetch(folder))
    assert (file.repository, file.data) == ("Pangeo-Forge/Sea-Ice-feedstock", b"title: first\n")


def test_the_bakery_database_is_found_in_any_letter_case_and_is_no_feedstock(folder, put):
    put("Pangeo-Forge/Bakery-Database", b"a: {region: b}\n", "bakeries.yaml")
    put("Pangeo-Forge/Bakery-Database")
    fetched = fetch(folder)
    assert fetched.bakeries.data == b"a: {region: b}\n"
    assert fetched.feedstocks == []


@pytest.mark.parametrize(
    ("organisations", "repositories", "expected"),
    [
        ((), (), ["leap-stc/b", "pangeo-forge/a", "pangeo-forge/b"]),
        (("pangeo-forge",), (), ["pangeo-forge/a", "pangeo-forge/b"]),
        (("PANGEO-Forge",), (), ["pangeo-forge/a", "pangeo-forge/b"]),
        ((), ("Pangeo-Forge/B",), ["pangeo-forge/b"]),
        (("leap-stc",), ("pangeo-forge/a",), ["leap-stc/b", "pangeo-forge/a"]),
        (("pangeo",), (), []),
        ((), ("pangeo-forge/unknown",), []),
    ],
)
def test_just_what_is_named_is_fetched(folder, put, organisations, repositories, expected):
    for name in ("pangeo-forge/a", "pangeo-forge/b", "leap-stc/b"):
        put(name)
    fetched = fetch(folder, organisations, repositories)
    assert [file.repository for file in fetched.feedstocks] == expected


def test_the_bakery_database_is_fetched_only_where_it_is_asked_for(folder, put):
    put(BAKERY_DATABASE, b"a: {region: b}\n", "bakeries.yaml")
    put("leap-stc/a")
    assert fetch(folder, ("leap-stc",)).bakeries is None
    assert fetch(folder, ("pangeo-forge",)).bakeries is not None
    assert fetch(folder, (), (BAKERY_DATABASE,)).bakeries is not None
    assert fetch(folder, bakeries=False).bakeries is None
    assert fetch(folder, feedstocks=False).feedstocks == []


def test_the_scope_is_what_was_asked_for(folder, put):
    put("leap-stc/a")
    assert fetch(folder).scope == "all"
    assert fetch(folder, bakeries=False).scope == "feedstocks"
    assert fetch(folder, feedstocks=False).scope == "bakeries"
    assert fetch(folder, ("leap-stc",)).scope == "named"
    assert fetch(folder, (), (BAKERY_DATABASE,)).scope == "bakeries"


def test_a_whole_folder_covers_each_owner_that_is_there(folder, put):
    put("Pangeo-Forge/a")
    covers = fetch(folder).covers
    assert covers("pangeo-forge/gone")
    assert covers("PANGEO-FORGE/gone")
    assert not covers("leap-stc/elsewhere")


def test_what_is_named_covers_nothing_else(folder, put):
    put("pangeo-forge/a")
    put("leap-stc/a")
    covers = fetch(folder, ("leap-stc",), ("pangeo-forge/Gone", "carbonplan/gone")).covers
    assert covers("leap-stc/gone")
    assert covers("pangeo-forge/gone")
    # named, although its owner has no folder
    assert covers("carbonplan/gone")
    assert not covers("pangeo-forge/b")
    # an organisation without a folder: nothing is known of it
    assert not fetch(folder, ("carbonplan",)).covers("carbonplan/b")


def test_a_sync_of_bakeries_covers_no_feedstock(folder, put):
    put("pangeo-forge/a")
    assert not fetch(folder, feedstocks=False).covers("pangeo-forge/gone")


def test_a_link_out_of_the_folder_is_never_read(folder, put, tmp_path):
    outside = tmp_path / "outside" / "feedstock"
    outside.mkdir(parents=True)
    (outside / "meta.yaml").write_bytes(b"title: must-not-appear\n")
    places = folder / "pangeo-forge"
    for name in ("a-file", "b-folder"):
        (places / name).mkdir(parents=True)
    (places / "a-file" / "feedstock").mkdir()
    (places / "a-file" / "feedstock" / "meta.yaml").symlink_to("../../../../outside/feedstock/meta.yaml")
    (places / "b-folder" / "feedstock").symlink_to(outside)
    (places / "c-repository").symlink_to(outside.parent)
    (places / "bakery-database").symlink_to(outside.parent)
    (folder / "an-owner").symlink_to(tmp_path)
    fetched = fetch(folder)
    assert [file.repository for file in fetched.feedstocks] == [
        "pangeo-forge/a-file",
        "pangeo-forge/b-folder",
        "pangeo-forge/c-repository",
    ]
    for file in [*fetched.feedstocks, fetched.bakeries]:
        assert file.data is None
        assert file.unreadable
        # trying again would not help
        assert not file.failed
    assert not fetched.covers("an-owner/outside")


def test_a_link_that_stays_in_the_folder_is_read(folder, put):
    real = put("pangeo-forge/real", b"title: real\n", "real.yaml")
    link = put("pangeo-forge/a")
    link.unlink()
    link.symlink_to(f"../../real/{real.name}")
    assert only(fetch(folder)).data == b"title: real\n"


def test_the_folder_itself_may_be_reached_by_a_link(folder, put, tmp_path):
    put("pangeo-forge/a")
    (tmp_path / "link").symlink_to(folder)
    assert only(fetch(tmp_path / "link")).data == META


def test_links_that_lead_nowhere_or_to_themselves_are_said(folder, put):
    for name, target in (("a-loop", "meta.yaml"), ("b-nowhere", "not-there.yaml")):
        link = put(f"pangeo-forge/{name}")
        link.unlink()
        link.symlink_to(target)
    (folder / "pangeo-forge" / "c-loop").mkdir()
    (folder / "pangeo-forge" / "c-loop" / "feedstock").symlink_to("feedstock")
    loop, nowhere, folder_loop = fetch(folder).feedstocks
    assert loop.unreadable and nowhere.unreadable and folder_loop.unreadable
    assert not any(file.failed for file in (loop, nowhere, folder_loop))


def test_something_else_in_the_files_place_is_said_and_nothing_hangs(folder):
    places = [folder / "pangeo-forge" / name / "feedstock" for name in ("a-folder", "b-fifo", "c-socket")]
    for place in places:
        place.mkdir(parents=True)
    (places[0] / "meta.yaml").mkdir()
    os.mkfifo(places[1] / "meta.yaml")
    # the path of a socket is bounded, so it is named from where it lies
    bind = "import socket, os, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind('meta.yaml')"
    subprocess.run([sys.executable, "-c", bind, places[2]], check=True)
    # in a process of its own, which can be ended if it waits for a writer
    script = "import sys; from test_folder import fetch; from pathlib import Path\n" + (
        "print(*[f.unreadable for f in fetch(Path(sys.argv[1])).feedstocks], sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder],
        cwd=os.path.dirname(__file__),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "None" not in lines


def test_a_file_that_cannot_be_opened_has_failed(folder, put):
    link = put("pangeo-forge/a")
    link.unlink()
    # longer than any name: an error that has nothing to do with who runs the tests
    link.symlink_to("x" * 300)
    file = only(fetch(folder))
    assert file.data is None
    assert file.failed
    assert file.unreadable


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_not_gone(folder, put):
    put("pangeo-forge/a").parent.chmod(0)
    try:
        assert only(fetch(folder)).failed
    finally:
        (folder / "pangeo-forge" / "a" / "feedstock").chmod(0o700)


def test_of_a_file_that_is_too_large_just_one_byte_too_many_is_read(folder, put):
    put("pangeo-forge/a", b"#" * LARGEST_FILE)
    put("pangeo-forge/b", b"#" * (LARGEST_FILE + 50))
    full, cut = fetch(folder).feedstocks
    assert len(full.data) == LARGEST_FILE
    assert len(cut.data) == LARGEST_FILE + 1


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NotADirectoryError):
        fetch(tmp_path / "not-there")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("data", [b"", META, b"a\r\nb\x00\xff\n", b"x" * 70_000], ids=len)
def test_the_version_of_a_file_is_gits_blob_id(data):
    git = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    assert blob_sha(data) == git.stdout.decode().strip()


def test_a_fetched_file_knows_its_version(folder, put):
    put("pangeo-forge/a", b"hello\n")
    assert only(fetch(folder)).sha == "ce013625030ba8dba906f756967f9e9ca394464a"


@pytest.mark.parametrize("name", ["pangeo-forge/a", "leap-stc/cm2o_feedstock", "a/tide-gauges-v2.1", "A-b1/.x"])
def test_names_of_repositories(name):
    assert is_repository(name)


@pytest.mark.parametrize(
    "name", ["", "a", "/", "a/", "/a", "a/b/c", "a b/c", "a/b c", "a.b/c", "a/..", "a/.", "a/b\n", "-a/b", "á/b"]
)
def test_names_that_are_none(name):
    assert not is_repository(name)
