"""A method for each list and record of the registry. Made by scripts/write-generated."""

from pangeo_forge_federation.client import records
from pangeo_forge_federation.client.pages import Pages
from pangeo_forge_federation.client.reader import Reader, Value


class Reads(Reader):
    """A method for each GET endpoint. Those for lists take the filters and options of `rows`."""

    def bakeries(self, **filters: Value) -> Pages[records.Bakery]:
        """Bakeries.

        Every bakery, with its targets and the numbers of its recipe runs.
        """
        return self.rows("list_bakeries", filters=filters)

    def bakery(self, bakery_id: str) -> records.Bakery:
        """A bakery.

        One bakery, with its targets and the numbers of its recipe runs.
        """
        return self.record("get_bakery", bakery_id)

    def bakery_recipe_runs(self, bakery_id: str, **filters: Value) -> Pages[records.RecipeRun]:
        """Recipe runs of a bakery, newest first."""
        return self.rows("list_bakery_recipe_runs", bakery_id, filters=filters)

    def feedstocks(self, **filters: Value) -> Pages[records.Feedstock]:
        """Feedstocks.

        Every feedstock, with everything that a summary card needs.
        """
        return self.rows("list_feedstocks", filters=filters)

    def feedstock(self, feedstock_id: str) -> records.FeedstockDetail:
        """A feedstock.

        One feedstock, with everything that its page needs.
        """
        return self.record("get_feedstock", feedstock_id)

    def feedstock_recipe_runs(self, feedstock_id: str, **filters: Value) -> Pages[records.RecipeRun]:
        """Recipe runs of a feedstock, newest first."""
        return self.rows("list_feedstock_recipe_runs", feedstock_id, filters=filters)

    def feedstock_recipes(self, feedstock_id: str, **filters: Value) -> Pages[records.Recipe]:
        """Recipes of a feedstock.

        The recipes that its meta.yaml lists, each with its latest recipe run.
        """
        return self.rows("list_feedstock_recipes", feedstock_id, filters=filters)

    def feedstock_datasets(self, feedstock_id: str, **filters: Value) -> Pages[records.Dataset]:
        """Datasets of a feedstock."""
        return self.rows("list_feedstock_datasets", feedstock_id, filters=filters)

    def recipe_runs(self, **filters: Value) -> Pages[records.RecipeRun]:
        """Recipe runs, newest first."""
        return self.rows("list_recipe_runs", filters=filters)

    def recipe_run(self, recipe_run_id: int) -> records.RecipeRun:
        """A recipe run."""
        return self.record("get_recipe_run", recipe_run_id)

    def recipe_run_events(self, recipe_run_id: int, **filters: Value) -> Pages[records.RecipeRunEvent]:
        """Events of a recipe run.

        Every accepted write to the recipe run, oldest first.
        """
        return self.rows("list_recipe_run_events", recipe_run_id, filters=filters)

    def recipe_run_datasets(self, recipe_run_id: int, **filters: Value) -> Pages[records.Dataset]:
        """Datasets that a recipe run wrote."""
        return self.rows("list_recipe_run_datasets", recipe_run_id, filters=filters)

    def datasets(self, **filters: Value) -> Pages[records.Dataset]:
        """Datasets.

        Every dataset, with the latest recipe run that wrote it.
        """
        return self.rows("list_datasets", filters=filters)

    def dataset(self, dataset_id: int) -> records.Dataset:
        """A dataset."""
        return self.record("get_dataset", dataset_id)

    def dataset_recipe_runs(self, dataset_id: int, **filters: Value) -> Pages[records.RecipeRun]:
        """Recipe runs that wrote a dataset, newest first."""
        return self.rows("list_dataset_recipe_runs", dataset_id, filters=filters)

    def dataset_lineage(self, dataset_id: int) -> records.Lineage:
        """Lineage of a dataset.

        The dataset, the recipe runs that wrote it, their feedstock at that commit, and its providers.
        """
        return self.record("get_dataset_lineage", dataset_id)

    def maintainers(self, **filters: Value) -> Pages[records.Maintainer]:
        """Maintainers.

        The people who maintain feedstocks.
        """
        return self.rows("list_maintainers", filters=filters)

    def maintainer(self, github: str) -> records.MaintainerDetail:
        """A maintainer.

        One maintainer, with the current status of each of their feedstocks.
        """
        return self.record("get_maintainer", github)

    def stats(self, from_day: Value | None = None, to_day: Value | None = None) -> records.Stats:
        """Statistics.

        The numbers of all records, without test runs. `from_day` and `to_day` limit the runs by day: by default to the
        last 90 days, and to 366 days at most.
        """
        return self.record("get_stats", from_day=from_day, to_day=to_day)

    def problems(self, **filters: Value) -> Pages[records.Problem]:
        """Problems.

        What the latest syncs could not read, with its location in the file.
        """
        return self.rows("list_problems", filters=filters)

    def sync_runs(self, **filters: Value) -> Pages[records.SyncRun]:
        """Syncs, newest first."""
        return self.rows("list_sync_runs", filters=filters)

    def sync_run(self, sync_run_id: int) -> records.SyncRunDetail:
        """A sync.

        One sync, with everything that it changed, field by field.
        """
        return self.record("get_sync_run", sync_run_id)
