"""Accounts on a Dask cluster: each runs whole in one worker, with its own pace and its own loads.

What travels is plain: settings, names and figures. A key is in the environment of the worker.
"""

import logging
from collections.abc import Sequence
from typing import Any

import dask
import msgspec
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.settings import get_current_settings
from prefect_dask import DaskTaskRunner

from pipelines.errors import CheckoutsError, ConfigError
from pipelines.jobs import Job, figures, report_of
from pipelines.outcomes import Report
from pipelines.settings import Account, Run, Settings, from_plain, plain


def side_by_side(settings: Settings, accounts: Sequence[Account], job: Job) -> list[Report]:
    """Run accounts on the cluster of the settings and return what each did, in their order.

    Raises:
        ConfigError: there is no Prefect API that the workers could report to.
    """
    if get_current_settings().api.url is None:
        raise ConfigError(
            "run.task_runner is dask, whose workers report to a Prefect server; start one and set"
            " PREFECT_API_URL",
            key="PREFECT_API_URL",
        )
    names = [account.name for account in accounts]
    on_cluster = run_accounts.with_options(task_runner=_runner(settings.run))
    told = on_cluster(plain(settings), names, msgspec.to_builtins(job))
    return [report_of(figures) for figures in told]


@flow(name="run-accounts", persist_result=False)
def run_accounts(
    settings: dict[str, Any], names: list[str], job: dict[str, Any]
) -> list[dict[str, Any]]:
    """Run accounts, each as a task."""
    running = [run_account.submit(settings, name, job) for name in names]
    return [_told(each, name) for each, name in zip(running, names, strict=True)]


def _told(running: PrefectFuture[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return what a run of an account did, also where its workers died with it."""
    try:
        return running.result()
    except Exception as error:  # noqa: BLE001 -- whatever Dask or Prefect met
        what = f"the task did not end ({type(error).__name__}); the next run goes on from there"
        return figures(Report("", name, "sync", "failed", error=CheckoutsError(what)))


@task(
    name="run-account",
    task_run_name="{name}",
    persist_result=False,
    cache_policy=NO_CACHE,
    retries=0,
)
def run_account(settings: dict[str, Any], name: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run one account to its end, whatever that is."""
    loaded = from_plain(settings)
    (account,) = loaded.chosen([name])
    return figures(msgspec.convert(job, Job).run(loaded, account))


def _runner(run: Run) -> "DaskTaskRunner[Any]":
    # It would show where in its code it met each worker that died; `_told` says what that means.
    for name in ("distributed", "distributed.client"):  # which has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if run.dask_address is not None:
        return DaskTaskRunner(address=run.dask_address)
    # Likewise its workers, one of which may send a sign of life while all are being ended.
    dask.config.set({"distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical"})
    return DaskTaskRunner(
        cluster_kwargs={
            "n_workers": run.workers,
            "threads_per_worker": 1,
            "processes": True,
            "dashboard_address": None,
        }
    )
