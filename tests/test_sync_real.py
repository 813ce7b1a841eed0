"""The files of the real federation, where this machine has them."""

import shutil
from pathlib import Path

import pytest
from folder_sync import (
    BAKERY_DATABASE,
    dump,
    feedstock,
    one,
    problems,
    rows,
    titles,
)
from pangeo_forge_federation.values.repositories import BAKERIES_PATH
from test_sync_private import assert_nothing_private

pytest_plugins = ["folder_fixtures"]


# As a person reads them: title, beginning of the description, licence, maintainers, providers with roles, recipes.
REAL = {
    "EOBS-feedstock": (
        "E-OBS dataset",
        "E-OBS is a high resolution gridded climate dataset covering Europe",
        "proprietary",
        ["norlandrhagen"],
        [("Copernicus Climate Change Service", ["producer", "licensor"])],
        ["eobs-tg-tn-tx-rr-hu-pp", "eobs-wind-speed", "eobs-surface-downwelling"],
    ),
    "carbonplan.ocean-sink-data-feedstock": (
        "LDEO-pCO2 HPD Back in Time",
        "The ocean reduces human impact on the climate by absorbing",
        "CC BY",
        ["andersy005"],
        [("LDEO", ["producer", "licensor"]), ("LEAP", ["producer", "licensor"])],
        ["GCB-2023_dataprod_LDEO-HPD_1959-2022-updated-flipped-lon", "annual-sfco2"],
    ),
    "cmip6-feedstock": (
        "CMIP6",
        "CMIP6 datasets converted to zarr stores from ESGF files",
        "CC-BY-4.0",
        ["jbusecke", "cisaacstern"],
        [("ESGF", ["producer", "licensor"])],
        ["recipe:recipes"],
    ),
    "goes-16-feedstock": (None, None, None, [], [], ["goes"]),
    "gpcp-feedstock": (
        "Global Precipitation Climatology Project",
        "Global Precipitation Climatology Project (GPCP) Daily Version 1.3 gridded",
        "No constraints on data access or use.",
        ["rabernat"],
        [("NOAA NCEI", ["host", "licensor"]), ("University of Maryland", ["producer"])],
        ["gpcp"],
    ),
    "leap-stc.arco-era5_feedstock": (
        "ARCO ERA5",
        "Analysis-Ready, Cloud Optimized ERA5 data ingested by Google Research",
        "Apache Version 2.0",
        ["jbusecke"],
        [("Google Research", ["producer", "licensor"])],
        ["0_25_deg_pressure_surface_levels", "0_25_deg_model_levels"],
    ),
    "leap-stc.cm2o_feedstock": (
        "NOAA-GFDL CM2-O Coupled Climate Model Simulations",
        None,
        "Unknown",
        ["jbusecke"],
        [("NOAA-GFDL", ["producer", "licensor"])],
        ["small"],
    ),
    "leap-stc.gpcp-feedstock": (
        "Global Precipitation Climatology Project",
        "Global Precipitation Climatology Project (GPCP) Daily Version 1.3 gridded",
        "No constraints on data access or use.",
        ["rabernat", "norlandrhagen"],
        [("NOAA NCEI", ["host", "licensor"]), ("University of Maryland", ["producer"])],
        [],
    ),
    "liveocean-feedstock": (
        "NANOOS LiveOcean ROMS Model",
        "Hourly ocean forecast fields of the NE Pacific",
        "CC0",
        ["rsignell"],
        [("Parker MacCready", ["provider", "licensor"])],
        ["liveocean"],
    ),
    "noaa-oisst-avhrr-only-feedstock": (
        "NOAA Optimum Interpolated SST",
        "Analysis-ready Zarr datasets derived from NOAA OISST NetCDF",
        "CC-BY-4.0",
        ["rabernat"],
        [("NOAA NCEI", ["producer", "licensor"])],
        ["noaa-oisst-avhrr-only"],
    ),
    "paleo-pism-feedstock": (
        "Paleo Antarctic Ice Sheet Simulations with PISM",
        "Analysis-ready Zarr datasets derived from PISM netcdfs",
        "CC-BY-4.0",
        ["jkingslake"],
        [("PANGAEA", ["licensor"])],
        ["paleo-pism-stacked"],
    ),
}
AWS, AZURE = "devseed.bakery.development.aws.us-west-2", "devseed.bakery.development.azure.westeurope"


