"""The federation's real files of meta.yaml, where this machine has them, as a person reads them."""

import json
import os
from pathlib import Path

import pytest
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml

# What a person reads in the real files, which lie in the folder that FEDERATION_REAL_DIR names.
LDEO = "pangeo-ldeo-nsf-earthcube"
RYAN = ("rabernat", "Ryan Abernathey", "0000-0001-5999-4917")
JULIUS = ("jbusecke", "Julius Busecke", "0000-0001-8571-865X")
GPCP_PROVIDERS = [
    ("NOAA NCEI", "https://www.ncei.noaa.gov/products/global-precipitation-climatology-project", ["host", "licensor"]),
    ("University of Maryland", "http://gpcp.umd.edu/", ["producer"]),
]
LICENSE_PROBLEM = ("/provenance/license", "warning")
REAL = {
    "pangeo-forge/liveocean-feedstock": {
        "feedstock": ("NANOOS LiveOcean ROMS Model", "CC0", None, None, "0.9.0", LDEO),
        "description": ("Hourly ocean forecast fields", "LiveOcean.html"),
        "recipes": [("liveocean", "recipe:recipe", None)],
        "maintainers": [("rsignell", "Rich Signell", "0000-0003-0682-9613")],
        "providers": [
            (
                "Parker MacCready",
                "https://faculty.washington.edu/pmacc/LO/LiveOcean.html",
                ["provider", "licensor"],
            )
        ],
        "problems": [("/provenance/providers/0/roles/0", "warning"), LICENSE_PROBLEM],
    },
    "pangeo-forge/gpcp-feedstock": {
        "feedstock": (
            "Global Precipitation Climatology Project",
            "No constraints on data access or use.",
            None,
            None,
            "0.9.0",
            LDEO,
        ),
        "description": ("Global Precipitation", "from 1996 to present."),
        "recipes": [("gpcp", "recipe:recipe", None)],
        "maintainers": [RYAN],
        "providers": GPCP_PROVIDERS,
        "problems": [LICENSE_PROBLEM],
    },
    "pangeo-forge/paleo-pism-feedstock": {
        "feedstock": (
            "Paleo Antarctic Ice Sheet Simulations with PISM",
            "CC-BY-4.0",
            "CC-BY-4.0",
            None,
            "0.8.3",
            LDEO,
        ),
        "description": ("Analysis-ready Zarr", "PISM netcdfs"),
        "recipes": [("paleo-pism-stacked", "recipe:recipe", None)],
        "maintainers": [("jkingslake", "Jonathan Kingslake", "0000-0002-2065-9473")],
        "providers": [("PANGAEA", "https://doi.pangaea.de/10.1594/PANGAEA.940149", ["licensor"])],
        "problems": [],
    },
    "pangeo-forge/cmip6-feedstock": {
        "feedstock": ("CMIP6", "CC-BY-4.0", "CC-BY-4.0", None, "0.8.3", LDEO),
        "description": ("CMIP6 datasets", "ESGF files"),
        "recipes": [(None, None, "recipe:recipes")],
        "maintainers": [JULIUS, ("cisaacstern", "Charles Stern", "0000-0002-4078-0852")],
        "providers": [("ESGF", "https://esgf-node.llnl.gov/projects/cmip6/", ["producer", "licensor"])],
        "problems": [],
    },
    "pangeo-forge/EOBS-feedstock": {
        "feedstock": (
            "E-OBS dataset",
            "proprietary",
            None,
            "https://www.ecad.eu/documents/ECAD_datapolicy.pdf",
            "0.8.3",
            LDEO,
        ),
        "description": ("E-OBS is a high resolution", "with other variables."),
        "recipes": [
            ("eobs-tg-tn-tx-rr-hu-pp", "recipe:tg_tn_tx_rr_hu_pp_recipe", None),
            ("eobs-wind-speed", "recipe:fg_recipe", None),
            ("eobs-surface-downwelling", "recipe:qq_recipe", None),
        ],
        "maintainers": [("norlandrhagen", "Raphael Hagen", "0000-0003-1994-1153")],
        "providers": [
            (
                "Copernicus Climate Change Service",
                "https://surfobs.climate.copernicus.eu/dataaccess/access_eobs.php#datafiles",
                ["producer", "licensor"],
            )
        ],
        "problems": [],
    },
    "pangeo-forge/goes-16-feedstock": {
        "feedstock": (None, None, None, None, None, None),
        "description": None,
        "recipes": [("goes", "recipe:recipe", None)],
        "maintainers": [],
        "providers": [],
        "problems": [("/title", "warning")],
    },
    "pangeo-forge/noaa-oisst-avhrr-only-feedstock": {
        "feedstock": (
            "NOAA Optimum Interpolated SST",
            "CC-BY-4.0",
            "CC-BY-4.0",
            None,
            "0.5.0",
            "devseed.bakery.development.aws.us-west-2",
        ),
        "description": ("Analysis-ready Zarr", "NOAA OISST NetCDF"),
        "recipes": [("noaa-oisst-avhrr-only", "recipe:recipe", None)],
        "maintainers": [RYAN],
        "providers": [("NOAA NCEI", "https://www.ncdc.noaa.gov/oisst", ["producer", "licensor"])],
        "problems": [],
    },
    "leap-stc/gpcp-feedstock": {
        "feedstock": (
            "Global Precipitation Climatology Project",
            "No constraints on data access or use.",
            None,
            None,
            None,
            None,
        ),
        "description": ("Global Precipitation", "from 1996 to 2025-05-19."),
        "recipes": [],
        "maintainers": [RYAN, ("norlandrhagen", "Raphael Hagen", None)],
        "providers": GPCP_PROVIDERS,
        "problems": [LICENSE_PROBLEM],
    },
    "leap-stc/cm2o_feedstock": {
        "feedstock": ("NOAA-GFDL CM2-O Coupled Climate Model Simulations", "Unknown", None, None, None, None),
        "description": None,
        "recipes": [("small", "recipe:small", None)],
        "maintainers": [JULIUS],
        "providers": [
            (
                "NOAA-GFDL",
                "https://mom-ocean.github.io/assets/pdfs/CM2_O_suite_1990_tutorial_and_analysis.pdf",
                ["producer", "licensor"],
            )
        ],
        "problems": [LICENSE_PROBLEM],
    },
    "leap-stc/arco-era5_feedstock": {
        "feedstock": ("ARCO ERA5", "Apache Version 2.0", None, None, None, None),
        "description": ("Analysis-Ready, Cloud Optimized", "by Google Research"),
        "recipes": [("0_25_deg_pressure_surface_levels", None, None), ("0_25_deg_model_levels", None, None)],
        "maintainers": [JULIUS],
        "providers": [("Google Research", None, ["producer", "licensor"])],
        "problems": [LICENSE_PROBLEM],
    },
    "carbonplan/ocean-sink-data-feedstock": {
        "feedstock": ("LDEO-pCO2 HPD Back in Time", "CC BY", None, None, None, None),
        "description": ("The ocean reduces human impact", "full-coverage corrections."),
        "recipes": [
            ("GCB-2023_dataprod_LDEO-HPD_1959-2022-updated-flipped-lon", "recipe:flux", None),
            ("annual-sfco2", "recipe:annual_sfco2", None),
        ],
        "maintainers": [("andersy005", "Anderson Banihirwe", None)],
        "providers": [("LDEO", None, ["producer", "licensor"]), ("LEAP", None, ["producer", "licensor"])],
        "problems": [LICENSE_PROBLEM],
    },
}


@pytest.mark.skipif("FEDERATION_REAL_DIR" not in os.environ, reason="needs files that are not kept here")
@pytest.mark.parametrize("repository", REAL)
def test_real_files_as_a_person_reads_them(repository):
    parsed = parse_meta_yaml(Path(os.environ["FEDERATION_REAL_DIR"], repository, "feedstock/meta.yaml").read_bytes())
    feedstock, expected = parsed.feedstock, REAL[repository]
    assert parsed.understood
    description = feedstock.pop("description")
    meta = json.loads(feedstock.pop("meta"))
    assert tuple(feedstock.values()) == expected["feedstock"]
    if expected["description"] is None:
        assert description is None
    else:
        beginning, end = expected["description"]
        assert description.startswith(beginning)
        assert description.endswith(end)
    assert [tuple(row.values()) for row in parsed.recipes] == expected["recipes"]
    assert [tuple(row.values()) for row in parsed.maintainers] == expected["maintainers"]
    assert [(row["name"], row["url"], row["roles"]) for row in parsed.providers] == expected["providers"]
    assert [(problem.pointer, problem.severity) for problem in parsed.problems] == expected["problems"]
    assert meta.get("title") == feedstock["title"]
