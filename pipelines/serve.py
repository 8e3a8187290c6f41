"""The deployments: what Prefect runs by schedule or on demand, and the process that runs them."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cronsim import CronSim

from pipelines import flow_runs, flows, prefect_environment
from pipelines.errors import ConfigError
from pipelines.prefect_server import prefect_server
from pipelines.routes import without_user
from pipelines.settings import Settings

# isort: split
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings
from prefect.types.entrypoint import EntrypointType

WEEKLY = "30 4 * * 0"
"""When everything is verified: on Sundays."""
DATE = r"^\d{4}-\d\d-\d\d"
"""How a date begins; Prefect's API alone would take any text for one."""
AT_ONCE = 5
"""Flow runs at a time: one that writes, those that wait for it, a verification."""


def serve(settings: Settings, tell: Callable[[str], None]) -> None:
    """Register the deployments and run them until stopped.

    Args:
        settings: also of the runs, which read them again.
        tell: gets lines for people.

    Raises:
        ConfigError: the configured Prefect API doesn't answer, or a server can't be started.
    """
    address = flow_runs.api_address()
    if address is not None:
        _serve_at(address, settings, tell)
        return
    home = settings.folder / "prefect"
    tell(f"starting a Prefect server, which takes about 20 s; its state and log are in {home}")
    with prefect_server(home) as address, temporary_settings({PREFECT_API_URL: address}):
        _serve_at(address, settings, tell)


def register(settings: Settings, work_pool: str, tell: Callable[[str], None]) -> None:
    """Register the deployments for the workers of a pool.

    Raises:
        ConfigError: no Prefect API is configured or answers, or it has no such pool.
    """
    address = flow_runs.api_address()
    if address is None:
        raise ConfigError(
            "--work-pool needs a Prefect API whose workers run the flows; set PREFECT_API_URL",
            key="PREFECT_API_URL",
        )
    asyncio.run(_register(settings, deployments(settings, work_pool), work_pool))
    tell(f"registered with {without_user(address)} for the workers of {work_pool!r}")
    _tell_next(settings, tell)


def deployments(settings: Settings, work_pool: str | None = None) -> list[RunnerDeployment]:
    """Return what Prefect is to run: sync and verify by schedule, all three on demand."""
    zone = settings.timezone
    environ = {name: os.environ[name] for name in prefect_environment.FOR_WORKERS}
    common: dict[str, Any] = {
        "parameters": {"config_file": str(settings.file) if settings.file else None},
        "entrypoint_type": EntrypointType.MODULE_PATH,
        "paused": False,
        "work_pool_name": work_pool,
        "job_variables": {"env": environ} if work_pool else None,
    }
    return [
        RunnerDeployment.from_flow(
            flows.sync_checkout_sessions,
            name="sync",
            schedule=Cron(settings.sync.schedule, timezone=zone),
            tags=[flow_runs.TAG, "sync"],
            **common,
        ),
        RunnerDeployment.from_flow(
            flows.backfill_checkout_sessions,
            name="backfill",
            tags=[flow_runs.TAG, "backfill"],
            **common,
        ),
        RunnerDeployment.from_flow(
            flows.verify_checkout_sessions,
            name="verify",
            schedule=Cron(WEEKLY, timezone=zone),
            tags=[flow_runs.TAG, "verify"],
            **common,
        ),
    ]


def _serve_at(address: str, settings: Settings, tell: Callable[[str], None]) -> None:
    ui = get_current_settings().ui_url or address.removesuffix("/api")
    tell(f"serving sync, backfill and verify; Prefect's pages are at {without_user(ui)}")
    _tell_next(settings, tell)
    tell("stop with Ctrl-C")
    # With Python's own handler asyncio lets Prefect pause the schedules, whatever it is at; a
    # second Ctrl-C doesn't wait for that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(_run(settings, deployments(settings)))
    except KeyboardInterrupt:
        tell("stopped; what was loaded stays")


class _Runner(Runner):
    """Ends by SIGTERM as by Ctrl-C; Prefect's own handler leaves a coroutine that nobody awaits."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Be interrupted."""
        signal.raise_signal(signal.SIGINT)


async def _run(settings: Settings, served: Sequence[RunnerDeployment]) -> None:
    runner = _Runner(name="checkouts", limit=AT_ONCE)
    for deployment in served:
        await _narrow(await runner.aadd_deployment(deployment), deployment, settings)
    await runner.start()


async def _register(
    settings: Settings, registered: Sequence[RunnerDeployment], work_pool: str
) -> None:
    async with get_client() as client:
        try:
            await client.read_work_pool(work_pool)
        except ObjectNotFound:
            raise ConfigError(
                f"Prefect has no work pool {work_pool!r}; make it with"
                f" `prefect work-pool create {work_pool} --type process`, or name another"
            ) from None
    for deployment in registered:
        await _narrow(await deployment.aapply(), deployment, settings)


async def _narrow(id_: UUID, deployment: RunnerDeployment, settings: Settings) -> None:
    """Let Prefect's form offer the accounts by name, and refuse others and what is no date."""
    async with get_client() as client:
        schema = (await client.read_deployment(id_)).parameter_openapi_schema or {}
        fields = schema["properties"]
        names = [account.name for account in settings.chosen()]
        fields["accounts"] |= {"type": "array", "items": {"type": "string", "enum": names}}
        fields["accounts"].pop("anyOf", None)
        fields["accounts"].pop("default", None)
        for field in fields.values():
            for kind in field.get("anyOf", [field]):
                if kind.get("format") == "date-time":
                    kind["pattern"] = DATE
        update = DeploymentUpdate(parameter_openapi_schema=schema, tags=deployment.tags)
        await client.update_deployment(id_, update)


def _tell_next(settings: Settings, tell: Callable[[str], None]) -> None:
    now = datetime.now(settings.zone)
    for what, cron in (("sync", settings.sync.schedule), ("verify", WEEKLY)):
        at = next(CronSim(cron, now))
        tell(f"  next {what:<6} {at:%Y-%m-%d %H:%M} {settings.timezone}")