@pytest.fixture
def real(real_folder, folder):
    """A copy of the real files, to be changed."""
    shutil.copytree(real_folder, folder, dirs_exist_ok=True)
    return folder


def test_the_real_feedstocks_load_whole(connection, real, sync):
    sync()
    assert set(titles(connection)) == set(REAL)
    for feedstock_id, (title, description, licence, maintainers, providers, recipes) in REAL.items():
        found = feedstock(connection, feedstock_id)
        assert (found["title"], found["license"]) == (title, licence)
        assert (found["description"] or "").startswith(description or "")
        assert (found["description"] is None) == (description is None)
        assert found["meta"]
        assert [row[2] for row in found["maintainers"]] == maintainers
        names = rows(
            connection, "select name, roles from providers where feedstock_id = :id order by position", id=feedstock_id
        )
        assert names == [(name, str(roles).replace("'", '"')) for name, roles in providers]
        listed = rows(
            connection,
            "select coalesce(recipe_id, dict_object) from recipes where feedstock_id = :id order by position",
            id=feedstock_id,
        )
        assert [name for (name,) in listed] == recipes
    assert rows(
        connection, "select id, region, cluster_type, pangeo_forge_version, listed from bakeries order by id"
    ) == [
        (AWS, "aws.us-west-2", "aws.fargate", "0.5.0", 1),
        (AZURE, "azure.westeurope", "azure.aks", "0.5.0", 1),
    ]
    # neither of them has a public half
    assert rows(connection, "select description, protocol, prefix from bakery_targets order by bakery_id") == [
        ("Internal bucket", None, None),
        ("Flow output container", None, None),
    ]
    assert one(connection, "select count(*) from problems where severity = 'error'") == 0


def test_a_second_sync_of_the_real_files_changes_no_row(connection, real, sync):
    sync()
    before = dump(connection)
    assert sync().diff.counts() == {"added": 0, "changed": 0, "removed": 0, "unchanged": 13}
    assert dump(connection) == before


def test_nothing_private_of_the_real_files_is_stored(connection, real, real_folder, sync):
    sync()
    history = sorted((real_folder.parent / "real-history").rglob("bakeries@*.yaml"))
    for version in history:
        shutil.copy(version, real / BAKERY_DATABASE / BAKERIES_PATH)
        sync()
    files = [path for path in [*real_folder.rglob("*.y*ml"), *history] if path.is_file()]
    assert_nothing_private(connection, files, least=20)


@pytest.mark.parametrize(
    ("version", "gone", "new"),
    [("27b264a69b", {AZURE}, set()), ("fcaeb83c34", {AZURE}, {"devseed.bakery.development.azure.ukwest"})],
)
def test_a_real_bakery_that_vanished_is_marked(connection, real, real_folder, sync, record_run, version, gone, new):
    sync()
    record_run("noaa-oisst-avhrr-only-feedstock", "noaa-oisst-avhrr-only", AZURE)
    targets = set(rows(connection, "select bakery_id, name from bakery_targets where bakery_id = :id", id=AZURE))
    path = Path(BAKERY_DATABASE) / f"bakeries@{version}.yaml"
    shutil.copy(real_folder.parent / "real-history" / path, real / BAKERY_DATABASE / BAKERIES_PATH)
    sync()
    removed = {name for (name,) in rows(connection, "select id from bakeries where removed_at is not null")}
    assert removed == gone
    assert {name for (name,) in rows(connection, "select id from bakeries")} == {AWS, AZURE} | new
    assert targets <= set(rows(connection, "select bakery_id, name from bakery_targets"))
    assert one(connection, "select bakery_id from recipe_runs") == AZURE
    assert one(connection, "select pangeo_forge_version from bakeries where id = :id", id=AWS).startswith("0.3.")


def test_a_real_version_that_does_not_parse_keeps_the_last_good_one(connection, real, real_folder, sync):
    sync()
    before = feedstock(connection, "leap-stc.arco-era5_feedstock")
    path = Path("leap-stc", "arco-era5_feedstock", "feedstock")
    broken = real_folder.parent / "real-history" / path / "meta@4de7b18483.yaml"
    shutil.copy(broken, real / path / "meta.yaml")
    sync()
    assert feedstock(connection, "leap-stc.arco-era5_feedstock") == before
    (problem,) = problems(connection, "leap-stc/arco-era5_feedstock")
    assert problem[1:3] == ("", "error")
    sync()
    assert problems(connection, "leap-stc/arco-era5_feedstock") == [problem]
