"""How an emulator is set up."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.emulator.faults import Fault


@dataclass(frozen=True)
class Options:
    """How an emulator is set up.

    Attributes:
        port: where it listens on 127.0.0.1; 0 takes a free one.
        seed: another seed, other shops.
        sessions: how many sessions a shop has when the emulator starts.
        days: over how many days they were created.
        days_ahead: how many days a shop goes on after the start.
        now: the time at the start, in epoch seconds; None is the machine's.
        frozen: whether only `advance` moves the clock.
        latency_ms: how long a request takes on average, give or take 30 %.
        requests_per_second: how many a key may send; 0 is any number.
        late_s: up to how many seconds after `created` some sessions appear.
        load: a file whose sessions are served instead.
        faults: which requests go wrong, and how.
        keys: the keys that are accepted; none means any that look like one.
        accounts: how many accounts there are, each with a key and a shop of its own.
    """

    port: int = 0
    seed: int = 1
    sessions: int = 20_000
    days: float = 90
    days_ahead: float = 7
    now: float | None = None
    frozen: bool = False
    latency_ms: float = 0
    requests_per_second: int = 0
    late_s: int = 0
    load: Path | None = None
    faults: tuple[Fault, ...] = ()
    keys: tuple[str, ...] = ()
    accounts: int = 1

    def __post_init__(self) -> None:
        """Refuses what makes no shop.

        Raises:
            ValueError: a number out of range.
        """
        for name in ("sessions", "days_ahead", "latency_ms", "requests_per_second", "late_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.accounts < 1:
            raise ValueError("accounts must be at least 1")
        if self.accounts > 1 and self.load:
            raise ValueError("accounts: a file to load holds those of one account")
        if self.accounts < len(self.keys) and self.accounts > 1:
            raise ValueError("accounts: there are more keys than accounts")
        if self.days <= 0:
            raise ValueError("days must be more than 0")
