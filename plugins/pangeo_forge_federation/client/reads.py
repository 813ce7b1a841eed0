"""A method for each list and record of the registry. Made by scripts/write-generated."""

from pangeo_forge_federation.client import records
from pangeo_forge_federation.client.pages import Pages
from pangeo_forge_federation.client.reader import Reader, Value


class Reads(Reader):
    """Every GET endpoint: lists take filters, and what else `rows` says."""

    def bakeries(self, **filters: Value) -> Pages[records.Bakery]:
        """Bakeries.

        Each bakery with its targets and the counts of its recipe runs.
        """
        return self.rows("list_bakeries", filters=filters)

    def bakery(self, bakery_id: str) -> records.Bakery:
        """A bakery.

        One bakery with its targets and the counts of its recipe runs.
        """
        return self.record("get_bakery", bakery_id)

    def bakery_recipe_runs(self, bakery_id: str, **filters: Value) -> Pages[records.RecipeRun]:
        """Recipe runs of a bakery, newest first."""
        return self.rows("list_bakery_recipe_runs", bakery_id, filters=filters)

    def feedstocks(self, **filters: Value) -> Pages[records.Feedstock]:
        """Feedstocks.

        Each feedstock with all that a card needs.
        """
        return self.rows("list_feedstocks", filters=filters)

    def feedstock(self, feedstock_id: str) -> records.FeedstockDetail:
        """A feedstock.

        One feedstock with all that its page needs.
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

        Every accepted write to it, oldest first.
        """
        return self.rows("list_recipe_run_events", recipe_run_id, filters=filters)

    def recipe_run_datasets(self, recipe_run_id: int, **filters: Value) -> Pages[records.Dataset]:
        """Datasets that a recipe run wrote."""
        return self.rows("list_recipe_run_datasets", recipe_run_id, filters=filters)

    def datasets(self, **filters: Value) -> Pages[records.Dataset]:
        """Datasets.

        Each dataset with the latest recipe run that wrote it.
        """
        return self.rows("list_datasets", filters=filters)

    def dataset(self, dataset_id: int) -> records.Dataset:
        """A dataset."""
        return self.record("get_dataset", dataset_id)

    def dataset_recipe_runs(self, dataset_id: int, **filters: Value) -> Pages[records.RecipeRun]:
        """Recipe runs that wrote a dataset, newest first."""
        return self.rows("list_dataset_recipe_runs", dataset_id, filters=filters)

    def dataset_lineage(self, dataset_id: int) -> records.Lineage:
        """Where a dataset came from.

        The dataset, the recipe runs that wrote it, their feedstock at the commit, and the providers.
        """
        return self.record("get_dataset_lineage", dataset_id)

    def maintainers(self, **filters: Value) -> Pages[records.Maintainer]:
        """Maintainers.

        The people who maintain feedstocks.
        """
        return self.rows("list_maintainers", filters=filters)

    def maintainer(self, github: str) -> records.MaintainerDetail:
        """A maintainer.

        One person with the state of each of their feedstocks.
        """
        return self.record("get_maintainer", github)

    def stats(self, from_day: Value | None = None, to_day: Value | None = None) -> records.Stats:
        """Statistics.

        Counts of everything, test runs left out. `from_day` and `to_day` bound the runs by day: the last 90 days when
        nothing is said, and at most 366.
        """
        return self.record("get_stats", from_day=from_day, to_day=to_day)

    def problems(self, **filters: Value) -> Pages[records.Problem]:
        """Problems.

        What the last syncs could not understand, with the place in the file.
        """
        return self.rows("list_problems", filters=filters)

    def sync_runs(self, **filters: Value) -> Pages[records.SyncRun]:
        """Syncs, newest first."""
        return self.rows("list_sync_runs", filters=filters)

    def sync_run(self, sync_run_id: int) -> records.SyncRunDetail:
        """A sync.

        One sync with what it changed, field by field.
        """
        return self.record("get_sync_run", sync_run_id)
