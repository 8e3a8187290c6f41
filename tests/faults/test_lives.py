"""Whole lives of a warehouse in which every command is killed again and again."""

import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from mistreated import assert_whole_windows
from test_kills import begin, forks, shop_elsewhere
from truth_shop import DAY_S, HOUR_S, Place, assert_equal, assert_history_is_a_chain, listed

Install = Callable[..., Place]
Tried = Callable[[str], None]

__all__ = ["forks"]

LIVES, KILLS = 10, 50
FIRST_S = 1.0
"""How long a command is taken to last until one was seen to end, in seconds."""
LEFT_ALONE = 0.15
"""Share of the commands that are let run to their end, which tells how long they last here."""
COMMANDS = [["sync"]] * 5 + [["backfill", "--from", "2026-09-15", "--to", "2026-10-30"]] * 2
COMMANDS += [["reflatten"]]


@pytest.mark.tried(
    f"{LIVES * KILLS} kills at random moments: first loads, syncs, backfills, reflattens"
)
@pytest.mark.long
@pytest.mark.parametrize("life", range(LIVES))
def test_after_fifty_kills_in_a_life_one_more_sync_makes_it_equal(
    life: int, forks: Any, install: Install, tried: Tried
) -> None:
    draw = random.Random(life)
    with shop_elsewhere(sessions=400, days=5, days_ahead=30, latency_ms=8, seed=life) as shop:
        place = install(shop.url, sync__reread_ratio=0)
        kills = 0
        lasts = dict.fromkeys(("sync", "backfill", "reflatten"), FIRST_S)
        while kills < KILLS:
            # A first load at the start of the life, whatever the draw.
            command = draw.choice(COMMANDS) if kills > 2 else ["sync"]
            left_alone = kills > 2 and draw.random() < LEFT_ALONE
            kill_after = draw.uniform(0, lasts[command[0]])
            began = time.monotonic()
            process = begin(forks, place, *command)
            process.join(60 if left_alone else kill_after)
            if process.is_alive():
                process.kill()
                process.join()
            if process.exitcode == -signal.SIGKILL:
                kills += 1
            else:
                # Without a whole file yet, there is nothing to work on.
                assert process.exitcode in (0, 5 * (command == ["reflatten"])), command
                if left_alone:
                    lasts[command[0]] = time.monotonic() - began
            if draw.random() < 0.4:
                shop.advance(draw.choice([1, 61, HOUR_S, DAY_S // 2]))
            if draw.random() < 0.1:
                assert_whole_windows(place, listed(shop.url), shop.now)
        assert place.sync().outcome == "completed"
        assert_equal(place, listed(shop.url))
        assert_history_is_a_chain(place)
        assert len(place.coverage()) == 1
        outcomes = {outcome for (outcome,) in place.rows("select outcome from meta.runs")}
        assert outcomes <= {"completed", "interrupted"}
    tried("after one more sync equal to the API, every time")
