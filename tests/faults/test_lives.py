"""Whole lives of a warehouse in which every command is killed again and again."""

import random
import signal
from collections.abc import Callable
from typing import Any

import pytest
from mistreated import assert_whole_windows, readme_says
from test_kills import begin, forks, shop_elsewhere
from truth_shop import DAY_S, HOUR_S, Place, assert_equal, assert_history_is_a_chain, listed

from pipelines.cli import cli

Install = Callable[..., Place]

__all__ = ["forks"]

LIVES, KILLS = 10, 50
LONGEST_S = 1.2
COMMANDS = [["sync"]] * 5 + [["backfill", "--from", "2026-09-15", "--to", "2026-10-30"]] * 2
COMMANDS += [["reflatten"]] * ("reflatten" in cli.commands)


@pytest.mark.long
@pytest.mark.parametrize("life", range(LIVES))
def test_after_fifty_kills_in_a_life_one_more_sync_makes_it_equal(
    life: int, forks: Any, install: Install
) -> None:
    draw = random.Random(life)
    with shop_elsewhere(sessions=400, days=5, days_ahead=30, latency_ms=8, seed=life) as shop:
        place = install(shop.url, sync__reread_ratio=0)
        kills = completed = 0
        while kills < KILLS:
            # A first load at the start of the life, whatever the draw.
            command = draw.choice(COMMANDS) if kills > 2 else ["sync"]
            process = begin(forks, place, *command)
            process.join(draw.uniform(0, LONGEST_S))
            if process.is_alive():
                process.kill()
                process.join()
            if process.exitcode == -signal.SIGKILL:
                kills += 1
            else:
                assert process.exitcode in (0, 5), command  # 5: nothing to work on yet
                completed += process.exitcode == 0
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
        assert completed > 0, "kills at every moment, the last one too"
    readme_says(
        f"{LIVES * KILLS} kills at random moments: first loads, syncs, backfills, reflattens",
        "after one more sync equal to the API, every time",
    )
