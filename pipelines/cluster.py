"""Accounts on a Dask cluster: each runs whole in one worker, with its own pace and its own loads.

What travels is plain: settings, names and figures. A key is in the environment of the worker.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect_dask import DaskTaskRunner

from pipelines import config
from pipelines.config import Account, Settings
from pipelines.jobs import Job, figures, report_of
from pipelines.runs import Report


def side_by_side(settings: Settings, accounts: Sequence[Account], job: Job) -> list[Report]:
    """Run accounts on the cluster of the settings and return what each did, in their order."""
    names = [account.name for account in accounts]
    on_cluster = run_accounts.with_options(task_runner=_runner(settings.run))
    told = on_cluster(config.plain(settings), names, msgspec.to_builtins(job))
    return [report_of(figures) for figures in told]


@flow(name="run-accounts", persist_result=False)
def run_accounts(
    settings: dict[str, Any], names: list[str], job: dict[str, Any]
) -> list[dict[str, Any]]:
    """Run accounts, each as a task."""
    running = [run_account.submit(settings, name, job) for name in names]
    return [each.result() for each in running]


@task(
    name="run-account",
    task_run_name="{name}",
    persist_result=False,
    cache_policy=NO_CACHE,
    retries=0,
)
def run_account(settings: dict[str, Any], name: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run one account to its end, whatever that is."""
    loaded = config.from_plain(settings)
    (account,) = loaded.chosen([name])
    return figures(msgspec.convert(job, Job).run(loaded, account))


def _runner(run: config.Run) -> "DaskTaskRunner[Any]":
    if run.dask_address is not None:
        return DaskTaskRunner(address=run.dask_address)
    return DaskTaskRunner(
        cluster_kwargs={
            "n_workers": run.workers,
            "threads_per_worker": 1,
            "processes": True,
            "dashboard_address": None,
        }
    )
